import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Match, type Regex, RegexError, type RegexOptions, regex } from '@sallyport/regex';
import type { SuiteResult } from './main.ts';
import { exclusionOf } from './regex/exclusions.ts';
import { parseTables } from './regex/toml.ts';
import { type Vector, vectorOf } from './regex/vector.ts';

/**
 * The vectors of rust-lang/regex against `packages/regex`. Rust's dialect is nearest to RE2's; a case is excluded only
 * by a rule about what it asks for (`regex/exclusions.ts`), never by its name.
 */
export async function run(dataFolder: string): Promise<SuiteResult> {
  let passed = 0;
  const failed: { name: string; why: string }[] = [];
  const excluded: { name: string; reason: string }[] = [];
  for (const vector of readVectors(join(dataFolder, 'regex-vectors'))) {
    const reason = exclusionOf(vector);
    const why = reason === undefined ? failureOf(vector) : undefined;
    if (reason !== undefined) excluded.push({ name: vector.name, reason });
    else if (why !== undefined) failed.push({ name: vector.name, why });
    else passed++;
  }
  return { passed, failed, excluded };
}

function readVectors(folder: string): Vector[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.toml'))
    .toSorted()
    .flatMap((file) => {
      const name = file.slice(0, -'.toml'.length);
      return parseTables(readFileSync(join(folder, file), 'utf8'), 'test').map((table) => vectorOf(name, table));
    });
}

/** What is wrong, undefined when the case holds. */
function failureOf(vector: Vector): string | undefined {
  try {
    const got = answerOf(vector);
    if (!vector.compiles) return 'compiles, but should be refused';
    const want = JSON.stringify(expectedOf(vector));
    return JSON.stringify(got) === want
      ? undefined
      : `${JSON.stringify(vector.patterns)}: wants ${want}, got ${JSON.stringify(got)}`;
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    return vector.compiles ? `${JSON.stringify(vector.patterns)}: ${error.message}` : undefined;
  }
}

/** The spans of every match, or the numbers of the patterns that match where the case asks for a set. */
function answerOf(vector: Vector): unknown {
  const options: RegexOptions = {
    dialect: 're2',
    flags: vector.ignoreCase ? 'i' : '',
    encoding: vector.isUnicode ? 'utf8' : 'bytes',
  };
  const expressions = vector.patterns.map((pattern) => regex(pattern, options));
  const [only] = expressions;
  if (asksForSet(vector) || only === undefined) {
    return expressions.flatMap((expression, id) => (matchesOf(vector, expression).length > 0 ? [id] : []));
  }
  return matchesOf(vector, only).map(({ groups }) => groups.map((group) => group && [group.start, group.end]));
}

function matchesOf(vector: Vector, expression: Regex): Match[] {
  const anchor = vector.isAnchored ? 'at' : 'anywhere';
  const found = expression.matchAll(vector.haystack, { from: vector.from, to: vector.to, anchor });
  const limit = asksForSet(vector) ? 1 : vector.matchLimit;
  return Number.isFinite(limit) ? [...found.take(limit)] : [...found];
}

function expectedOf(vector: Vector): unknown {
  if (asksForSet(vector))
    return [...new Set(vector.matches.map(({ id }) => id))].toSorted((left, right) => left - right);
  return vector.matches.map(({ groups }) => groups);
}

function asksForSet(vector: Vector): boolean {
  return vector.isSet || vector.searchKind === 'overlapping';
}
