import { compileSet, instantiateSet, type Regex, type RegexSet, type RegexSetImage, sharedSet } from '@sallyport/regex';
import type { Operator } from './operator.ts';

/** Every pattern and phrase list of a rule set, compiled: plain data and typed arrays that all threads share. */
export interface PatternsImage {
  readonly patterns: RegexSetImage;
  readonly phraseLists: readonly RegexSetImage[];
}

/**
 * All patterns of a rule set. They are compiled as one set, so that their automata share one bounded cache: hundreds of
 * patterns with a cache each would be memory that an attacker can fill.
 */
export class Patterns {
  readonly #numbers = new Map<string, number>();
  readonly #phraseLists: (readonly string[])[] = [];
  #regexes: readonly (Regex | undefined)[] = [];
  #phraseSets: readonly RegexSet[] = [];

  /** The number of the pattern, which `at` takes once `use` has run. */
  add(pattern: string): number {
    const number = this.#numbers.get(pattern) ?? this.#numbers.size;
    this.#numbers.set(pattern, number);
    return number;
  }

  /** The number of the phrase list, which `phrasesAt` takes once `use` has run. */
  addPhrases(phrases: readonly string[]): number {
    return this.#phraseLists.push(phrases) - 1;
  }

  /** @throws RegexError for a pattern that the parser did not check. */
  compile(): PatternsImage {
    const patterns = compileSet([...this.#numbers.keys()], { regex: { dialect: 'modsecurity' }, answer: 'span' });
    return {
      patterns: sharedSet(patterns),
      phraseLists: this.#phraseLists.map((phrases) => sharedSet(compileSet([{ phrases, ignoreCase: true }]))),
    };
  }

  /** Makes an image usable that was compiled of the same patterns, added in the same order. */
  use(image: PatternsImage): void {
    const set = instantiateSet(image.patterns, { engine: 'prefilter' });
    this.#regexes = [...this.#numbers.values()].map((number) => set.subset([number]).only);
    this.#phraseSets = image.phraseLists.map((phrases) => instantiateSet(phrases));
  }

  at(number: number): Regex {
    const found = this.#regexes[number];
    if (found === undefined) throw new Error('a pattern is used before it is compiled');
    return found;
  }

  /** A set whose only member is the phrase list. */
  phrasesAt(number: number): RegexSet {
    const found = this.#phraseSets[number];
    if (found === undefined) throw new Error('phrases are used before they are compiled');
    return found;
  }
}

/** `@rx`. TX.0 is the match, TX.1 to TX.9 are the groups. */
export function pattern(argument: string, patterns: Patterns): Operator {
  const number = patterns.add(argument);
  // What the automata have spent so far: building them costs the request that makes them grow.
  let spent = 0;
  return (text, run) => {
    const regex = patterns.at(number);
    const isMatch = regex.testBytes(text);
    const match = isMatch && run.captures !== undefined ? regex.match(text) : undefined;
    const { steps } = regex;
    run.steps += Math.max(steps - spent - text.length, 0);
    spent = steps;
    for (const [group, span] of match?.groups.slice(0, CAPTURES).entries() ?? []) {
      if (run.captures !== undefined) run.captures[group] = span === undefined ? '' : text.slice(span.start, span.end);
    }
    return isMatch;
  };
}

/** TX.0 to TX.9. */
const CAPTURES = 10;
