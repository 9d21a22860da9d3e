import type { Phase } from '../seclang/rule.ts';

/** What the rules want done about an exchange. A value: whoever owns the exchange acts on it. */
export interface Interruption {
  readonly kind: 'deny' | 'drop' | 'redirect';
  /** HTTP status; 403 unless a rule says otherwise. */
  readonly status: number;
  /** Of a redirect. */
  readonly location: string | undefined;
  readonly cause: 'rule' | 'requestBodyLimit' | 'requestBodyType' | 'responseBodyLimit' | 'stepBudget';
  /** 0 when no rule is the cause. */
  readonly ruleId: number;
  readonly phase: Phase;
  readonly message: string;
}

/** One value that a rule matched. */
export interface MatchedValue {
  /** `ARGS:name`. */
  readonly name: string;
  /** As it came. */
  readonly value: string;
  /** As the rule saw it. */
  readonly transformed: string;
  /** The transformations in between. */
  readonly transformations: readonly string[];
}

/** A rule that matched, and why. */
export interface MatchedRule {
  readonly id: number;
  readonly phase: Phase;
  readonly file: string;
  readonly line: number;
  readonly message: string;
  readonly data: string;
  /** 0 (emergency) to 7 (debug); undefined when the rule has none. */
  readonly severity: number | undefined;
  readonly tags: readonly string[];
  readonly version: string;
  /** What every rule of the chain matched, in order. At most 32. */
  readonly values: readonly MatchedValue[];
  /** What the match added to variables of TX, in order: CRS keeps its anomaly scores there. */
  readonly scores: readonly { readonly variable: string; readonly added: number }[];
  /** False for rules that only keep the books (`nolog`). */
  readonly isLogged: boolean;
  /** What the rule would do if the engine refused; `pass` for most. */
  readonly disruption: string;
}

/**
 * One line of text as ModSecurity's error log has them, for people and tools that read those. Control characters and
 * bytes above 0x7E are written as `\xhh`, so that no value can begin a line of its own.
 */
export function logLine(match: MatchedRule, context: { uri: string; uniqueId: string }): string {
  const fields: (readonly [string, string])[] = [
    ['file', match.file],
    ['line', String(match.line)],
    ['id', String(match.id)],
    ...(match.message === '' ? [] : [['msg', match.message] as const]),
    ...(match.data === '' ? [] : [['data', match.data] as const]),
    ...(match.severity === undefined ? [] : [['severity', String(match.severity)] as const]),
    ...(match.version === '' ? [] : [['ver', match.version] as const]),
    ...match.tags.map((tag) => ['tag', tag] as const),
    ['uri', context.uri],
    ['unique_id', context.uniqueId],
  ];
  const [first] = match.values;
  const where = first === undefined ? '' : ` at ${printable(first.name)}.`;
  return `Matched in phase ${match.phase}${where} ${fields.map(([name, text]) => `[${name} "${printable(text)}"]`).join(' ')}`;
}

/**
 * The directives that would have kept the rule from matching what it matched, each as narrow as the language allows. Empty
 * for rules that judge what other rules found: there the exclusion belongs to those.
 */
export function exclusionsFor(match: MatchedRule): readonly string[] {
  return exclusionTargets(match).map((target) => exclusionDirective(match.id, target));
}

export function exclusionDirective(ruleId: number, target: string): string {
  return `SecRuleUpdateTargetById ${ruleId} "!${target}"`;
}

/** What `exclusionsFor` takes out: `ARGS:name`, once each. */
export function exclusionTargets({ values }: MatchedRule): readonly string[] {
  const targets = values.map(({ name }) => targetOf(name)).filter((target) => target !== undefined);
  return [...new Set(targets)];
}

function targetOf(name: string): string | undefined {
  if (/^(?:&|MATCHED_|TX\b|XML)/.test(name)) return name.startsWith('XML') ? name : undefined;
  const colon = name.indexOf(':');
  if (colon < 0) return name;
  const key = name.slice(colon + 1);
  if (/^[\w.-]+$/.test(key)) return name;
  // A name that a client chose may hold anything: spelled in a pattern it is nothing but itself.
  const spelled = key.replaceAll(/[^A-Za-z0-9_]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  return `${name.slice(0, colon)}:/^${spelled}$/`;
}

function printable(text: string): string {
  return text
    .slice(0, LOGGED_FIELD_MAX)
    .replaceAll(/["\\]/g, '\\$&')
    .replaceAll(/[^\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Bytes of one field of a log line: a body of megabytes must not become a line of megabytes. */
const LOGGED_FIELD_MAX = 1_024;
