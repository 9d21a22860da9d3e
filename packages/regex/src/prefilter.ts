import type { MemberImage, PrefilterImage } from './set-image.ts';
import { int32At, uint8At } from './typed.ts';

/** What was found of a list of phrases. */
export interface PhraseFound {
  /** Index of the phrase in its list. */
  readonly phrase: number;
  /** Byte behind its first occurrence. */
  readonly end: number;
}

/**
 * One pass over a text that leaves few candidates of a set. A phrase list needs no second look: its candidates match.
 * Not to be shared between threads.
 */
export class Prefilter {
  /** Bytes read and literals met since construction. */
  steps = 0;
  /** The planes of the last scan, see `PrefilterImage`. */
  readonly planes: Int32Array;
  readonly #image: PrefilterImage;
  readonly #members: readonly MemberImage[];
  readonly #seenIn: Float64Array;
  readonly #isCaseSensitive: boolean;
  readonly #foundIn: Float64Array;
  readonly #foundPhrase: Int32Array;
  readonly #foundEnd: Int32Array;
  #epoch = 0;

  constructor(image: PrefilterImage, members: readonly MemberImage[]) {
    this.#image = image;
    this.#members = members;
    this.planes = Int32Array.from(image.initial);
    this.#seenIn = new Float64Array(image.literals.lengths.length);
    this.#isCaseSensitive = members.some((member) => member.kind === 'phrases' && !member.ignoreCase);
    this.#foundIn = new Float64Array(members.length);
    this.#foundPhrase = new Int32Array(members.length);
    this.#foundEnd = new Int32Array(members.length);
  }

  /** Fills `planes` for a string of bytes. The one loop that every byte of every value goes through. */
  scan(text: string): void {
    const { initial, literals, groupLow, groupHigh } = this.#image;
    const { classOf, table } = literals;
    this.planes.set(initial);
    this.#epoch++;
    this.steps += text.length;
    let state = 0;
    let low = 0;
    let high = 0;
    for (let index = 0; index < text.length; index++) {
      const byte = text.charCodeAt(index);
      low |= int32At(groupLow, byte);
      high |= int32At(groupHigh, byte);
      state = int32At(table, state + uint8At(classOf, byte));
      if (state < 0) {
        state = ~state;
        this.#meet(text, state, index + 1);
      }
    }
    this.#addGroups(low, 0);
    this.#addGroups(high, 31);
  }

  /** The first phrase of a list that the last scan found. */
  found(member: number): PhraseFound | undefined {
    if (this.#foundIn[member] !== this.#epoch) return undefined;
    return { phrase: int32At(this.#foundPhrase, member), end: int32At(this.#foundEnd, member) };
  }

  /** Notes every literal that ends in front of `end`. */
  #meet(text: string, row: number, end: number): void {
    const { literals, literalHits } = this.#image;
    let literal = int32At(literals.firstEnding, row / literals.stride);
    for (; literal >= 0; literal = int32At(literals.suffix, literal)) {
      const isSeen = this.#seenIn[literal] === this.#epoch;
      // What ends with a literal that was seen was seen with it, unless a phrase still waits for the right case.
      if (isSeen && !this.#isCaseSensitive) return;
      this.steps++;
      if (!isSeen) this.#add(literalHits.begins, literalHits.values, literal);
      this.#seenIn[literal] = this.#epoch;
      this.#notePhrases(text, literal, end);
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
      this.planes[member >>> 5] = int32At(this.planes, member >>> 5) | (1 << (member & 31));
    }
  }

  #isExact(text: string, { member, phrase, end }: { member: number; phrase: number; end: number }): boolean {
    const list = this.#members[member];
    const wanted = list?.kind === 'phrases' ? list.phrases[phrase] : undefined;
    return wanted !== undefined && text.startsWith(wanted, end - wanted.length);
  }

  #addGroups(bits: number, first: number): void {
    const { begins, values } = this.#image.groupHits;
    for (let rest = bits; rest !== 0; rest &= rest - 1)
      this.#add(begins, values, first + 31 - Math.clz32(rest & -rest));
  }

  #add(begins: Int32Array, values: Int32Array, list: number): void {
    const end = int32At(begins, list + 1);
    for (let at = int32At(begins, list); at < end; at += 2) {
      const word = int32At(values, at);
      this.planes[word] = int32At(this.planes, word) | int32At(values, at + 1);
    }
  }
}
