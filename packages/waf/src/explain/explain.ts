import { exclusionDirective, exclusionTargets, type Interruption, type MatchedRule } from '../engine/outcome.ts';
import { SEVERITY_NAMES } from '../seclang/rule.ts';
import { type Mask, maskFor } from './mask.ts';
import { printable } from './printable.ts';

/** What a transaction knows when it has been decided; a `Transaction` is one. */
export interface DecidedTransaction {
  readonly matchedRules: readonly MatchedRule[];
  readonly interruption?: Interruption | undefined;
  /** What would have been done if the engine were not in DetectionOnly. */
  readonly suppressedInterruption?: Interruption | undefined;
}

export interface ExplainOptions {
  /** The path of the request, which the exclusions are narrowed to; without it they hold everywhere. */
  readonly path?: string | undefined;
  /** Names of fields that hold secrets, beside those that say so themselves. Default: none. */
  readonly secretNames?: readonly string[] | undefined;
}

/** Why an exchange was decided as it was. Plain data: every text is printable, bounded, and holds no secret of a known field. */
export interface Explanation {
  /** Undefined when the rules had nothing against the exchange. */
  readonly decision: ExplainedDecision | undefined;
  /** The rules that matched and say so, in order. At most 32. */
  readonly rules: readonly ExplainedRule[];
  /** How many more matched. */
  readonly furtherRules: number;
  /** What all matches together added, by variable of TX; those that came to nothing are left out. */
  readonly totals: readonly ExplainedScore[];
}

export interface ExplainedDecision {
  /** `observed`: it would have been refused, and was not. */
  readonly outcome: 'refused' | 'observed';
  readonly kind: Interruption['kind'];
  readonly status: number;
  readonly cause: Interruption['cause'];
  /** 0 when no rule is the cause. */
  readonly ruleId: number;
  readonly phase: number;
  readonly message: string;
}

export interface ExplainedScore {
  readonly variable: string;
  readonly added: number;
}

export interface ExplainedRule {
  readonly id: number;
  readonly phase: number;
  readonly message: string;
  readonly data: string;
  /** `critical`; undefined when the rule has none. */
  readonly severity: string | undefined;
  readonly tags: readonly string[];
  readonly version: string;
  readonly file: string;
  readonly line: number;
  /** On which parts of the exchange. At most 8. */
  readonly matches: readonly ExplainedMatch[];
  readonly furtherMatches: number;
  readonly scores: readonly ExplainedScore[];
  /** What would have let it through; empty for rules that judge what others found. */
  readonly exclusions: readonly ExplainedExclusion[];
}

export interface ExplainedMatch {
  /** `ARGS:name`. */
  readonly part: string;
  /** As it came. */
  readonly value: string;
  /** As the rule saw it; the same text when nothing changed it. */
  readonly seen: string;
  readonly transformations: readonly string[];
}

/** The same exclusion twice: as data for `exclusionsToRules`, which still wants a reason and an end, and as SecLang. */
export interface ExplainedExclusion {
  readonly rules: { readonly ids: readonly string[] };
  readonly target: string;
  readonly exactPath: string | undefined;
  readonly secLang: string;
}

/** Says what was decided and why. Costs what is shown, however much matched. */
export function explain(transaction: DecidedTransaction, options: ExplainOptions = {}): Explanation {
  const { matchedRules, interruption, suppressedInterruption } = transaction;
  const speaking = matchedRules.filter(({ isLogged, id }) => isLogged || id === interruption?.ruleId);
  const shown = speaking.slice(0, RULES_SHOWN_MAX);
  const mask = maskFor(matchedRules, options.secretNames ?? []);
  const path = options.path === undefined ? undefined : plainPath(options.path);
  const cause = interruption ?? suppressedInterruption;
  return {
    decision: cause === undefined ? undefined : decisionOf(cause, interruption === undefined, { matchedRules, mask }),
    rules: shown.map((rule) => ruleOf(rule, mask, path)),
    furtherRules: speaking.length - shown.length,
    totals: totalsOf(matchedRules),
  };
}

/** A request that matches hundreds of rules is explained by the first of them. */
const RULES_SHOWN_MAX = 32;

/** A rule that matches every one of a thousand arguments is understood by the first few. */
const MATCHES_SHOWN_MAX = 8;

/** Characters of one text: a body of megabytes must not become an explanation of megabytes. */
export const TEXT_SHOWN_MAX = 512;

function decisionOf(
  { kind, status, cause, ruleId, phase, message }: Interruption,
  isObserved: boolean,
  { matchedRules, mask }: { readonly matchedRules: readonly MatchedRule[]; readonly mask: Mask },
): ExplainedDecision {
  const rule = matchedRules.find(({ id }) => id === ruleId);
  const text = rule === undefined ? message : mask.prose(rule, message);
  const outcome = isObserved ? 'observed' : 'refused';
  return { outcome, kind, status, cause, ruleId, phase, message: short(text) };
}

function ruleOf(rule: MatchedRule, mask: Mask, exactPath: string | undefined): ExplainedRule {
  const { id, phase, severity, tags, version, file, line, values } = rule;
  // Half of an exclusion would be another one: a name too long to be shown is left to the rule's own.
  const targets = exclusionTargets(rule).filter(({ length }) => length <= TEXT_SHOWN_MAX);
  return {
    id,
    phase,
    message: short(mask.prose(rule, rule.message)),
    data: short(mask.data(rule, rule.data)),
    severity: severity === undefined ? undefined : SEVERITY_NAMES[severity],
    tags,
    version,
    file,
    line,
    matches: values.slice(0, MATCHES_SHOWN_MAX).map((matched) => ({
      part: short(matched.name),
      value: short(mask.value(matched, matched.value)),
      seen: short(mask.value(matched, matched.transformed)),
      transformations: matched.transformations,
    })),
    furtherMatches: Math.max(values.length - MATCHES_SHOWN_MAX, 0),
    scores: rule.scores,
    exclusions: targets.slice(0, MATCHES_SHOWN_MAX).map((target) => ({
      rules: { ids: [String(id)] },
      target,
      exactPath,
      secLang: exclusionDirective(id, target),
    })),
  };
}

function totalsOf(rules: readonly MatchedRule[]): readonly ExplainedScore[] {
  const totals = new Map<string, number>();
  for (const { variable, added } of rules.flatMap(({ scores }) => scores)) {
    totals.set(variable, (totals.get(variable) ?? 0) + added);
  }
  return [...totals].filter(([, added]) => added !== 0).map(([variable, added]) => ({ variable, added }));
}

/** Undefined for what cannot stand in an exclusion. */
function plainPath(path: string): string | undefined {
  return /^\/[\x21-\x7e]*$/.test(path) ? path : undefined;
}

function short(bytes: string): string {
  return printable(bytes, TEXT_SHOWN_MAX);
}
