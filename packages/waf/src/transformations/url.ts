import { hexByte, hexWord } from './hex.ts';

/** `%HH` and `+`. What is not well-formed stays as it is. */
export function urlDecode(text: string): string {
  return decode(text, (index) => {
    const byte = hexByte(text, index + 1);
    return byte < 0 ? undefined : [byte, index + 3];
  });
}

/** As `urlDecode`, and Microsoft's `%uHHHH`, which becomes the ASCII character that looks like it, else its low byte. */
export function urlDecodeUni(text: string): string {
  return decode(text, (index) => {
    if ((text.charCodeAt(index + 1) | 0x20) === 0x75) {
      const word = hexWord(text, index + 2);
      return word < 0 ? undefined : [bestFit(word), index + 6];
    }
    const byte = hexByte(text, index + 1);
    return byte < 0 ? undefined : [byte, index + 3];
  });
}

/** Letters, digits and `*` stay, a space becomes `+`, everything else `%hh`. */
export function urlEncode(text: string): string {
  if (!/[^0-9A-Za-z*]/.test(text)) return text;
  return text.replaceAll(/[^0-9A-Za-z*]/g, (byte) =>
    byte === ' ' ? '+' : `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

/** The byte for a UTF-16 unit in a server that has only ASCII: its look-alike where there is one, else the low byte. */
function bestFit(unit: number): number {
  if (unit < 0x80) return unit;
  const known = LOOK_ALIKES.get(unit);
  if (known !== undefined) return known;
  if (unit >= 0xd800 && unit <= 0xdfff) return unit & 0xff;
  const decomposed = String.fromCharCode(unit).normalize('NFKD');
  // A letter with marks is the letter. A fraction is no digit, and a mark that stands alone is no space.
  return /^[!-~]\p{M}*$/u.test(decomposed) ? decomposed.charCodeAt(0) : unit & 0xff;
}

function decode(text: string, read: (index: number) => readonly [number, number] | undefined): string {
  if (!/[%+]/.test(text)) return text;
  let out = '';
  let from = 0;
  for (let index = 0; index < text.length; ) {
    const code = text.charCodeAt(index);
    const found = code === 0x25 ? read(index) : code === 0x2b ? ([0x20, index + 1] as const) : undefined;
    if (found === undefined) {
      index += 1;
      continue;
    }
    out += text.slice(from, index) + String.fromCharCode(found[0]);
    from = found[1];
    index = from;
  }
  return from === 0 ? text : out + text.slice(from);
}

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
