import { byteRange } from '../byte-set.ts';
import { alternate, bytes, concat, type Node } from './ast.ts';
import { CODE_POINT_MAX, type CodeRanges, negated, toByteSet } from './code-ranges.ts';

/** Code points by the length of their UTF-8 form (RFC 3629 §3), without the surrogates, which have none. */
const LENGTHS: CodeRanges = [
  [0x80, 0x7ff],
  [0x800, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, CODE_POINT_MAX],
];

/** A class of code points as an expression over the bytes of their UTF-8 form. */
export function utf8Class(ranges: CodeRanges): Node {
  const choices: Node[] = [
    bytes(toByteSet(ranges.filter(([low]) => low < 0x80).map(([low, high]) => [low, Math.min(high, 0x7f)]))),
  ];
  // Twice negated is sorted and without overlap, so the expression stays small.
  for (const [low, high] of negated(negated(ranges, CODE_POINT_MAX), CODE_POINT_MAX)) {
    for (const [from, to] of LENGTHS) {
      if (low <= to && high >= from)
        choices.push(...sequences(encode(Math.max(low, from)), encode(Math.min(high, to))));
    }
  }
  return alternate(choices);
}

/** One code point as the bytes of its UTF-8 form. */
export function utf8Literal(code: number): Node {
  return concat(encode(code).map((byte) => bytes(byteRange(byte, byte))));
}

/** Byte-wise ranges between two encodings of one length: the first byte alone where the tails are not whole. */
function sequences(low: readonly number[], high: readonly number[]): Node[] {
  const [lowFirst = 0, ...lowTail] = low;
  const [highFirst = 0, ...highTail] = high;
  if (lowTail.length === 0) return [bytes(byteRange(lowFirst, highFirst))];
  const first = lowTail.map(() => 0x80);
  const last = lowTail.map(() => 0xbf);
  if (lowFirst === highFirst) return headed(lowFirst, lowFirst, sequences(lowTail, highTail));
  const isLowWhole = lowTail.every((byte) => byte === 0x80);
  const isHighWhole = highTail.every((byte) => byte === 0xbf);
  const middleLow = isLowWhole ? lowFirst : lowFirst + 1;
  const middleHigh = isHighWhole ? highFirst : highFirst - 1;
  return [
    ...(isLowWhole ? [] : headed(lowFirst, lowFirst, sequences(lowTail, last))),
    ...(middleLow > middleHigh ? [] : headed(middleLow, middleHigh, sequences(first, last))),
    ...(isHighWhole ? [] : headed(highFirst, highFirst, sequences(first, highTail))),
  ];
}

function headed(low: number, high: number, tails: readonly Node[]): Node[] {
  return tails.map((tail) => concat([bytes(byteRange(low, high)), tail]));
}

function encode(code: number): number[] {
  if (code < 0x80) return [code];
  if (code < 0x800) return [0xc0 | (code >> 6), tail(code)];
  if (code < 0x10000) return [0xe0 | (code >> 12), tail(code >> 6), tail(code)];
  return [0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code)];
}

function tail(code: number): number {
  return 0x80 | (code & 0x3f);
}
