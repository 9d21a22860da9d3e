import { writer } from './byte-writer.ts';
import { hexByte, hexWord } from './hex.ts';

/** `%HH` and `+`. What is not well-formed stays as it is. */
export function urlDecode(text: string): string {
  return decode(text, (at) => {
    const byte = hexByte(text, at + 1);
    return byte < 0 ? -1 : found(byte, 3);
  });
}

/** As `urlDecode`, and Microsoft's `%uHHHH`, which becomes the ASCII character that looks like it, else its low byte. */
export function urlDecodeUni(text: string): string {
  return decode(text, (at) => {
    if ((text.charCodeAt(at + 1) | 0x20) === 0x75) {
      const word = hexWord(text, at + 2);
      return word < 0 ? -1 : found(bestFit(word), 6);
    }
    const byte = hexByte(text, at + 1);
    return byte < 0 ? -1 : found(byte, 3);
  });
}

/** Letters, digits and `*` stay, a space becomes `+`, everything else `%hh`. */
export function urlEncode(text: string): string {
  if (!/[^0-9A-Za-z*]/.test(text)) return text;
  writer.begin(text.length * 3);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (STAYS[code] === 1) writer.byte(code);
    else if (code === 0x20) writer.byte(0x2b);
    else {
      writer.byte(0x25);
      writer.byte(HEX_DIGITS.charCodeAt(code >> 4));
      writer.byte(HEX_DIGITS.charCodeAt(code & 0x0f));
    }
  }
  return writer.text();
}

const HEX_DIGITS = '0123456789abcdef';

/** By byte, 1 where `urlEncode` leaves it. */
const STAYS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  /[0-9A-Za-z*]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

/** The byte for a UTF-16 unit in a server that has only ASCII: its look-alike where there is one, else the low byte. */
function bestFit(unit: number): number {
  if (unit < 0x80) return unit;
  // Unicode is asked once for each unit: a body can hold a hundred thousand of them.
  bestFits ??= new Int16Array(0x10000).fill(-1);
  const known = bestFits[unit] ?? -1;
  if (known >= 0) return known;
  const byte = LOOK_ALIKES.get(unit) ?? decomposed(unit);
  bestFits[unit] = byte;
  return byte;
}

/** By unit, what `bestFit` has found; -1 where it was not asked. */
let bestFits: Int16Array | undefined;

function decomposed(unit: number): number {
  if (unit >= 0xd800 && unit <= 0xdfff) return unit & 0xff;
  const parts = String.fromCharCode(unit).normalize('NFKD');
  // A letter with marks is the letter. A fraction is no digit, and a mark that stands alone is no space.
  return /^[!-~]\p{M}*$/u.test(parts) ? parts.charCodeAt(0) : unit & 0xff;
}

/** A byte, and how many bytes spell it. */
function found(byte: number, length: number): number {
  return (length << 8) | byte;
}

/** `read` reads the escape at a percent sign: what `found` packs, -1 for none. */
function decode(text: string, read: (at: number) => number): string {
  const first = text.search(/[%+]/);
  if (first < 0) return text;
  const bytes = writer.over(text);
  let isChanged = false;
  let length = first;
  for (let index = first; index < text.length; ) {
    const byte = bytes[index] ?? 0;
    const escape = byte === PERCENT ? read(index) : byte === PLUS ? SPACE_FOR_PLUS : -1;
    isChanged ||= escape >= 0;
    bytes[length] = escape < 0 ? byte : escape & 0xff;
    length += 1;
    index += escape < 0 ? 1 : escape >> 8;
  }
  writer.cut(length);
  return isChanged ? writer.text() : text;
}

const PERCENT = 0x25;
const PLUS = 0x2b;

/** What `found` packs for a space that one byte spells. */
const SPACE_FOR_PLUS = 0x120;

/** Where Unicode's own decomposition says nothing: punctuation and letters that servers fold to ASCII. */
const LOOK_ALIKES: ReadonlyMap<number, number> = new Map(
  Object.entries({
    ' ': '\u00a0\u2002\u2003\u2009',
    '!': '\u00a1\u01c3',
    '"': '\u02ba\u201c\u201d\u201e\u201f\u2033\u2036',
    $: '\u00a4',
    "'": '\u02b9\u02bc\u02c8\u2018\u2019\u201a\u201b\u2032\u2035',
    '*': '\u2217',
    ',': '\u00b8',
    '-': '\u00ad\u2010\u2011\u2012\u2013\u2014\u2015\u2212',
    '.': '\u00b7\u2024\u2026',
    '/': '\u2044\u2215',
    ':': '\u2236',
    '<': '\u00ab\u2039\u2329\u27e8\u3008',
    '>': '\u00bb\u203a\u232a\u27e9\u3009',
    A: '\u00c5\u00c6',
    C: '\u00a9',
    D: '\u00d0\u0110',
    O: '\u00d8',
    R: '\u00ae',
    Y: '\u00a5',
    '\\': '\u2216',
    a: '\u00e6',
    c: '\u00a2',
    i: '\u0131',
    o: '\u00f8',
    '|': '\u00a6\u2223',
    '~': '\u02dc\u223c',
  }).flatMap(([ascii, units]) => [...units].map((unit) => [unit.charCodeAt(0), ascii.charCodeAt(0)] as const)),
);
