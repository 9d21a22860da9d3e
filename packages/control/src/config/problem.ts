import { estimateBits } from './secret-strength.ts';
import { nearest } from './suggest.ts';

/** One thing that is wrong with a configuration, or suspicious about it, with everything needed to mend it. */
export interface Problem {
  /** An error refuses the configuration; a warning does not. */
  readonly severity: 'error' | 'warning';
  /** The file it stands in, as it was named by the caller. */
  readonly file: string;
  /** From 1; 0 when the file as a whole is meant. */
  readonly line: number;
  /** From 1, in UTF-16 units; 0 when the file as a whole is meant. */
  readonly column: number;
  /** For example `routes[0].match.path`; '' for the file as a whole. */
  readonly key: string;
  /** A clause without subject: `is not a duration`. Never holds a secret. */
  readonly problem: string;
  /** The value as it stands in the file, cut; undefined when there is none or when it is or could be a secret. */
  readonly value: string | undefined;
  /** What would be accepted. */
  readonly allowed: string | undefined;
  /** What was probably meant. */
  readonly suggestion: string | undefined;
}

/** The way from the root of the document to a value: names and indexes. */
export type KeyPath = readonly (string | number)[];

/** `file:line:column key: problem (value; allowed ...)`, in one line. */
export function formatProblem(problem: Problem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const severity = problem.severity === 'warning' ? ' warning:' : '';
  const key = problem.key === '' ? '' : ` ${problem.key}:`;
  const facts = [
    problem.value,
    problem.allowed === undefined ? undefined : `allowed: ${problem.allowed}`,
    problem.suggestion === undefined ? undefined : `did you mean ${problem.suggestion}?`,
  ].filter((fact) => fact !== undefined);
  const tail = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  return `${place}${severity || (key === '' ? ':' : '')}${key} ${problem.problem}${tail}`;
}

/** `routes[0].match.path`; names that are no identifiers stand in quotes, cut at {@link SHOWN_MAX}. */
export function formatKey(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${quote(part)}]`;
  }
  return text;
}

/**
 * A value for a problem's text: JSON, one line, cut. What looks like key material or carries a password is not shown.
 */
export function show(value: unknown): string | undefined {
  if (typeof value === 'string') return looksSecret(value) ? undefined : quote(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return undefined;
}

/** `"name"` of the known name that `name` is a misspelling of; undefined when nothing is near. */
export function suggestName(name: string, known: readonly string[]): string | undefined {
  const found = nearest(name, known);
  return found === undefined ? undefined : quote(found);
}

/** From this on a run of letters and digits is taken for a secret in the wrong place; names and words have less. */
const RANDOM_BITS_MIN = 90;

/** Longest part of a value that is shown, in UTF-16 units: a problem is one line on a terminal. */
const SHOWN_MAX = 80;

function quote(text: string): string {
  // JSON escapes control characters, so that a value cannot move the reader's cursor or colour the terminal.
  return JSON.stringify(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text).replaceAll(
    /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    '?',
  );
}

/** Random text mixes its alphabets, which names and paths hardly ever do. */
function isMixed(run: string): boolean {
  const count = (pattern: RegExp): number => run.match(pattern)?.length ?? 0;
  return count(/[0-9]/g) >= 4 || (count(/[A-Z]/g) >= 3 && count(/[a-z]/g) >= 3);
}

function looksSecret(text: string): boolean {
  if (text.includes('-----BEGIN') || /:\/\/.*@/.test(text)) return true;
  const runs = text.match(/[A-Za-z0-9+/=_-]{24,}/g) ?? [];
  return runs.some((run) => estimateBits(run) >= RANDOM_BITS_MIN && isMixed(run));
}
