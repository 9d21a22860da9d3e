import { type ByteSet, byteRange, NO_BYTE, unionOf } from '../byte-set.ts';

/** Code points (bytes, when the pattern speaks of bytes) as ranges, both ends included, in any order. */
export type CodeRanges = readonly (readonly [low: number, high: number])[];

export const BYTE_MAX = 0xff;
export const CODE_POINT_MAX = 0x10ffff;

/** All code points from 0 to `max` that are not in `ranges`. */
export function negated(ranges: CodeRanges, max: number): CodeRanges {
  const rest: [number, number][] = [];
  let low = 0;
  for (const [from, to] of ranges.toSorted((left, right) => left[0] - right[0])) {
    if (from > low) rest.push([low, from - 1]);
    low = Math.max(low, to + 1);
  }
  if (low <= max) rest.push([low, max]);
  return rest;
}

/** The ranges and the other case of every ASCII letter in them. */
export function withOtherCase(ranges: CodeRanges): CodeRanges {
  const folded: (readonly [number, number])[] = [...ranges];
  for (const [low, high] of ranges) {
    const [upperLow, upperHigh] = [Math.max(low, 0x41), Math.min(high, 0x5a)];
    if (upperLow <= upperHigh) folded.push([upperLow | 0x20, upperHigh | 0x20]);
    const [lowerLow, lowerHigh] = [Math.max(low, 0x61), Math.min(high, 0x7a)];
    if (lowerLow <= lowerHigh) folded.push([lowerLow & ~0x20, lowerHigh & ~0x20]);
  }
  return folded;
}

/** The ranges as a set of bytes; what lies above 0xFF is cut off. */
export function toByteSet(ranges: CodeRanges): ByteSet {
  let set = NO_BYTE;
  for (const [low, high] of ranges) if (low <= BYTE_MAX) set = unionOf(set, byteRange(low, Math.min(high, BYTE_MAX)));
  return set;
}

const DIGIT: CodeRanges = [[0x30, 0x39]];
const UPPER: CodeRanges = [[0x41, 0x5a]];
const LOWER: CodeRanges = [[0x61, 0x7a]];
const ALPHA: CodeRanges = [...UPPER, ...LOWER];
const WORD: CodeRanges = [...DIGIT, ...ALPHA, [0x5f, 0x5f]];
const SPACE_RE2: CodeRanges = [[0x09, 0x0a], [0x0c, 0x0d], [0x20, 0x20]]; // biome-ignore format: one row
const SPACE: CodeRanges = [[0x09, 0x0d], [0x20, 0x20]]; // biome-ignore format: one row

/** `\h` of PCRE, of the bytes: tab, space, no-break space. */
export const HORIZONTAL_SPACE: CodeRanges = [[0x09, 0x09], [0x20, 0x20], [0xa0, 0xa0]]; // biome-ignore format: one row
/** `\v` of PCRE, of the bytes: `\n`, `\x0b`, `\f`, `\r`, next line. */
export const VERTICAL_SPACE: CodeRanges = [[0x0a, 0x0d], [0x85, 0x85]]; // biome-ignore format: one row

/** The ranges of `\d`, `\w` or `\s` (`letter` in lower case). */
export function perlClass(letter: 'd' | 'w' | 's', isRe2: boolean): CodeRanges {
  switch (letter) {
    case 'd':
      return DIGIT;
    case 'w':
      return WORD;
    case 's':
      return isRe2 ? SPACE_RE2 : SPACE;
  }
}

/** The POSIX classes, ASCII only, by name. */
export const POSIX_CLASSES: ReadonlyMap<string, CodeRanges> = new Map([
  ['alnum', [...DIGIT, ...ALPHA]],
  ['alpha', ALPHA],
  ['ascii', [[0, 0x7f]]],
  [
    'blank',
    [
      [0x09, 0x09],
      [0x20, 0x20],
    ],
  ],
  [
    'cntrl',
    [
      [0, 0x1f],
      [0x7f, 0x7f],
    ],
  ],
  ['digit', DIGIT],
  ['graph', [[0x21, 0x7e]]],
  ['lower', LOWER],
  ['print', [[0x20, 0x7e]]],
  [
    'punct',
    [
      [0x21, 0x2f],
      [0x3a, 0x40],
      [0x5b, 0x60],
      [0x7b, 0x7e],
    ],
  ],
  ['space', SPACE],
  ['upper', UPPER],
  ['word', WORD],
  ['xdigit', [...DIGIT, [0x41, 0x46], [0x61, 0x66]]],
]);
