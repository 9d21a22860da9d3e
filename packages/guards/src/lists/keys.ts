/** Addresses of one family, each as 32-bit words with the most significant one first, in one shared array. */
export class Keys {
  readonly array: Uint32Array<SharedArrayBuffer>;
  readonly #words: number;

  /** Zeros for `count` addresses of `words` words. */
  constructor(count: number, words: number) {
    this.array = new Uint32Array(new SharedArrayBuffer(count * words * 4));
    this.#words = words;
  }

  /** Bits of one address. */
  get bits(): number {
    return this.#words * 32;
  }

  /** Writes an address of four bytes for each word. */
  set(index: number, bytes: Readonly<Uint8Array>): void {
    for (let word = 0; word < this.#words; word += 1) this.array[index * this.#words + word] = wordOf(bytes, word);
  }

  /** A word of an address; 0 beyond its last one. */
  wordAt(index: number, word: number): number {
    return word < this.#words ? (this.array[index * this.#words + word] ?? 0) : 0;
  }

  /** Negative, 0 or positive: the order of two addresses as numbers. */
  compare(one: number, other: number): number {
    for (let word = 0; word < this.#words; word += 1) {
      const difference = this.wordAt(one, word) - this.wordAt(other, word);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** The number of leading bits in which two addresses agree. */
  commonBits(one: number, other: number): number {
    for (let word = 0; word < this.#words; word += 1) {
      const difference = this.wordAt(one, word) ^ this.wordAt(other, word);
      if (difference !== 0) return word * 32 + Math.clz32(difference);
    }
    return this.bits;
  }

  /** The `width` bits from bit `position` on, as {@link selectBits} reads them. */
  bitsAt(index: number, position: number, width: number): number {
    const word = position >>> 5;
    return selectBits(this.wordAt(index, word), this.wordAt(index, word + 1), position & 31, width);
  }
}

/** Word `word` of an address in network order, unsigned. */
export function wordOf(bytes: Readonly<Uint8Array>, word: number): number {
  const at = word * 4;
  const high = ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16);
  return (high | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0;
}

/** `width` bits (1 to 32) from bit `offset` (0 to 31) of two words in a row, as a number. */
export function selectBits(high: number, low: number, offset: number, width: number): number {
  // A shift by 32 is a shift by 0 in JavaScript, so an offset of 0 must not reach for the low word.
  const bits = offset === 0 ? high : (high << offset) | (low >>> (32 - offset));
  return bits >>> (32 - width);
}
