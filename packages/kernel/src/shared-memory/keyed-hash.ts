import { powerOfTwoFrom } from './block.ts';

/**
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), the keyed hash of the shared tables.
 *
 * Who can make keys collide can make a table answer slowly or wrongly for others, and clients choose their keys. Without
 * the 128-bit key nobody can find two colliding texts better than by trying; one compression and three finalisation rounds
 * are what Rust and Python use for their hash tables, where, as here, nobody sees a hash. Tables take 63 bits as the
 * key's identity: among 100,000 keys one pair meets by accident with a probability of 5 in 10^10.
 *
 * The 64-bit words are pairs of 32-bit ones, and the result is left in two fields, so that nothing is allocated.
 */
export class KeyedHash {
  /** Lower and higher 32 bits of the last hash, as signed words. */
  low = 0;
  high = 0;
  /** For texts of one byte each unit, and for all others: two keys, so that no two texts are the same input. */
  readonly #narrow: Int32Array;
  readonly #wide: Int32Array;
  #words = new Int32Array(64);
  #bytes: Uint8Array = new Uint8Array(this.#words.buffer);

  /**
   * `key`: 16 secret random bytes, the same in all threads. `space`: 0 to 2^32 - 1; the same text in two spaces is two
   * independent hashes, because each space has keys of its own, which are hashes of its number under `key`.
   *
   * @throws RangeError for a key of another length.
   */
  constructor(key: Uint8Array, space = 0) {
    if (key.length !== HASH_KEY_BYTES)
      throw new RangeError(`a hash key has ${HASH_KEY_BYTES} bytes, not ${key.length}`);
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    const master = Int32Array.from([0, 4, 8, 12], (at) => view.getInt32(at, true));
    this.#narrow = this.#derived(master, space, 0);
    this.#wide = this.#derived(master, space, 2);
  }

  /** Hashes a text: its units as bytes where each fits into one, otherwise as UTF-16. */
  of(text: string): void {
    const length = text.length;
    if (length * 2 + 8 > this.#bytes.length) this.#grow(length * 2 + 8);
    const bytes = this.#bytes;
    this.#clearBlockOf(length);
    let all = 0;
    for (let at = 0; at < length; at += 1) {
      const unit = text.charCodeAt(at);
      bytes[at] = unit;
      all |= unit;
    }
    if (all <= 0xff) this.#hash(this.#narrow, length);
    else this.#ofWide(text);
  }

  #ofWide(text: string): void {
    const bytes = this.#bytes;
    this.#clearBlockOf(text.length * 2);
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      bytes[at * 2] = unit;
      bytes[at * 2 + 1] = unit >> 8;
    }
    this.#hash(this.#wide, text.length * 2);
  }

  /** The last block holds what is left, zeros, and in its highest byte the length of everything. */
  #clearBlockOf(length: number): void {
    this.#words[(length >> 3) * 2] = 0;
    this.#words[(length >> 3) * 2 + 1] = 0;
  }

  /** Hashes the first bytes of the scratch. */
  #hash(key: Int32Array, length: number): void {
    this.#bytes[length | 7] = length;
    const words = this.#words;
    const last = length >> 3;
    const k0 = key[0] ?? 0;
    const k1 = key[1] ?? 0;
    const k2 = key[2] ?? 0;
    const k3 = key[3] ?? 0;
    // v0 to v3 of the paper, each a lower and a higher word.
    let l0 = k0 ^ 0x70736575;
    let h0 = k1 ^ 0x736f6d65;
    let l1 = k2 ^ 0x6e646f6d;
    let h1 = k3 ^ 0x646f7261;
    let l2 = k0 ^ 0x6e657261;
    let h2 = k1 ^ 0x6c796765;
    let l3 = k2 ^ 0x79746573;
    let h3 = k3 ^ 0x74656462;
    // The blocks, and three rounds without one.
    for (let block = 0; block <= last + 3; block += 1) {
      let low = 0;
      let high = 0;
      if (block <= last) {
        low = words[block * 2] ?? 0;
        high = words[block * 2 + 1] ?? 0;
      } else if (block === last + 1) {
        l2 ^= 0xff;
      }
      l3 ^= low;
      h3 ^= high;
      // SipRound. A sum of lower words carries when it is smaller than a part of it; words rotated by 32 bits swap halves.
      let sum = (l0 + l1) | 0;
      h0 = (h0 + h1 + (sum >>> 0 < l1 >>> 0 ? 1 : 0)) | 0;
      l0 = sum;
      let turned = ((l1 << 13) | (h1 >>> 19)) ^ l0;
      h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
      l1 = turned;
      sum = (l2 + l3) | 0;
      h2 = (h2 + h3 + (sum >>> 0 < l3 >>> 0 ? 1 : 0)) | 0;
      l2 = sum;
      turned = ((l3 << 16) | (h3 >>> 16)) ^ l2;
      h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
      l3 = turned;
      sum = (h0 + l3) | 0;
      h0 = (l0 + h3 + (sum >>> 0 < l3 >>> 0 ? 1 : 0)) | 0;
      l0 = sum;
      turned = ((l3 << 21) | (h3 >>> 11)) ^ l0;
      h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
      l3 = turned;
      sum = (l2 + l1) | 0;
      h2 = (h2 + h1 + (sum >>> 0 < l1 >>> 0 ? 1 : 0)) | 0;
      turned = ((l1 << 17) | (h1 >>> 15)) ^ sum;
      h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
      l1 = turned;
      l2 = h2;
      h2 = sum;
      l0 ^= low;
      h0 ^= high;
    }
    this.low = l0 ^ l1 ^ l2 ^ l3;
    this.high = h0 ^ h1 ^ h2 ^ h3;
  }

  #derived(master: Int32Array, space: number, first: number): Int32Array {
    const derived = new Int32Array(4);
    for (const half of [0, 1]) {
      this.#words.set([space, first + half, 0, 0]);
      this.#hash(master, 8);
      derived.set([this.low, this.high], half * 2);
    }
    return derived;
  }

  /** The scratch grows to the longest text hashed: what clients choose is bounded before it becomes a key. */
  #grow(bytes: number): void {
    this.#words = new Int32Array(powerOfTwoFrom(bytes) / 4);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }
}

/** Bytes of the key: 128 bits. */
export const HASH_KEY_BYTES = 16;
