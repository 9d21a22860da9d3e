import { CacheBudget } from './cache-budget.ts';
import { RegexError } from './errors.ts';
import { checkVersion } from './image.ts';
import { REGEX_LIMITS } from './limits.ts';
import { type PhraseFound, Prefilter } from './prefilter.ts';
import { INSTRUCTION_WORDS } from './program.ts';
import { checkedCacheBytes, type Match, Regex, type SearchOptions } from './regex.ts';
import { compileSet, type MemberImage, type RegexSetImage, type SetMember, type SetOptions } from './set-image.ts';
import { byteString, type Text } from './text.ts';
import { Together } from './together.ts';
import { int32At } from './typed.ts';

export interface InstantiateSetOptions {
  /** Bytes for the lazily built automata of all members. Integer, at least 1024. Default 64 MiB. */
  readonly cacheBytesMax?: number;
  /**
   * `automatic` (default) runs all patterns in one pass where that stays cheap, else those that the prefilter leaves:
   * fastest where the same kinds of text come again. `filtered` runs what the prefilter leaves, and in one pass only
   * those patterns that it can never rule out: a fraction of the memory, and hardly anything to learn. The others are
   * for comparing engines: `prefilter` never runs patterns together, `single` runs every pattern alone on every text,
   * and `simulation` does that without automata.
   */
  readonly engine?: SetEngine;
}

export type SetEngine = 'automatic' | 'filtered' | 'prefilter' | 'single' | 'simulation';

/** Which members a search is about. Made once by `RegexSet.subset`, for that set only, and used often. */
export interface Subset {
  readonly members: readonly number[];
  /** A bit for each member. */
  readonly words: Int32Array;
  /** The only member, if it is one and a pattern. */
  readonly only: Regex | undefined;
  /** Patterns of it as one, those in `togetherWords`; shared by subsets that have the same ones. */
  readonly together: TogetherWhenNeeded | undefined;
  /** What is left for the prefilter when `together` has decided: a bit for each member. */
  readonly restWords: Int32Array;
  readonly hasRest: boolean;
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
  readonly #engine: SetEngine;
  readonly #regexes: readonly (Regex | undefined)[];
  readonly #everything: Subset;
  readonly #budget: CacheBudget;
  /** By the numbers of their members. */
  readonly #together = new Map<string, TogetherWhenNeeded>();
  readonly #candidates: Int32Array;
  readonly #matched: Int32Array;

  /** Use `instantiateSet`. */
  constructor(image: RegexSetImage, options: InstantiateSetOptions) {
    const { cacheBytesMax = REGEX_LIMITS.setCacheBytesMax, engine = 'automatic' } = options;
    this.#budget = new CacheBudget(checkedCacheBytes(cacheBytesMax));
    this.image = image;
    this.#prefilter = new Prefilter(image.prefilter, image.members, this.#budget.textBytes);
    this.#engine = engine;
    const regexEngine = engine === 'simulation' ? 'simulation' : 'automatic';
    this.#regexes = image.members.map((member) =>
      member.kind === 'regex' ? new Regex(member, this.#budget, regexEngine) : undefined,
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
    return this.#prefilter.steps + this.#budget.work;
  }

  /** Bytes that the lazily built automata of all members hold now. */
  get cacheBytes(): number {
    return this.#budget.used;
  }

  /**
   * The members with these numbers. Throws `RegexError` (`BAD_OPTION`) for a number that is none. Subsets of the same
   * `pool` share its automaton for patterns that run in one pass: many small subsets then cost the memory of one.
   */
  subset(members: Iterable<number>, pool?: Subset): Subset {
    const words = this.#wordsOf(members);
    const list = Array.from(membersIn(words));
    const isFiltered = this.#engine === 'filtered';
    const isJoined = (member: number): boolean =>
      this.#regexes[member] !== undefined && !(isFiltered && this.#prefilter.canExclude(member));
    const joined = list.filter(isJoined);
    const joinedWords = this.#wordsOf(joined);
    return {
      members: list,
      words,
      only: list.length === 1 ? this.#regexes[list[0] ?? 0] : undefined,
      together: joined.length < 2 ? undefined : (pool?.together ?? this.#togetherOf(joined)),
      restWords: words.map((bits, word) => bits & ~int32At(joinedWords, word)),
      hasRest: joined.length < list.length,
    };
  }

  /** No shorter text matches the member. */
  lengthMinOf(member: number): number {
    const image = this.image.members[member];
    if (image === undefined) return 0;
    return image.kind === 'regex' ? image.minLength : Math.min(...image.phrases.map(({ length }) => length));
  }

  /** The bytes of a string of bytes, as every search reads them; valid until the next call of any method. */
  bytesOf(text: string): Uint8Array {
    return this.#budget.textBytes.of(text);
  }

  /** The numbers of the members that match anywhere in the text, ascending. */
  match(text: Text, among: Subset = this.#everything): readonly number[] {
    return this.matchBytes(byteString(text), among);
  }

  /** As `match`, for a string known to hold only bytes: a code unit above 0xFF makes the answer meaningless. */
  matchBytes(text: string, among: Subset = this.#everything): readonly number[] {
    if (among.only !== undefined) return among.only.testBytes(text) ? among.members : NONE;
    const matched = this.#matched;
    for (let word = 0; word < matched.length; word++) matched[word] = 0;
    const isDecided = among.together?.get().decide(text, matched) ?? false;
    for (let word = 0; word < matched.length; word++) {
      matched[word] = isDecided ? int32At(matched, word) & int32At(among.words, word) : 0;
    }
    if (isDecided && !among.hasRest) {
      this.#prefilter.forget();
      return membersIn(matched);
    }
    if (this.#leaveCandidates(text, isDecided ? among.restWords : among.words)) this.#runCandidates(text);
    return membersIn(matched);
  }

  /**
   * As `matchBytes`, with a pause behind every pass over the text, for whoever has others to serve meanwhile. Between two
   * parts the set may be used for other texts.
   */
  *matchBytesInParts(text: string, among: Subset = this.#everything): Generator<undefined, readonly number[]> {
    if (among.only !== undefined) return among.only.testBytes(text) ? among.members : NONE;
    const matched = new Int32Array(this.#matched.length);
    const isDecided = among.together?.get().decide(text, matched) ?? false;
    for (let word = 0; word < matched.length; word++) {
      matched[word] = isDecided ? int32At(matched, word) & int32At(among.words, word) : 0;
    }
    if (isDecided && !among.hasRest) return membersIn(matched);
    yield;
    if (!this.#leaveCandidates(text, isDecided ? among.restWords : among.words)) return membersIn(matched);
    const candidates = membersIn(this.#candidates);
    const note = (member: number): void => {
      matched[member >>> 5] = int32At(matched, member >>> 5) | (1 << (member & 31));
    };
    // What was found of phrases holds until the next text is searched.
    for (const member of candidates) if (this.#prefilter.found(member) !== undefined) note(member);
    for (const member of candidates) {
      const regex = this.#regexes[member];
      if (regex === undefined) continue;
      yield;
      if (regex.testBytes(text)) note(member);
    }
    return membersIn(matched);
  }

  /** The members that the prefilter cannot rule out, ascending: those that match are among them. */
  candidates(text: Text, among: Subset = this.#everything): readonly number[] {
    return this.#leaveCandidates(byteString(text), among.words) ? membersIn(this.#candidates) : NONE;
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
  #leaveCandidates(text: string, words: Int32Array): boolean {
    const { left } = this.#prefilter;
    const isFiltered = this.#engine !== 'single' && this.#engine !== 'simulation';
    const candidates = this.#candidates;
    this.#prefilter.scan(text);
    let any = 0;
    for (let word = 0; word < candidates.length; word++) {
      const bits = int32At(words, word) & (isFiltered ? int32At(left, word) : -1);
      candidates[word] = bits;
      any |= bits;
    }
    return any !== 0;
  }

  #runCandidates(text: string): void {
    const matched = this.#matched;
    for (let word = 0; word < matched.length; word++) {
      for (let rest = int32At(this.#candidates, word); rest !== 0; rest &= rest - 1) {
        if (this.#isMatch(word * 32 + lowestBit(rest), text)) matched[word] = int32At(matched, word) | (rest & -rest);
      }
    }
  }

  #wordsOf(members: Iterable<number>): Int32Array {
    const words = new Int32Array(this.image.prefilter.words);
    for (const member of members) {
      if (!(Number.isInteger(member) && member >= 0 && member < this.size)) {
        throw new RegexError('BAD_OPTION', -1, 'a subset names a member that the set has not', member);
      }
      words[member >>> 5] = int32At(words, member >>> 5) | (1 << (member & 31));
    }
    return words;
  }

  #togetherOf(patterns: readonly number[]): Subset['together'] {
    const instructions = patterns.reduce((sum, member) => sum + instructionsOf(this.image.members[member]), 0);
    const isJoining = this.#engine === 'automatic' || this.#engine === 'filtered';
    if (!isJoining || patterns.length < 2 || instructions > REGEX_LIMITS.togetherInstructionsMax) return undefined;
    const key = patterns.join();
    const known =
      this.#together.get(key) ?? new TogetherWhenNeeded(() => new Together(this.image, patterns, this.#budget));
    this.#together.set(key, known);
    return known;
  }

  #isMatch(member: number, text: string): boolean {
    const regex = this.#regexes[member];
    if (regex === undefined) return this.#prefilter.found(member) !== undefined;
    return regex.testBytes(text);
  }
}

/** Made at the first text: a plan may have many subsets of which only some meet traffic. */
class TogetherWhenNeeded {
  readonly #make: () => Together;
  #made: Together | undefined;

  constructor(make: () => Together) {
    this.#make = make;
  }

  get(): Together {
    this.#made ??= this.#make();
    return this.#made;
  }
}

function instructionsOf(member: MemberImage | undefined): number {
  return member?.kind === 'regex' ? member.program.code.length / INSTRUCTION_WORDS : 0;
}

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
