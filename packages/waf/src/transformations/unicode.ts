import { writer } from './byte-writer.ts';

/**
 * Each well-formed UTF-8 sequence of two to four bytes becomes `%uHHHH` (five or six digits beyond the first plane);
 * everything else stays as it is.
 */
export function utf8toUnicode(text: string): string {
  const first = text.search(/[\xc2-\xf4]/);
  if (first < 0) return text;
  // Two bytes become six, three and four become six to eight.
  writer.begin(text.length * 3);
  let from = 0;
  for (let index = first; index < text.length; index += 1) {
    const length = text.charCodeAt(index) < 0xc2 ? 0 : utf8Length(text, index);
    if (length < 2) continue;
    writer.copy(text, from, index);
    writePoint(pointAt(text, index, length));
    from = index + length;
    index = from - 1;
  }
  if (from === 0) return text;
  writer.copy(text, from, text.length);
  return writer.text();
}

/** `%u` and at least four digits. */
function writePoint(point: number): void {
  writer.byte(0x25);
  writer.byte(0x75);
  const digits = point > 0xfffff ? 6 : point > 0xffff ? 5 : 4;
  for (let digit = digits - 1; digit >= 0; digit -= 1)
    writer.byte(HEX_DIGITS.charCodeAt((point >> (digit * 4)) & 0x0f));
}

const HEX_DIGITS = '0123456789abcdef';

/**
 * Bytes of the UTF-8 sequence at `index` (RFC 3629 §4): 1 to 4, and 0 when the bytes there are none: too long a form,
 * a surrogate, beyond U+10FFFF, cut off, or a byte that cannot begin one.
 */
export function utf8Length(text: string, index: number): number {
  const first = text.charCodeAt(index);
  if (first < 0x80) return 1;
  if (!(first >= 0xc2 && first <= 0xf4)) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const [secondMin, secondMax] = secondRange(first);
  const second = text.charCodeAt(index + 1);
  if (!(second >= secondMin && second <= secondMax)) return 0;
  for (let offset = 2; offset < length; offset += 1) {
    const code = text.charCodeAt(index + offset);
    if (!(code >= 0x80 && code <= 0xbf)) return 0;
  }
  return length;
}

function secondRange(first: number): readonly [number, number] {
  if (first === 0xe0) return [0xa0, 0xbf];
  if (first === 0xed) return [0x80, 0x9f];
  if (first === 0xf0) return [0x90, 0xbf];
  if (first === 0xf4) return [0x80, 0x8f];
  return [0x80, 0xbf];
}

function pointAt(text: string, index: number, length: number): number {
  let point = text.charCodeAt(index) & (0xff >> (length + 1));
  for (let offset = 1; offset < length; offset += 1) point = point * 64 + (text.charCodeAt(index + offset) & 0x3f);
  return point;
}
