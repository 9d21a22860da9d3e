import { hexByte, hexWord } from './hex.ts';

/** ECMAScript's escapes in strings; `\uHHHH` gives its low byte, and full width forms their ASCII letter. */
export function jsDecode(text: string): string {
  return decode(text, (index) => {
    if (text[index] === 'u') {
      const word = hexWord(text, index + 1);
      if (word < 0) return undefined;
      const isFullWidth = word >= 0xff01 && word <= 0xff5e;
      return [isFullWidth ? word - 0xfee0 : word & 0xff, index + 5];
    }
    if (text[index] === 'x') return hexEscape(text, index);
    return octalEscape(text, index, 0xff) ?? simpleEscape(text, index);
  });
}

/** ANSI C's escapes in strings. */
export function escapeSeqDecode(text: string): string {
  return decode(text, (index) => {
    if (text[index] === 'x' || text[index] === 'X') return hexEscape(text, index);
    return octalEscape(text, index, 0x1ff) ?? simpleEscape(text, index);
  });
}

/** Decodes every escape that `read` knows at the byte behind the backslash; of others only the backslash vanishes. */
function decode(text: string, read: (index: number) => readonly [number, number] | undefined): string {
  let slash = text.indexOf('\\');
  if (slash < 0 || slash === text.length - 1) return text;
  let out = '';
  let from = 0;
  while (slash >= 0 && slash + 1 < text.length) {
    out += text.slice(from, slash);
    const [byte, next] = read(slash + 1) ?? [text.charCodeAt(slash + 1), slash + 2];
    out += String.fromCharCode(byte & 0xff);
    from = next;
    slash = text.indexOf('\\', from);
  }
  return out + text.slice(from);
}

function hexEscape(text: string, index: number): readonly [number, number] | undefined {
  const byte = hexByte(text, index + 1);
  return byte < 0 ? undefined : [byte, index + 3];
}

/** Up to three digits, as many as stay within `valueMax`. */
function octalEscape(text: string, index: number, valueMax: number): readonly [number, number] | undefined {
  let value = 0;
  let next = index;
  while (next < index + 3) {
    const digit = text.charCodeAt(next) - 0x30;
    if (!(digit >= 0 && digit <= 7) || value * 8 + digit > valueMax) break;
    value = value * 8 + digit;
    next += 1;
  }
  return next === index ? undefined : [value, next];
}

function simpleEscape(text: string, index: number): readonly [number, number] | undefined {
  const code = SIMPLE.get(text.charAt(index));
  return code === undefined ? undefined : [code, index + 1];
}

const SIMPLE: ReadonlyMap<string, number> = new Map([
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
]);
