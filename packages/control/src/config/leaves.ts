import { resolve } from 'node:path';
import { METHODS } from '@sallyport/kernel';
import { z } from 'zod';
import type { ParseContext } from './context.ts';
import { choiceLeaf, type Parsed, textLeaf } from './leaf.ts';
import { type Interpolated, SECRET_FILE_BYTES_MAX } from './references.ts';
import { secretProblem } from './secret-strength.ts';
import { formatDuration, formatSize, parseDuration, parseSize, suggestDuration, suggestSize } from './units.ts';

/** Both ends included. */
export interface Range {
  readonly min: string;
  readonly max: string;
}

/** A duration such as `30s`, in milliseconds. `range`: durations as well. */
export function duration(description: string, range: Range): z.ZodType<number> {
  return quantity(description, range, {
    parse: parseDuration,
    format: formatDuration,
    suggest: suggestDuration,
    noun: 'a duration',
    example: 'such as 500ms, 30s, 5m or 2h',
  });
}

/** A size such as `10KB`, in bytes; a kilobyte is 1,024 bytes. */
export function size(description: string, range: Range): z.ZodType<number> {
  return quantity(description, range, {
    parse: parseSize,
    format: formatSize,
    suggest: suggestSize,
    noun: 'a size',
    example: 'such as 512B, 10KB or 1MB',
  });
}

/** A name of ours: letters, digits, hyphens. It stands in events and in metrics. */
export function name(description: string): z.ZodType<string> {
  return textLeaf({ description, allowed: NAME_ALLOWED, json: { type: 'string', pattern: NAME.source } }, (text) =>
    NAME.test(text) ? { ok: true, value: text } : { ok: false, problem: 'is not a name' },
  );
}

export const NAME: RegExp = /^[a-z][a-z0-9-]{0,62}$/;
export const NAME_ALLOWED = 'lower-case letters, digits and hyphens, beginning with a letter, at most 63';

/** A text of at most `lengthMax` UTF-16 units that `pattern` matches. */
export function text(
  description: string,
  rule: { pattern: RegExp; allowed: string; problem: string },
): z.ZodType<string> {
  const facts = { description, allowed: rule.allowed, json: { type: 'string', pattern: rule.pattern.source } };
  return textLeaf(facts, (value) => {
    if (value.length > TEXT_LENGTH_MAX) return { ok: false, problem: 'is too long' };
    return rule.pattern.test(value) ? { ok: true, value } : { ok: false, problem: rule.problem };
  });
}

export function method(description: string): z.ZodType<string> {
  return choiceLeaf(description, METHODS);
}

/** A path of the file system, absolute in the result. */
export function filePath(description: string, context: ParseContext): z.ZodType<string> {
  return textLeaf({ description, allowed: 'a path' }, (value) => {
    if (value === '' || value.includes('\0')) return { ok: false, problem: 'is not a path' };
    return { ok: true, value: resolve(context.directory, value) };
  });
}

/** The content of a text file that is no secret: a path, or `${file:PATH}` or `${env:NAME}` for the content itself. */
export function fileContent(description: string, context: ParseContext): z.ZodType<string> {
  return textLeaf({ description, allowed: 'a path to a PEM file' }, (value, source) => {
    if (source !== undefined && !isPathLike(value)) return { ok: true, value };
    const read = context.files.read(resolve(context.directory, value), SECRET_FILE_BYTES_MAX);
    if (read.kind === 'failure') return { ok: false, problem: `names a file that ${read.why}` };
    return { ok: true, value: read.text };
  });
}

/** The content of a file that only the gateway may read: a path or a reference. Its mode is checked. */
export function secretFileContent(description: string, context: ParseContext): z.ZodType<string> {
  const facts = { description, allowed: 'a path to a PEM file, or a reference', isHidden: true };
  return textLeaf(facts, (value, source) => {
    if (source?.file !== undefined) return modeChecked(value, source.file, context);
    if (!isPathLike(value)) {
      if (source !== undefined) return { ok: true, value };
      return { ok: false, problem: 'holds a key itself; a key stands in its own file or behind a reference' };
    }
    const path = resolve(context.directory, value);
    const read = context.files.read(path, SECRET_FILE_BYTES_MAX);
    if (read.kind === 'failure') return { ok: false, problem: `names a file that ${read.why}` };
    return modeChecked(read.text, { path, mode: read.mode }, context);
  });
}

/** A secret: only a reference, and strong enough (R3.9). */
export function secret(description: string, context: ParseContext): z.ZodType<string> {
  const allowed = '${env:NAME} or ${file:PATH}; make one with: openssl rand -base64 32';
  return givenSecret(description, context, {
    allowed,
    judge: (value) => secretProblem(value) ?? foreignProblem(value, context),
  });
}

/** A secret that somebody else has made: only a reference. `judge` says what is wrong with it, without quoting it. */
export function givenSecret(
  description: string,
  context: ParseContext,
  rule: { readonly allowed: string; readonly judge: (value: string) => string | undefined },
): z.ZodType<string> {
  const facts = {
    description,
    allowed: rule.allowed,
    json: { type: 'string', pattern: '^\\$\\{(env|file):[^{}]+\\}$' },
    isHidden: true,
  };
  return textLeaf(facts, (value, source) => {
    if (source === undefined || !isWholeReference(source)) {
      return { ok: false, problem: 'is a secret that stands in the file itself' };
    }
    const problem = rule.judge(value);
    if (problem !== undefined) return { ok: false, problem };
    return source.file === undefined ? { ok: true, value } : modeChecked(value, source.file, context);
  });
}

function foreignProblem(value: string, { foreignValues }: ParseContext): string | undefined {
  const foreign = foreignValues.get(value);
  return foreign === undefined ? undefined : `is also in ${foreign}: a mode has secrets of its own`;
}

/** One value or a list of them, as a list. */
export function oneOrMore<T>(item: z.ZodType<T>): z.ZodType<readonly T[]> {
  return z.union([item.transform((value) => [value]), list(item)]);
}

/** A list of at most {@link LIST_LENGTH_MAX} values. */
export function list<T>(item: z.ZodType<T>, description?: string): z.ZodType<readonly T[]> {
  const array = z.array(item).max(LIST_LENGTH_MAX, { error: `has more than ${LIST_LENGTH_MAX} entries` });
  return description === undefined ? array : array.meta({ description });
}

/** A map from text to values, as pairs in the order of the file. */
export function pairs<T>(item: z.ZodType<T>, description: string): z.ZodType<readonly (readonly [string, T])[]> {
  return z
    .record(z.string(), item)
    .meta({ description })
    .transform((record) => Object.entries(record));
}

/** Most entries of one list in the configuration: longer ones belong in files of their own. */
const LIST_LENGTH_MAX = 1_000;

const TEXT_LENGTH_MAX = 1_024;

interface Unit {
  readonly parse: (text: string) => number | undefined;
  readonly format: (value: number) => string;
  readonly suggest: (text: string) => string | undefined;
  readonly noun: string;
  readonly example: string;
}

function quantity(description: string, range: Range, unit: Unit): z.ZodType<number> {
  const min = unit.parse(range.min);
  const max = unit.parse(range.max);
  if (min === undefined || max === undefined) throw new RangeError(`${range.min} to ${range.max} is no range`);
  const allowed = `${range.min} to ${range.max}, ${unit.example}`;
  const wrong = (problem: string): Parsed<number> => ({ ok: false, problem });
  // A bare number is the commonest mistake; its unit must be said, never guessed.
  return textLeaf({ description, allowed, numberProblem: 'has no unit' }, (value) => {
    const parsed = unit.parse(value);
    if (parsed === undefined) {
      const suggestion = unit.suggest(value);
      return { ok: false, problem: `is not ${unit.noun}`, suggestion: suggestion && JSON.stringify(suggestion) };
    }
    if (parsed < min) return wrong('is too small');
    return parsed > max ? wrong('is too large') : { ok: true, value: parsed };
  });
}

function isPathLike(value: string): boolean {
  return value !== '' && value.length < 4_096 && !/[\n\r\0]/.test(value) && !value.startsWith('-----');
}

function isWholeReference(source: Interpolated): boolean {
  return /^\$\{(env|file):[^{}]+\}$/.test(source.reference);
}

/** R0.12: in production a secret that others may read refuses the start, elsewhere it is a warning. */
function modeChecked(value: string, file: { path: string; mode: number }, context: ParseContext): Parsed<string> {
  const looseness = modeProblem(file);
  if (looseness === undefined) return { ok: true, value };
  if (context.mode === 'production') return { ok: false, problem: looseness };
  return context.isWarning ? { ok: true, value, warning: looseness } : { ok: true, value };
}

/** Says which command mends a file that others may read; undefined when only its owner may. */
export function modeProblem(file: { readonly path: string; readonly mode: number }): string | undefined {
  if ((file.mode & 0o077) === 0) return undefined;
  const mode = file.mode.toString(8).padStart(4, '0');
  return `refers to a secret that others may read (mode ${mode}); mend it with: chmod 600 ${shellQuote(file.path)}`;
}

function shellQuote(path: string): string {
  return /^[A-Za-z0-9_./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
