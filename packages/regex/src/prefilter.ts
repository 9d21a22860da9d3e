import { LiteralWalker } from './literal-automaton.ts';
import { LiteralRun } from './literal-run.ts';
import { GROUPS_PER_WORD, type Lists, type MemberImage, type PrefilterImage } from './set-image.ts';
import type { TextBytes } from './text-bytes.ts';
import { int32At, uint8At } from './typed.ts';

/** What was found of a list of phrases. */
export interface PhraseFound {
  /** Index of the phrase in its list. */
  readonly phrase: number;
  /** Byte behind its first occurrence. */
  readonly end: number;
}

/**
 * One pass over a text that leaves few candidates of a set, and finds the phrases of its phrase lists.
 * Not to be shared between threads.
 */
export class Prefilter {
  /** Bytes read and literals met since construction. */
  steps = 0;
  /** The members that the last scan did not rule out, a bit for each. */
  readonly left: Int32Array;
  /** See `PrefilterImage`. */
  readonly #planes: Int32Array;
  readonly #image: PrefilterImage;
  readonly #members: readonly MemberImage[];
  readonly #seenIn: Float64Array;
  readonly #hasPhrases: boolean;
  readonly #isCaseSensitive: boolean;
  readonly #slotKeys: Int32Array;
  readonly #bases: Int32Array;
  readonly #lefts: Int32Array;
  readonly #foundIn: Float64Array;
  readonly #foundPhrase: Int32Array;
  readonly #foundEnd: Int32Array;
  /** Literals of the last scan, each once. */
  readonly #met: Int32Array;
  #metCount = 0;
  #epoch = 0;
  /** What `left` says something about. */
  #scanned: string | undefined;
  readonly #textBytes: TextBytes;
  readonly #walker: LiteralWalker;
  /** Made for the first long text. */
  #longRun: LiteralRun | undefined;

  constructor(image: PrefilterImage, members: readonly MemberImage[], textBytes: TextBytes) {
    this.#image = image;
    this.#textBytes = textBytes;
    this.#walker = new LiteralWalker(image.literals);
    this.#members = members;
    this.left = new Int32Array(image.words);
    this.#planes = new Int32Array(image.initial.length);
    // No group has bit 31, so no key is -1.
    this.#slotKeys = new Int32Array(2 << SLOT_BITS).fill(-1);
    this.#bases = new Int32Array(image.initial.length << SLOT_BITS);
    this.#lefts = new Int32Array(image.words << SLOT_BITS);
    this.#seenIn = new Float64Array(image.literals.lengths.length);
    this.#met = new Int32Array(image.literals.lengths.length);
    this.#hasPhrases = members.some((member) => member.kind === 'phrases');
    this.#isCaseSensitive = members.some((member) => member.kind === 'phrases' && !member.ignoreCase);
    this.#foundIn = new Float64Array(members.length);
    this.#foundPhrase = new Int32Array(members.length);
    this.#foundEnd = new Int32Array(members.length);
  }

  /** Fills `left` for a string of bytes. The one loop that every byte of every value goes through. */
  scan(text: string): void {
    // Asked about another subset the answer is the same.
    if (text === this.#scanned) return;
    this.#scanned = text;
    this.#epoch++;
    this.#metCount = 0;
    this.steps += text.length;
    // Where case counts, a literal may have to be met again.
    const isLong = text.length >= LONG_LENGTH_MIN && !this.#isCaseSensitive;
    const slot = isLong ? this.#readLong(text) : this.#read(text);
    if (this.#metCount === 0) this.#leaveOfSlot(slot);
    else this.#leaveWithLiterals(slot);
  }

  /** Meets the literals of a text; returns where its groups of bytes stand, see `#slotOf`. */
  #read(text: string): number {
    const { literals, groupLow, groupHigh } = this.#image;
    const { classOf, table } = literals;
    const rowsEnd = table.length;
    const bytes = this.#textBytes.of(text);
    const walker = this.#walker;
    let state = 0;
    let low = 0;
    let high = 0;
    for (let index = 0; index < text.length; index++) {
      const byte = uint8At(bytes, index);
      low |= int32At(groupLow, byte);
      high |= int32At(groupHigh, byte);
      const symbol = uint8At(classOf, byte);
      state = state < rowsEnd ? int32At(table, state + symbol) : walker.behind(state, symbol);
      if (state < 0) {
        state = ~state;
        this.#meet(text, state, index + 1);
      }
    }
    return this.#slotOf(low, high);
  }

  /** As `#read`: which bytes occur is known of a long text, and each literal is met once. */
  #readLong(text: string): number {
    const { literals, groupLow, groupHigh } = this.#image;
    const bytes = this.#textBytes.of(text);
    const run = (this.#longRun ??= new LiteralRun(literals));
    for (let at = run.next(bytes, 0, text.length); at >= 0; at = run.next(bytes, at, text.length)) {
      this.#meet(text, run.place, at);
    }
    run.end();
    const present = this.#textBytes.present(text);
    let low = 0;
    let high = 0;
    for (let byte = 0; byte < present.length; byte++) {
      if (uint8At(present, byte) === 0) continue;
      low |= int32At(groupLow, byte);
      high |= int32At(groupHigh, byte);
    }
    return this.#slotOf(low, high);
  }

  /** With no literal met, what is left depends on the groups of bytes alone. */
  #leaveOfSlot(slot: number): void {
    const lefts = this.#lefts;
    const left = this.left;
    const base = slot * left.length;
    for (let word = 0; word < left.length; word++) left[word] = int32At(lefts, base + word);
  }

  #leaveWithLiterals(slot: number): void {
    const bases = this.#bases;
    const planes = this.#planes;
    const base = slot * planes.length;
    for (let word = 0; word < planes.length; word++) planes[word] = int32At(bases, base + word);
    for (let met = 0; met < this.#metCount; met++) add(planes, 0, this.#image.literalHits, int32At(this.#met, met));
    andPlanes({ planes, from: 0, length: planes.length }, this.left, 0, this.left.length);
  }

  /** False for a member that every text leaves: a pattern of which nothing is known that all its matches contain. */
  canExclude(member: number): boolean {
    const { initial, words } = this.#image;
    for (let at = member >>> 5; at < initial.length; at += words) {
      if (((int32At(initial, at) >>> (member & 31)) & 1) === 0) return true;
    }
    return false;
  }

  /** Forgets what the last scan found. */
  forget(): void {
    this.#scanned = undefined;
    this.#epoch++;
  }

  /** The first phrase of a list that the last scan found. */
  found(member: number): PhraseFound | undefined {
    if (this.#foundIn[member] !== this.#epoch) return undefined;
    return { phrase: int32At(this.#foundPhrase, member), end: int32At(this.#foundEnd, member) };
  }

  /** Notes every literal that ends in front of `end`. */
  #meet(text: string, place: number, end: number): void {
    const { literals } = this.#image;
    let literal = this.#walker.ending(place);
    for (; literal >= 0; literal = int32At(literals.suffix, literal)) {
      const isSeen = this.#seenIn[literal] === this.#epoch;
      // What ends with a literal that was seen was seen with it, unless a phrase still waits for the right case.
      if (isSeen && !this.#isCaseSensitive) return;
      this.steps++;
      if (!isSeen) this.#met[this.#metCount++] = literal;
      this.#seenIn[literal] = this.#epoch;
      if (this.#hasPhrases) this.#notePhrases(text, literal, end);
    }
  }

  #notePhrases(text: string, literal: number, end: number): void {
    const { begins, values } = this.#image.phraseUses;
    for (let at = int32At(begins, literal); at < int32At(begins, literal + 1); at += 3) {
      const member = int32At(values, at);
      const phrase = int32At(values, at + 1);
      if (this.#foundIn[member] === this.#epoch) continue;
      if (int32At(values, at + 2) === 1 && !this.#isExact(text, { member, phrase, end })) continue;
      this.#foundIn[member] = this.#epoch;
      this.#foundPhrase[member] = phrase;
      this.#foundEnd[member] = end;
    }
  }

  #isExact(text: string, { member, phrase, end }: { member: number; phrase: number; end: number }): boolean {
    const list = this.#members[member];
    const wanted = list?.kind === 'phrases' ? list.phrases[phrase] : undefined;
    return wanted !== undefined && text.startsWith(wanted, end - wanted.length);
  }

  /**
   * Where the planes and what they leave stand that these groups of bytes alone give. Most values are of a few kinds
   * (a number, a name, a path), so the last ones are kept.
   */
  #slotOf(low: number, high: number): number {
    const slot = Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> (32 - SLOT_BITS);
    const key = slot * 2;
    if (int32At(this.#slotKeys, key) === low && int32At(this.#slotKeys, key + 1) === high) return slot;
    this.#slotKeys[key] = low;
    this.#slotKeys[key + 1] = high;
    const { initial } = this.#image;
    const bases = this.#bases;
    const from = slot * initial.length;
    for (let word = 0; word < initial.length; word++) bases[from + word] = int32At(initial, word);
    this.#addGroups(from, low, 0);
    this.#addGroups(from, high, GROUPS_PER_WORD);
    const { length } = this.left;
    andPlanes({ planes: bases, from, length: initial.length }, this.#lefts, slot * length, length);
    return slot;
  }

  #addGroups(from: number, bits: number, first: number): void {
    for (let rest = bits; rest !== 0; rest &= rest - 1) {
      add(this.#bases, from, this.#image.groupHits, first + 31 - Math.clz32(rest & -rest));
    }
  }
}

/** Adds the bits of a list to planes that begin at `from`. */
function add(planes: Int32Array, from: number, { begins, values }: Lists, list: number): void {
  const end = int32At(begins, list + 1);
  for (let at = int32At(begins, list); at < end; at += 2) {
    const word = from + int32At(values, at);
    planes[word] = int32At(planes, word) | int32At(values, at + 1);
  }
}

/** Bytes of a text from which on it pays to prepare for literals that occur again and again. */
const LONG_LENGTH_MIN = 512;

/** Kinds of values remembered, as a power of two. */
const SLOT_BITS = 9;

/** A member is left when its bit is set in every plane. Fills `words` words of `left` from `at`. */
function andPlanes(
  { planes, from, length }: { planes: Int32Array; from: number; length: number },
  left: Int32Array,
  at: number,
  words: number,
): void {
  for (let word = 0; word < words; word++) {
    let bits = -1;
    for (let plane = word; plane < length; plane += words) bits &= int32At(planes, from + plane);
    left[at + word] = bits;
  }
}
