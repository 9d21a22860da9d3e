import { Buffer } from 'node:buffer';
import { judgeBare, judgeClosed } from './judge.ts';
import type { SqlStructure } from './queries.ts';
import { tokenizeSql } from './tokenize.ts';
import type { SqlContext, SqlDialect } from './tokens.ts';

/** Why a value is an injection into SQL, and what it took to find out. */
export interface SqlFinding {
  readonly structure: SqlStructure | undefined;
  readonly context: SqlContext;
  readonly dialect: SqlDialect;
  /** Bytes and tokens looked at, in all readings. */
  readonly steps: number;
}

const NOTHING: SqlFinding = { structure: undefined, context: 'bare', dialect: 'standard', steps: 0 };

/**
 * Reads the value in each place of a statement where an application may write it (outside quotes, inside single quotes,
 * inside double quotes, inside the quotes of a name) and in each dialect that would read it differently. A long value is
 * read in windows that overlap by a quarter.
 */
export function inspectSql(value: string): SqlFinding {
  if (!MAY_BE_SQL.test(value)) return NOTHING;
  if (value.length <= WINDOW_BYTES_MAX) return inspectWindow(value);
  let steps = 0;
  for (const window of windowsOf(value)) {
    const finding = inspectWindow(window);
    steps += finding.steps;
    if (finding.structure !== undefined) return { ...finding, steps };
  }
  return { ...NOTHING, steps };
}

/** As `inspectSql`, with a pause behind each window. */
export function* sqlInParts(value: string, work: { steps: number }): Generator<undefined, SqlFinding> {
  if (!MAY_BE_SQL.test(value)) return NOTHING;
  for (const window of windowsOf(value)) {
    const finding = inspectWindow(window);
    work.steps += finding.steps;
    if (finding.structure !== undefined) return finding;
    yield;
  }
  return NOTHING;
}

/** What is read at a time, one after the other. */
function* windowsOf(value: string): Generator<string, undefined> {
  for (
    let start = 0;
    start === 0 || start + WINDOW_OVERLAP < value.length;
    start += WINDOW_BYTES_MAX - WINDOW_OVERLAP
  ) {
    yield windowOf(value, start);
  }
}

/**
 * Bytes that are tokens at a time. A token takes forty bytes of memory, and a value may be as long as a body; structure
 * that is spread over more than the overlap may not be seen as one.
 */
const WINDOW_BYTES_MAX = 65_536;
const WINDOW_OVERLAP = 16_384;

/** A string of its own: part of a string, or one outside the heap, takes several times as long to read by character. */
function windowOf(value: string, start: number): string {
  if (value.length <= WINDOW_BYTES_MAX) return value;
  return Buffer.from(value.slice(start, start + WINDOW_BYTES_MAX), 'latin1').toString('latin1');
}

function inspectWindow(value: string): SqlFinding {
  const dialects: readonly SqlDialect[] = DIFFERS.test(value) ? ['standard', 'mysql'] : ['standard'];
  let steps = 0;
  for (const context of CONTEXTS) {
    if (!value.includes(QUOTE_OF[context])) continue;
    for (const dialect of dialects) {
      const tokens = tokenizeSql(value, context, dialect);
      const judge = context === 'bare' ? judgeBare : judgeClosed;
      const structure = tokens.isClosed ? judge(tokens) : undefined;
      steps += tokens.steps;
      if (structure !== undefined) return { structure, context, dialect, steps };
    }
  }
  return { ...NOTHING, steps };
}

const CONTEXTS: readonly SqlContext[] = ['bare', 'single', 'double', 'backquote'];

const QUOTE_OF: Readonly<Record<SqlContext, string>> = { bare: '', single: "'", double: '"', backquote: '`' };

/** Every structure has two words or a sign between them; most values are one word, a number or an address. */
const MAY_BE_SQL = /[^A-Za-z0-9_.@:?-]|--/;

/** Signs that one dialect reads as a comment or an escape and the other does not. */
const DIFFERS = /#|\\|--[^\s]/;
