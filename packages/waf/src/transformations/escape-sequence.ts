import { writer } from './byte-writer.ts';
import { hexByte, hexWord } from './hex.ts';

/** ECMAScript's escapes in strings; `\uHHHH` gives its low byte, and full width forms their ASCII letter. */
export function jsDecode(text: string): string {
  return decode(text, jsEscape);
}

/** ANSI C's escapes in strings. */
export function escapeSeqDecode(text: string): string {
  return decode(text, ansiEscape);
}

/** Reads an escape at the byte behind its backslash: its value and its length as `found` packs them; -1 for none. */
type ReadEscape = (text: string, index: number) => number;

function jsEscape(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code === 0x75) {
    const word = hexWord(text, index + 1);
    if (word < 0) return -1;
    const isFullWidth = word >= 0xff01 && word <= 0xff5e;
    return found(isFullWidth ? word - 0xfee0 : word, 5);
  }
  if (code === 0x78) return hexEscape(text, index);
  return octalEscape(text, index, 0xff);
}

function ansiEscape(text: string, index: number): number {
  if ((text.charCodeAt(index) | 0x20) === 0x78) return hexEscape(text, index);
  return octalEscape(text, index, 0x1ff);
}

/** Decodes every escape that `read` knows; of others only the backslash vanishes. */
function decode(text: string, read: ReadEscape): string {
  let slash = text.indexOf('\\');
  if (slash < 0 || slash === text.length - 1) return text;
  writer.begin(text.length);
  let from = 0;
  while (slash >= 0 && slash + 1 < text.length) {
    writer.copy(text, from, slash);
    const escape = read(text, slash + 1);
    writer.byte(escape < 0 ? (SIMPLE[text.charCodeAt(slash + 1)] ?? 0) : escape & 0xff);
    from = slash + 1 + (escape < 0 ? 1 : escape >> 8);
    slash = nextSlash(text, from);
  }
  writer.copy(text, from, text.length);
  return writer.text();
}

/** Where many escapes stand side by side a look at the next byte is cheaper than a search. */
function nextSlash(text: string, from: number): number {
  return text.charCodeAt(from) === 0x5c ? from : text.indexOf('\\', from);
}

/** The low byte of a value, and how many bytes spell it. */
function found(value: number, length: number): number {
  return (length << 8) | (value & 0xff);
}

function hexEscape(text: string, index: number): number {
  const byte = hexByte(text, index + 1);
  return byte < 0 ? -1 : found(byte, 3);
}

/** Up to three digits, as many as stay within `valueMax`. */
function octalEscape(text: string, index: number, valueMax: number): number {
  let value = 0;
  let next = index;
  while (next < index + 3) {
    const digit = text.charCodeAt(next) - 0x30;
    if (!(digit >= 0 && digit <= 7) || value * 8 + digit > valueMax) break;
    value = value * 8 + digit;
    next += 1;
  }
  return next === index ? -1 : found(value, next - index);
}

/** By the byte behind the backslash: what it stands for, which for most is itself. */
const SIMPLE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte);
for (const [letter, code] of [
  ['a', 7],
  ['b', 8],
  ['f', 12],
  ['n', 10],
  ['r', 13],
  ['t', 9],
  ['v', 11],
] as const) {
  SIMPLE[letter.charCodeAt(0)] = code;
}
