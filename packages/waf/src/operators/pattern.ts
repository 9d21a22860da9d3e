import {
  compileSet,
  instantiateSet,
  type Regex,
  type RegexOptions,
  type RegexSet,
  type RegexSetImage,
  type SetMember,
  type Span,
  type Subset,
  sharedSet,
} from '@sallyport/regex';
import type { Operator, OperatorRun } from './operator.ts';

/**
 * Which patterns are looked for in one pass: those of the rules that a policy can reach, by what they look at. The rest
 * run alone, when a rule asks for them.
 */
export type PatternGroup = 'request' | 'response' | 'rest';

/** Patterns and phrase lists of one group, compiled. */
export interface GroupImage {
  /** By member of the set, the number of the pattern or phrase list. */
  readonly numbers: readonly number[];
  readonly set: RegexSetImage;
}

/** Every pattern and phrase list of a rule set, compiled: plain data and typed arrays that all threads share. */
export type PatternsImage = Readonly<Record<PatternGroup, GroupImage>>;

/** A group that is ready to run. */
export interface PatternSet {
  readonly set: RegexSet;
  /** The member of the set for a number; undefined when the group does not have it. */
  memberOf(number: number): number | undefined;
}

/** One member of a set, to be looked for alone. */
interface Single {
  readonly set: RegexSet;
  readonly member: number;
  readonly subset: Subset;
}

/** Names are compared in any case, with a pattern as well. */
export const NAME_PATTERN: RegexOptions = { dialect: 'modsecurity', flags: 'i' };

/**
 * All patterns of a rule set. They are compiled as few sets, so that their automata share bounded caches: hundreds of
 * patterns with a cache each would be memory that an attacker can fill.
 */
export class Patterns {
  readonly #numbers = new Map<string, number>();
  /** Made when they are compiled: a thread that gets an image has no use for them. */
  readonly #members: (() => SetMember)[] = [];
  readonly #singles: (Single | undefined)[] = [];
  #groups: Readonly<Record<PatternGroup, PatternSet>> | undefined;

  /** The number of the pattern, which `at` takes once `use` has run. */
  add(pattern: string): number {
    return this.#number(`rx ${pattern}`, () => pattern);
  }

  /** The same for a pattern of names. */
  addOfNames(pattern: string): number {
    return this.#number(`name ${pattern}`, () => ({ pattern, options: NAME_PATTERN }));
  }

  /** The number of the phrase list, which `phrasesAt` takes once `use` has run. Equal sources are one list. */
  addPhrases(source: string, phrases: () => readonly string[]): number {
    return this.#number(`pm ${source}`, () => ({ phrases: phrases(), ignoreCase: true }));
  }

  /**
   * Compiles everything that was added; `request` and `response` name what is looked for in one pass.
   *
   * @throws RegexError for a pattern that the parser did not check.
   */
  compile(wanted: Readonly<Record<'request' | 'response', ReadonlySet<number>>>): PatternsImage {
    const others = new Set(this.#members.keys()).difference(wanted.request).difference(wanted.response);
    const group = (numbers: readonly number[]): GroupImage => {
      const members = numbers.flatMap((number) => this.#members[number]?.() ?? []);
      return { numbers, set: sharedSet(compileSet(members, { regex: { dialect: 'modsecurity' }, answer: 'span' })) };
    };
    return { request: group([...wanted.request]), response: group([...wanted.response]), rest: group([...others]) };
  }

  /** Makes an image usable that was compiled of the same patterns, added in the same order. */
  use(image: PatternsImage): void {
    this.#groups = {
      request: this.#instantiate(image.request, 'filtered', CACHE_BYTES.request),
      response: this.#instantiate(image.response, 'filtered', CACHE_BYTES.response),
      rest: this.#instantiate(image.rest, 'prefilter', CACHE_BYTES.rest),
    };
  }

  /** A group for one-pass searches. */
  group(name: PatternGroup): PatternSet {
    if (this.#groups === undefined) throw new Error('patterns are used before they are compiled');
    return this.#groups[name];
  }

  at(number: number): Regex {
    const found = this.#singles[number]?.subset.only;
    if (found === undefined) throw new Error('a pattern is used before it is compiled');
    return found;
  }

  /** The phrase list as the only member of a subset. */
  phrasesAt(number: number): Single {
    const found = this.#singles[number];
    if (found === undefined) throw new Error('phrases are used before they are compiled');
    return found;
  }

  #number(key: string, member: () => SetMember): number {
    const known = this.#numbers.get(key) ?? this.#members.push(member) - 1;
    this.#numbers.set(key, known);
    return known;
  }

  #instantiate(image: GroupImage, engine: 'filtered' | 'prefilter', cacheBytesMax: number): PatternSet {
    const set = instantiateSet(image.set, { engine, cacheBytesMax });
    const members = new Map(image.numbers.map((number, member) => [number, member]));
    for (const [number, member] of members) {
      this.#singles[number] ??= { set, member, subset: set.subset([member]) };
    }
    return { set, memberOf: (number) => members.get(number) };
  }
}

/**
 * What lazily built automata may hold in each thread. Ordinary traffic under the CRS needs a tenth of it; a client that
 * wants to fill it makes them start again empty.
 */
const CACHE_BYTES: Readonly<Record<PatternGroup, number>> = {
  request: 16_777_216,
  response: 8_388_608,
  rest: 8_388_608,
};

/** `@rx`. TX.0 is the match, TX.1 to TX.9 are the groups. */
export function pattern(argument: string, patterns: Patterns): Operator {
  const number = patterns.add(argument);
  const isWhole = copiesWholeText(argument);
  return (text, run) => {
    if (isWhole) return keepWhole(text, run.captures);
    const regex = patterns.at(number);
    // Building automata costs the request that makes them grow, and no other one.
    const before = regex.steps;
    const isMatch = run.captures === undefined ? regex.testBytes(text) : capture(regex, text, run);
    run.steps += Math.max(regex.steps - before - text.length, 0);
    return isMatch;
  };
}

/** True for a pattern that matches every text, and all of it. */
export function copiesWholeText(argument: string): boolean {
  return WHOLE_TEXT.has(argument);
}

/** Patterns that match every text from its beginning to its end: the dot is any byte. They only copy values into TX.0. */
const WHOLE_TEXT: ReadonlySet<string> = new Set(['^.*$', '^.*', '.*']);

function keepWhole(text: string, captures: string[] | undefined): true {
  if (captures !== undefined) captures[0] = text;
  return true;
}

function capture(regex: Regex, text: string, { captures, groupsMax }: OperatorRun): boolean {
  const groups = groupsOf(regex, text, groupsMax);
  if (groups === undefined) return false;
  for (let group = 0; group < groups.length && group <= groupsMax; group += 1) {
    const span = groups[group];
    if (captures !== undefined) captures[group] = span === undefined ? '' : text.slice(span.start, span.end);
  }
  return true;
}

/** Undefined without a match. */
function groupsOf(regex: Regex, text: string, groupsMax: number): readonly (Span | undefined)[] | undefined {
  if (groupsMax > 0) return regex.match(text)?.groups;
  const span = regex.find(text);
  return span === undefined ? undefined : [span];
}
