import { z } from 'zod';
import { show, suggestName } from './problem.ts';
import { Interpolated, isReference } from './references.ts';

/** What is said about one value in the schema, in the reference and in problems. */
export interface LeafFacts {
  /** Sentences for the reference and for editors. */
  readonly description: string;
  /** What is accepted, as a phrase: `1s to 1h`. */
  readonly allowed: string;
  /** JSON Schema keywords. Default: `{ type: 'string' }`. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** Never show the value. Default false. */
  readonly isHidden?: boolean;
  /** What is wrong with a number in place of this text. */
  readonly numberProblem?: string;
}

/** A parsed value, or a clause that says what is wrong. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T; readonly warning?: string }
  | { readonly ok: false; readonly problem: string; readonly suggestion?: string | undefined };

/** What an issue of ours carries to the report. */
export interface IssueFacts {
  /** `type`: the value is not even of the right kind; `reported`: somebody has said so already. */
  readonly kind: 'value' | 'type' | 'missing' | 'reported' | 'warning';
  readonly allowed: string | undefined;
  readonly value: string | undefined;
  readonly suggestion: string | undefined;
}

/** A value that is text: in the file, or behind a reference. */
export function textLeaf<T>(
  facts: LeafFacts,
  parse: (text: string, source: Interpolated | undefined) => Parsed<T>,
): z.ZodType<T> {
  return leaf(facts, (raw) => {
    if (typeof raw === 'string') return parse(raw, undefined);
    if (raw instanceof Interpolated && raw.text !== undefined) return parse(raw.text, raw);
    if (typeof raw === 'number') return { ok: false, problem: facts.numberProblem ?? NOT_QUOTED };
    return typeof raw === 'boolean' ? { ok: false, problem: NOT_QUOTED } : undefined;
  });
}

const NOT_QUOTED = 'is not text: put it in quotes if it is meant';

/** A whole number from `min` to `max`. */
export function integerLeaf(
  description: string,
  range: { readonly min: number; readonly max: number },
): z.ZodType<number> {
  const { min, max } = range;
  const facts: LeafFacts = {
    description,
    allowed: min === max ? String(min) : `a whole number from ${min} to ${max}`,
    json: { type: 'integer', minimum: min, maximum: max },
  };
  return leaf(facts, (raw) => {
    const value = numberOf(raw);
    if (value === undefined) return undefined;
    if (!Number.isSafeInteger(value)) return { ok: false, problem: 'is not a whole number' };
    if (value < min) return { ok: false, problem: 'is too small' };
    return value > max ? { ok: false, problem: 'is too large' } : { ok: true, value };
  });
}

/** A share from 0 to 1. */
export function ratioLeaf(
  description: string,
  range: { readonly min: number; readonly max: number },
): z.ZodType<number> {
  const { min, max } = range;
  const facts: LeafFacts = {
    description,
    allowed: `a number from ${min} to ${max}`,
    json: { type: 'number', minimum: min, maximum: max },
  };
  return leaf(facts, (raw) => {
    const value = numberOf(raw);
    if (value === undefined) return undefined;
    return value >= min && value <= max ? { ok: true, value } : { ok: false, problem: 'is out of range' };
  });
}

export function booleanLeaf(description: string): z.ZodType<boolean> {
  const facts: LeafFacts = { description, allowed: 'true or false', json: { type: 'boolean' } };
  return leaf(facts, (raw) => (typeof raw === 'boolean' ? { ok: true, value: raw } : undefined));
}

/** One of a few words. `alternative`: what else the key takes, to be said with them. */
export function choiceLeaf<const T extends string>(
  description: string,
  choices: readonly T[],
  alternative = '',
): z.ZodType<T> {
  const facts: LeafFacts = {
    description,
    allowed: choices.join(', ') + alternative,
    json: { type: 'string', enum: choices },
  };
  return textLeaf(facts, (text) => {
    const value = choices.find((choice) => choice === text);
    if (value !== undefined) return { ok: true, value };
    return { ok: false, problem: 'is not one of the choices', suggestion: suggestName(text, choices) };
  });
}

/**
 * A map with known keys. Unknown keys are problems; the message of that issue is the list of the known ones, which is
 * what the report needs for its suggestion.
 */
export function section<const S extends z.ZodRawShape>(description: string, shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape).join(', ');
  return z
    .strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? known : undefined) })
    .meta({ description });
}

/** Adds an issue of ours to a parse that is going on. */
export function addIssue(
  context: z.RefinementCtx,
  message: string,
  facts: Partial<IssueFacts> & { path?: readonly (string | number)[] },
): void {
  const { path, ...rest } = facts;
  const params = { kind: 'value', allowed: undefined, value: undefined, suggestion: undefined, ...rest };
  context.addIssue({ code: 'custom', message, params, ...(path === undefined ? {} : { path: [...path] }) });
}

/** Any value that `parse` understands; undefined from `parse` says that it is of the wrong kind. */
function leaf<T>(facts: LeafFacts, parse: (raw: unknown) => Parsed<T> | undefined): z.ZodType<T> {
  return z
    .unknown()
    .transform((raw, context): T => {
      const { allowed } = facts;
      if (raw instanceof Interpolated && raw.text === undefined) {
        addIssue(context, 'is unresolved', { kind: 'reported' });
        return z.NEVER;
      }
      if (raw === undefined || raw === null) {
        addIssue(context, raw === null ? 'has no value' : 'is missing', { kind: 'missing', allowed });
        return z.NEVER;
      }
      const value = shown(raw, facts);
      const parsed = parse(raw);
      if (parsed === undefined) {
        addIssue(context, `is ${describeKind(raw)}`, { kind: 'type', allowed, value });
        return z.NEVER;
      }
      if (!parsed.ok) {
        addIssue(context, parsed.problem, { allowed, value, suggestion: parsed.suggestion });
        return z.NEVER;
      }
      if (parsed.warning !== undefined) addIssue(context, parsed.warning, { kind: 'warning', value });
      return parsed.value;
    })
    .meta({ ...(facts.json ?? { type: 'string' }), description: facts.description, 'x-allowed': facts.allowed });
}

/** What a value is, for a sentence: `a list`, `a section`, `text`. */
export function describeKind(raw: unknown): string {
  if (raw === null) return 'empty';
  if (Array.isArray(raw)) return 'a list';
  if (raw instanceof Interpolated) return 'a reference';
  if (typeof raw === 'string') return 'text';
  return typeof raw === 'object' ? 'a section' : `a ${typeof raw}`;
}

function shown(raw: unknown, facts: LeafFacts): string | undefined {
  // The text around a reference may be a secret as well; a reference alone cannot.
  if (raw instanceof Interpolated && isReference(raw.reference)) return raw.reference;
  if (facts.isHidden === true) return undefined;
  return show(raw instanceof Interpolated ? raw.reference : raw);
}

function numberOf(raw: unknown): number | undefined {
  if (typeof raw === 'number') return raw;
  const isDigits =
    raw instanceof Interpolated && raw.text !== undefined && /^[0-9]{1,15}(\.[0-9]{1,6})?$/.test(raw.text);
  return isDigits ? Number(raw.text) : undefined;
}
