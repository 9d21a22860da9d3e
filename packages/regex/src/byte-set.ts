/**
 * A set of byte values: eight words of 32 bits, never changed after it was made.
 * Every class of a pattern ends as one of these, because everything behind the parser works on bytes.
 */
export type ByteSet = Readonly<Uint32Array>;

export const BYTE_VALUES = 256;
const WORDS = 8;

/** The set of the bytes `low` to `high`, both included. */
export function byteRange(low: number, high: number): ByteSet {
  const set = new Uint32Array(WORDS);
  for (let byte = low; byte <= high; byte++) addByte(set, byte);
  return set;
}

/** The set of the bytes of a latin1 string. */
export function bytesOf(text: string): ByteSet {
  const set = new Uint32Array(WORDS);
  for (let index = 0; index < text.length; index++) addByte(set, text.charCodeAt(index));
  return set;
}

export function hasByte(set: ByteSet, byte: number): boolean {
  return ((wordOf(set, byte >>> 5) >>> (byte & 31)) & 1) === 1;
}

export function unionOf(left: ByteSet, right: ByteSet): ByteSet {
  return left.map((word, index) => word | wordOf(right, index));
}

export function isDisjoint(left: ByteSet, right: ByteSet): boolean {
  return left.every((word, index) => (word & wordOf(right, index)) === 0);
}

export function isEqualSet(left: ByteSet, right: ByteSet): boolean {
  return left === right || left.every((word, index) => word === wordOf(right, index));
}

/** The bytes of the set, ascending. */
export function bytesIn(set: ByteSet): number[] {
  const bytes: number[] = [];
  for (let index = 0; index < WORDS; index++) {
    for (let rest = wordOf(set, index); rest !== 0; rest &= rest - 1) {
      bytes.push(index * 32 + 31 - Math.clz32(rest & -rest));
    }
  }
  return bytes;
}

export function sizeOfSet(set: ByteSet): number {
  let size = 0;
  for (const word of set) size += bitCount(word);
  return size;
}

/** The set with both cases of every ASCII letter in it. Bytes above 0x7F have no case here, as in PCRE's C locale. */
export function withBothCases(set: ByteSet): ByteSet {
  const folded = new Uint32Array(set);
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    const lower = upper | 0x20;
    if (hasByte(set, upper)) addByte(folded, lower);
    else if (hasByte(set, lower)) addByte(folded, upper);
  }
  return folded;
}

/** A string that is equal for equal sets and only for them. */
export function keyOfSet(set: ByteSet): string {
  let key = '';
  for (let index = 0; index < WORDS; index++) {
    const word = wordOf(set, index);
    key += String.fromCharCode(word & 0xffff, word >>> 16);
  }
  return key;
}

/** The set of one byte, or of both cases of a letter; always the same object, which saves comparing. */
export function singleByte(byte: number, ignoreCase: 'exact' | 'both-cases'): ByteSet {
  const known = SINGLES[ignoreCase][byte];
  if (known !== undefined) return known;
  const exact = byteRange(byte, byte);
  const set = ignoreCase === 'exact' ? exact : withBothCases(exact);
  SINGLES[ignoreCase][byte] = set;
  return set;
}

const SINGLES: Readonly<Record<'exact' | 'both-cases', ByteSet[]>> = { exact: [], 'both-cases': [] };

export const NO_BYTE: ByteSet = new Uint32Array(WORDS);
export const ANY_BYTE: ByteSet = byteRange(0, 255);
const DIGITS: ByteSet = byteRange(0x30, 0x39);
const LETTERS: ByteSet = unionOf(byteRange(0x41, 0x5a), byteRange(0x61, 0x7a));
export const WORD_BYTES: ByteSet = unionOf(unionOf(DIGITS, LETTERS), bytesOf('_'));
export const NEWLINE = 0x0a;

function addByte(set: Uint32Array, byte: number): void {
  set[byte >>> 5] = wordOf(set, byte >>> 5) | (1 << (byte & 31));
}

function wordOf(set: ByteSet, index: number): number {
  return set[index] ?? 0;
}

function bitCount(word: number): number {
  let rest = word;
  let count = 0;
  while (rest !== 0) {
    rest &= rest - 1;
    count++;
  }
  return count;
}
