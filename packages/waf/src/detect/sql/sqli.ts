import { type ByteText, ownText, sharedText } from '../bytes.ts';
import { judgeBare, judgeClosed } from './judge.ts';
import type { SqlStructure } from './queries.ts';
import { type SqlReading, tokenizeSql } from './tokenize.ts';
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
 * inside double quotes, inside the quotes of a name) and in each dialect that would read it differently.
 */
export function inspectSql(value: string): SqlFinding {
  if (!MAY_BE_SQL.test(value)) return NOTHING;
  const work = { steps: 0 };
  const text = sharedText(value);
  for (const place of placesOf(value)) {
    for (let from: number | undefined = 0; from !== undefined; ) {
      const { structure, resumesAt } = read(text, { ...place, from }, work);
      if (structure !== undefined) return { ...place, structure, steps: work.steps };
      from = resumesAt;
    }
  }
  return { ...NOTHING, steps: work.steps };
}

/** As `inspectSql`, with a pause behind each reading, before which its steps are added to `work`. */
export function* sqlInParts(value: string, work: { steps: number }): Generator<undefined, SqlFinding> {
  if (!MAY_BE_SQL.test(value)) return NOTHING;
  const text = ownText(value);
  for (const place of placesOf(value)) {
    for (let from: number | undefined = 0; from !== undefined; ) {
      const { structure, resumesAt } = read(text, { ...place, from }, work);
      if (structure !== undefined) return { ...place, structure, steps: work.steps };
      from = resumesAt;
      yield;
    }
  }
  return NOTHING;
}

type Place = Pick<SqlReading, 'context' | 'dialect'>;

function placesOf(text: string): readonly Place[] {
  const places = DIFFERS.test(text) ? PLACES : STANDARD_PLACES;
  return places.filter(({ context }) => text.includes(QUOTE_OF[context]));
}

function read(
  text: ByteText,
  reading: SqlReading,
  work: { steps: number },
): { readonly structure: SqlStructure | undefined; readonly resumesAt: number | undefined } {
  const tokens = tokenizeSql(text, reading);
  const judge = reading.context === 'bare' ? judgeBare : judgeClosed;
  const structure = tokens.isClosed ? judge(tokens) : undefined;
  work.steps += tokens.steps;
  return { structure, resumesAt: tokens.resumesAt };
}

const PLACES: readonly Place[] = (['bare', 'single', 'double', 'backquote'] as const).flatMap((context) => [
  { context, dialect: 'standard' as const },
  { context, dialect: 'mysql' as const },
]);
const STANDARD_PLACES: readonly Place[] = PLACES.filter(({ dialect }) => dialect === 'standard');

const QUOTE_OF: Readonly<Record<SqlContext, string>> = { bare: '', single: "'", double: '"', backquote: '`' };

/** Every structure has two words or a sign between them; most values are one word, a number or an address. */
const MAY_BE_SQL = /[^A-Za-z0-9_.@:?-]|--/;

/** Signs that one dialect reads as a comment or an escape and the other does not. */
const DIFFERS = /#|\\|--[^\s]/;
