import { CacheBudget } from './cache-budget.ts';
import { RegexError } from './errors.ts';
import { checkVersion } from './image.ts';
import { REGEX_LIMITS } from './limits.ts';
import { type PhraseFound, Prefilter } from './prefilter.ts';
import { checkedCacheBytes, type InstantiateOptions, type Match, Regex, type SearchOptions } from './regex.ts';
import { compileSet, type RegexSetImage, type SetMember, type SetOptions } from './set-image.ts';
import { byteString, type Text } from './text.ts';
import { Together } from './together.ts';
import { int32At } from './typed.ts';

export interface InstantiateSetOptions extends InstantiateOptions {
  /** `off` runs every pattern on every text: for comparing engines, never faster. Default `on`. */
  readonly prefilter?: 'on' | 'off';
}

/** Which members a search is about. Made once by `RegexSet.subset`, for that set only, and used often. */
export interface Subset {
  readonly members: readonly number[];
  /** A bit for each member. */
  readonly words: Int32Array;
  /** Those that the prefilter rarely rules out; shared by subsets that have the same ones. */
  readonly together: Together | undefined;
  /** So few patterns that looking for candidates costs more than running them. */
  readonly isFew: boolean;
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
  readonly #isSimulated: boolean;
  readonly #budget: CacheBudget;
  /** By the numbers of their members. */
  readonly #together = new Map<string, Together>();
  readonly #candidates: Int32Array;
  readonly #matched: Int32Array;

  /** Use `instantiateSet`. */
  constructor(image: RegexSetImage, options: InstantiateSetOptions) {
    const { cacheBytesMax = REGEX_LIMITS.setCacheBytesMax, prefilter = 'on', engine = 'automatic' } = options;
    this.#budget = new CacheBudget(checkedCacheBytes(cacheBytesMax));
    this.image = image;
    this.#prefilter = new Prefilter(image.prefilter, image.members);
    this.#usesPrefilter = prefilter === 'on';
    this.#isSimulated = engine === 'simulation';
    this.#regexes = image.members.map((member) =>
      member.kind === 'regex' ? new Regex(member, this.#budget, engine) : undefined,
    );
    this.#candidates = new Int32Array(image.prefilter.words);
    this.#matched = new Int32Array(image.prefilter.words);
    this.#everything = this.subset(image.members.keys());
  }

  /** Members of the set. */
  get size(): number {
    return this.#regexes.length;
  }

  /** Bytes read and automaton instructions visited by all calls so far: what a budget of work counts. */
  get steps(): number {
    let steps = this.#prefilter.steps;
    for (const together of this.#together.values()) steps += together.steps;
    for (const regex of this.#regexes) steps += regex?.steps ?? 0;
    return steps;
  }

  /** Bytes that the lazily built automata of all members hold now. */
  get cacheBytes(): number {
    return this.#budget.used;
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
    const list = membersIn(words);
    const isFew = list.length <= FEW_PATTERNS && list.every((member) => this.#regexes[member] !== undefined);
    return { members: list, words, together: this.#togetherOf(list), isFew };
  }

  /** The numbers of the members that match anywhere in the text, ascending. */
  match(text: Text, among: Subset = this.#everything): readonly number[] {
    return this.matchBytes(byteString(text), among);
  }

  /** As `match`, for a string known to hold only bytes: a code unit above 0xFF makes the answer meaningless. */
  matchBytes(text: string, among: Subset = this.#everything): readonly number[] {
    if (among.isFew) return this.#matchFew(text, among.members);
    const candidates = this.#candidates;
    const matched = this.#matched;
    if (!this.#leaveCandidates(text, among)) return NONE;
    for (let word = 0; word < matched.length; word++) matched[word] = 0;
    among.together?.decide(text, candidates, matched);
    for (let word = 0; word < candidates.length; word++) {
      for (let rest = int32At(candidates, word); rest !== 0; rest &= rest - 1) {
        if (this.#isMatch(word * 32 + lowestBit(rest), text)) matched[word] = int32At(matched, word) | (rest & -rest);
      }
    }
    return membersIn(matched);
  }

  /** The members that the prefilter cannot rule out, ascending: those that match are among them. */
  candidates(text: Text, among: Subset = this.#everything): readonly number[] {
    return this.#leaveCandidates(byteString(text), among) ? membersIn(this.#candidates) : NONE;
  }

  /** The first phrase of a phrase list that the last call of `match` found. */
  phraseFound(member: number): PhraseFound | undefined {
    return this.#prefilter.found(member);
  }

  /** Where one pattern matches, with its captures; undefined without a match and for phrase lists. */
  find(member: number, text: Text, options: SearchOptions = {}): Match | undefined {
    return this.#regexes[member]?.match(text, options);
  }

  /** Fills `#candidates`; false if there is none. */
  #leaveCandidates(text: string, among: Subset): boolean {
    const { left } = this.#prefilter;
    const { words } = among;
    const candidates = this.#candidates;
    this.#prefilter.scan(text);
    let any = 0;
    for (let word = 0; word < candidates.length; word++) {
      const bits = int32At(words, word) & (this.#usesPrefilter ? int32At(left, word) : -1);
      candidates[word] = bits;
      any |= bits;
    }
    return any !== 0;
  }

  #matchFew(text: string, members: readonly number[]): readonly number[] {
    let matched: number[] | undefined;
    this.#prefilter.forget();
    for (const member of members) if (this.#regexes[member]?.testBytes(text) ?? false) (matched ??= []).push(member);
    return matched ?? NONE;
  }

  #togetherOf(members: readonly number[]): Together | undefined {
    const wanted = new Set(this.image.together);
    const together = members.filter((member) => wanted.has(member));
    if (this.#isSimulated || together.length < 2) return undefined;
    const key = together.join();
    const known = this.#together.get(key) ?? new Together(this.image, together, this.#budget);
    this.#together.set(key, known);
    return known;
  }

  #isMatch(member: number, text: string): boolean {
    const regex = this.#regexes[member];
    if (regex === undefined) return this.#prefilter.found(member) !== undefined;
    return regex.testBytes(text);
  }
}

const FEW_PATTERNS = 2;

const NONE: readonly number[] = Object.freeze([]);

/** The numbers of the bits that are set, ascending; the same frozen list whenever there is none. */
function membersIn(words: Int32Array): readonly number[] {
  let members: number[] | undefined;
  for (let word = 0; word < words.length; word++) {
    for (let rest = int32At(words, word); rest !== 0; rest &= rest - 1) {
      (members ??= []).push(word * 32 + lowestBit(rest));
    }
  }
  return members ?? NONE;
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
