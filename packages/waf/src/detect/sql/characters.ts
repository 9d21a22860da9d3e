/** What bytes are to SQL, in every dialect. */
import { byteAt } from '../bytes.ts';

export function isSpace(code: number): boolean {
  return code <= 0x20;
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isHex(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}

/** White space to some data bases, and in the middle of characters of UTF-8. */
export const NO_BREAK_SPACE = 0xa0;

export function isWordStart(code: number): boolean {
  return ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f || (code >= 0x80 && code !== NO_BREAK_SPACE);
}

export function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 0x24;
}

/** Where the parts of a word end that stand from `from` on. */
export function wordEndOf(bytes: Uint8Array, from: number): number {
  let end = from;
  while (byteAt(WORD_PARTS, byteAt(bytes, end)) === 1) end++;
  return end;
}

/** Where the white space ends that stands from `from` on. */
export function spacesEnd(bytes: Uint8Array, from: number): number {
  let end = from;
  while (isSpace(byteAt(bytes, end))) end++;
  return end;
}

/** By byte, 1 where `isWordPart`: most bytes of a long text are in words. */
const WORD_PARTS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (isWordPart(byte) ? 1 : 0));
