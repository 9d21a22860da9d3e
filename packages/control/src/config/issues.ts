import type { z } from 'zod';
import { describeKind, type IssueFacts } from './leaf.ts';
import { type KeyPath, suggestName } from './problem.ts';
import { Interpolated } from './references.ts';

/** A problem before it has a file and a position. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly path: KeyPath;
  /** Stand at the key instead of at the value. */
  readonly isAboutKey: boolean;
  readonly problem: string;
  readonly value: string | undefined;
  readonly allowed: string | undefined;
  readonly suggestion: string | undefined;
}

/** A finding with what is usual: an error about a value that is not shown. */
export function finding(path: KeyPath, problem: string, facts: Partial<Finding> = {}): Finding {
  return {
    severity: 'error',
    isAboutKey: false,
    value: undefined,
    allowed: undefined,
    suggestion: undefined,
    ...facts,
    path,
    problem,
  };
}

/** Says in our words what zod found in `raw`, the value that stands at `base`. Values are shown only where a leaf allows it. */
export function findingsOf(issues: readonly z.core.$ZodIssue[], raw: unknown, base: KeyPath): readonly Finding[] {
  return issues.flatMap((issue) => findingsOfIssue(issue, raw, base));
}

function findingsOfIssue(issue: z.core.$ZodIssue, raw: unknown, base: KeyPath): readonly Finding[] {
  const inner = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  const path = [...base, ...inner];
  const value = valueAt(raw, inner);
  if (value instanceof Interpolated && issue.code !== 'custom') {
    return value.text === undefined ? [] : [finding(path, 'is a reference; here stands no text')];
  }
  switch (issue.code) {
    case 'custom':
      return ownFindings(issue.message, factsOf(issue.params), path);
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], issue.message.split(', ')));
    case 'invalid_union':
      return unionFindings(issue, value, path);
    case 'invalid_type':
      return [wrongType(path, value, issue.expected)];
    case 'too_big':
    case 'too_small':
      return [finding(path, issue.message)];
    case 'invalid_value':
      return [finding(path, 'is not allowed here', { allowed: issue.values.map(String).join(', ') })];
    case 'invalid_format':
    case 'not_multiple_of':
    case 'invalid_key':
    case 'invalid_element':
      return [finding(path, 'is not valid')];
  }
}

/** A key that the schema does not know. `known`: the keys it does. */
export function unknownKey(path: KeyPath, known: readonly string[]): Finding {
  const suggestion = suggestName(String(path.at(-1)), known);
  return finding(path, 'is not a known key', { isAboutKey: true, allowed: known.join(', '), suggestion });
}

function ownFindings(message: string, facts: IssueFacts, path: KeyPath): readonly Finding[] {
  if (facts.kind === 'reported') return [];
  const severity = facts.kind === 'warning' ? 'warning' : 'error';
  const { value, allowed, suggestion } = facts;
  return [finding(path, message, { severity, value, allowed, suggestion })];
}

/** Of the branches of a union the one that was meant is told: the one that `raw` has the right kind for. */
function unionFindings(issue: z.core.$ZodIssueInvalidUnion, raw: unknown, path: KeyPath): readonly Finding[] {
  if (issue.discriminator !== undefined) return [discriminatorFinding(issue, raw, path)];
  const meant = issue.errors.filter((branch) => !branch.some((inner) => isWrongKind(inner)));
  const best = meant.toSorted((left, right) => left.length - right.length)[0];
  if (best !== undefined) return findingsOf(best, raw, path);
  if (raw === undefined) return [finding(path, 'is missing')];
  const allowed = issue.errors.flatMap((branch) => branch.flatMap((inner) => allowedBy(inner))).join('; or ');
  return [finding(path, `is ${describeKind(raw)}`, allowed === '' ? {} : { allowed })];
}

function isWrongKind(issue: z.core.$ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  if (issue.code === 'invalid_type') return true;
  return issue.code === 'custom' && ['type', 'missing'].includes(factsOf(issue.params).kind);
}

function allowedBy(issue: z.core.$ZodIssue): readonly string[] {
  if (issue.code === 'invalid_type') return [expectedKind(issue.expected)];
  if (issue.code !== 'custom') return [];
  const { allowed } = factsOf(issue.params);
  return allowed === undefined ? [] : [allowed];
}

function discriminatorFinding(issue: z.core.$ZodIssueInvalidUnion, raw: unknown, path: KeyPath): Finding {
  const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
  const allowed = options.join(', ');
  if (raw === undefined) return finding(path, 'is missing', { allowed });
  // A long text here may be a secret that lost its key.
  const isShown = typeof raw === 'string' && raw.length <= 32;
  const facts = isShown ? { value: JSON.stringify(raw), suggestion: suggestName(raw, options) } : {};
  return finding(path, 'is not one of the choices', { allowed, ...facts });
}

function wrongType(path: KeyPath, value: unknown, expected: string): Finding {
  const allowed = expectedKind(expected);
  if (value === undefined) return finding(path, 'is missing', { allowed });
  return finding(path, `is ${describeKind(value)}`, { allowed });
}

function expectedKind(expected: string): string {
  if (expected === 'object' || expected === 'record') return 'a section';
  return expected === 'array' ? 'a list' : expected;
}

function valueAt(raw: unknown, path: KeyPath): unknown {
  let value = raw;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}

/** Reads back what `addIssue` put in. Anything else is an issue without facts. */
function factsOf(params: Readonly<Record<string, unknown>> | undefined): IssueFacts {
  const string = (key: string): string | undefined => {
    const value = params?.[key];
    return typeof value === 'string' ? value : undefined;
  };
  const kinds = ['value', 'type', 'missing', 'reported', 'warning'] as const;
  const kind = kinds.find((name) => name === params?.['kind']) ?? 'value';
  return { kind, allowed: string('allowed'), value: string('value'), suggestion: string('suggestion') };
}
