import { CacheBudget } from './cache-budget.ts';
import { RegexError } from './errors.ts';
import { checkVersion } from './image.ts';
import { REGEX_LIMITS } from './limits.ts';
import { type PhraseFound, Prefilter } from './prefilter.ts';
import { checkedCacheBytes, type InstantiateOptions, type Match, Regex, type SearchOptions } from './regex.ts';
import { CLAUSES_MAX } from './required.ts';
import { compileSet, type RegexSetImage, type SetMember, type SetOptions } from './set-image.ts';
import { byteString, type Text } from './text.ts';
import { int32At } from './typed.ts';

export interface InstantiateSetOptions extends InstantiateOptions {
  /** `off` runs every pattern on every text: for comparing engines, never faster. Default `on`. */
  readonly prefilter?: 'on' | 'off';
}

/** Which members a search is about. Made once by `RegexSet.subset` and used often. */
export interface Subset {
  readonly words: Int32Array;
}

/** Compiles a set for use in this thread. Throws `RegexError`, whose `member` says which one is to blame. */
export function regexSet(members: readonly SetMember[], options: SetOptions = {}): RegexSet {
  return instantiateSet(compileSet(members, options));
}

/** Makes an image usable in this thread. Throws `RegexError` (`BAD_IMAGE`, `BAD_OPTION`). */
export function instantiateSet(image: RegexSetImage, options: InstantiateSetOptions = {}): RegexSet {
  checkVersion(image.version);
  return new RegexSet(image, options);
}

/**
 * Many patterns and phrase lists at once: which of them match a text. Every method takes time linear in the text, with
 * a factor that depends on the members alone. Not to be shared between threads (the image is), and not re-entrant.
 */
export class RegexSet {
  readonly image: RegexSetImage;
  readonly #prefilter: Prefilter;
  readonly #usesPrefilter: boolean;
  readonly #regexes: readonly (Regex | undefined)[];
  readonly #everything: Subset;

  /** Use `instantiateSet`. */
  constructor(image: RegexSetImage, options: InstantiateSetOptions) {
    const { cacheBytesMax = REGEX_LIMITS.setCacheBytesMax, prefilter = 'on', engine = 'automatic' } = options;
    const budget = new CacheBudget(checkedCacheBytes(cacheBytesMax));
    this.image = image;
    this.#prefilter = new Prefilter(image.prefilter, image.members);
    this.#usesPrefilter = prefilter === 'on';
    this.#regexes = image.members.map((member) =>
      member.kind === 'regex' ? new Regex(member, budget, engine) : undefined,
    );
    this.#everything = this.subset(image.members.keys());
  }

  /** Members of the set. */
  get size(): number {
    return this.#regexes.length;
  }

  /** Bytes read and automaton instructions visited by all calls so far: what a budget of work counts. */
  get steps(): number {
    return this.#regexes.reduce((steps, regex) => steps + (regex?.steps ?? 0), this.#prefilter.steps);
  }

  /** The members with these numbers. Throws `RegexError` (`BAD_OPTION`) for a number that is none. */
  subset(members: Iterable<number>): Subset {
    const words = new Int32Array(this.image.prefilter.words);
    for (const member of members) {
      if (!(Number.isInteger(member) && member >= 0 && member < this.size)) {
        throw new RegexError('BAD_OPTION', -1, 'a subset names a member that the set has not', member);
      }
      words[member >>> 5] = int32At(words, member >>> 5) | (1 << (member & 31));
    }
    return { words };
  }

  /** The numbers of the members that match anywhere in the text, ascending. */
  match(text: Text, among: Subset = this.#everything): readonly number[] {
    return this.matchBytes(byteString(text), among);
  }

  /** As `match`, for a string known to hold only bytes: a code unit above 0xFF makes the answer meaningless. */
  matchBytes(text: string, among: Subset = this.#everything): readonly number[] {
    this.#prefilter.scan(text);
    let matched: number[] | undefined;
    for (let word = 0; word < among.words.length; word++) {
      let candidates = this.#candidatesIn(word) & int32At(among.words, word);
      for (; candidates !== 0; candidates &= candidates - 1) {
        const member = word * 32 + lowestBit(candidates);
        if (this.#isMatch(member, text)) (matched ??= []).push(member);
      }
    }
    return matched ?? NONE;
  }

  /** The members that the prefilter cannot rule out, ascending: those that match are among them. */
  candidates(text: Text, among: Subset = this.#everything): readonly number[] {
    this.#prefilter.scan(byteString(text));
    const left: number[] = [];
    for (let word = 0; word < among.words.length; word++) {
      let candidates = this.#candidatesIn(word) & int32At(among.words, word);
      for (; candidates !== 0; candidates &= candidates - 1) left.push(word * 32 + lowestBit(candidates));
    }
    return left;
  }

  /** The first phrase of a phrase list that the last call of `match` found. */
  phraseFound(member: number): PhraseFound | undefined {
    return this.#prefilter.found(member);
  }

  /** Where one pattern matches, with its captures; undefined without a match and for phrase lists. */
  find(member: number, text: Text, options: SearchOptions = {}): Match | undefined {
    return this.#regexes[member]?.match(text, options);
  }

  #candidatesIn(word: number): number {
    const { planes } = this.#prefilter;
    const { words } = this.image.prefilter;
    if (!this.#usesPrefilter) return -1;
    let candidates = -1;
    for (let plane = 0; plane < CLAUSES_MAX; plane++) candidates &= int32At(planes, plane * words + word);
    return candidates;
  }

  #isMatch(member: number, text: string): boolean {
    const regex = this.#regexes[member];
    if (regex === undefined) return this.#prefilter.found(member) !== undefined;
    return regex.testBytes(text);
  }
}

const NONE: readonly number[] = Object.freeze([]);

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
