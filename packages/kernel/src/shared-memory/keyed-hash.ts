import { powerOfTwoFrom } from './block.ts';

/**
 * SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), the keyed hash of the shared tables.
 *
 * Who can make keys collide can make a table answer slowly or wrongly for others, and clients choose their keys. Without
 * the 128-bit key nobody can find two colliding texts better than by trying; one compression and three finalisation rounds
 * are what Rust, Python and Ruby use for their hash tables, where, as here, nobody sees a hash. Tables take all 64 bits as
 * the key's identity: among 100,000 keys one pair meets by accident with a probability of 3 in 10^10.
 *
 * The 64-bit words are pairs of 32-bit ones, and the result is left in two fields, so that nothing is allocated.
 */
export class KeyedHash {
  /** Lower and higher 32 bits of the last hash, as signed words. */
  low = 0;
  high = 0;
  readonly #k0: number;
  readonly #k1: number;
  readonly #k2: number;
  readonly #k3: number;
  #words = new Int32Array(64);
  #bytes: Uint8Array = new Uint8Array(this.#words.buffer);

  /** `key`: 16 secret random bytes, the same in all threads. @throws RangeError for another length. */
  constructor(key: Uint8Array) {
    if (key.length !== HASH_KEY_BYTES)
      throw new RangeError(`a hash key has ${HASH_KEY_BYTES} bytes, not ${key.length}`);
    const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
    this.#k0 = view.getInt32(0, true);
    this.#k1 = view.getInt32(4, true);
    this.#k2 = view.getInt32(8, true);
    this.#k3 = view.getInt32(12, true);
  }

  /**
   * Hashes a text within a name space (0 to 2^32 - 1): the same text in two spaces is two keys. Different texts are
   * different inputs of SipHash: eight bytes for space and width, then one byte for each unit, or two where one needs them.
   */
  of(text: string, space = 0): void {
    const last = this.#pack(text, space) >> 3;
    const words = this.#words;
    // v0 to v3 of the paper, each a lower and a higher word.
    let l0 = this.#k0 ^ 0x70736575;
    let h0 = this.#k1 ^ 0x736f6d65;
    let l1 = this.#k2 ^ 0x6e646f6d;
    let h1 = this.#k3 ^ 0x646f7261;
    let l2 = this.#k0 ^ 0x6e657261;
    let h2 = this.#k1 ^ 0x6c796765;
    let l3 = this.#k2 ^ 0x79746573;
    let h3 = this.#k3 ^ 0x74656462;
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

  /** Lays the input out as blocks; returns the place of its last byte, which holds the length. */
  #pack(text: string, space: number): number {
    if (text.length * 2 + 16 > this.#bytes.length) this.#grow(text.length * 2 + 16);
    const bytes = this.#bytes;
    let end = PREFIX_BYTES;
    let all = 0;
    for (let at = 0; at < text.length; at += 1) {
      const unit = text.charCodeAt(at);
      bytes[end++] = unit;
      all |= unit;
    }
    if (all > 0xff) end = packWide(text, bytes);
    this.#words[0] = space;
    this.#words[1] = all > 0xff ? 1 : 0;
    const last = end | 7;
    for (let at = end; at < last; at += 1) bytes[at] = 0;
    bytes[last] = end;
    return last;
  }

  /** The scratch grows to the longest text hashed: what clients choose is bounded before it becomes a key. */
  #grow(bytes: number): void {
    this.#words = new Int32Array(powerOfTwoFrom(bytes) / 4);
    this.#bytes = new Uint8Array(this.#words.buffer);
  }
}

/** Bytes of the key: 128 bits. */
export const HASH_KEY_BYTES = 16;

/** The block before the text. */
const PREFIX_BYTES = 8;

function packWide(text: string, bytes: Uint8Array): number {
  let end = PREFIX_BYTES;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    bytes[end++] = unit;
    bytes[end++] = unit >> 8;
  }
  return end;
}
