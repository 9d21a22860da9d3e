import { writer } from './byte-writer.ts';

/** White space of C's locale and the no-break space of Latin-1, which is how ModSecurity reads it. */
export function compressWhitespace(text: string): string {
  if (!/[\t-\r\xa0]|  /.test(text)) return text;
  const bytes = writer.over(text);
  let length = 0;
  let wasWhite = 0;
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[index] ?? 0;
    const isWhite = WHITE[byte] ?? 0;
    bytes[length] = isWhite === 0 ? byte : 0x20;
    length += 1 - (isWhite & wasWhite);
    wasWhite = isWhite;
  }
  writer.cut(length);
  return writer.text();
}

export function removeWhitespace(text: string): string {
  if (!/[\t-\r \xa0]/.test(text)) return text;
  const bytes = writer.over(text);
  let length = 0;
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[index] ?? 0;
    bytes[length] = byte;
    length += 1 - (WHITE[byte] ?? 0);
  }
  writer.cut(length);
  return writer.text();
}

/** By byte, 1 for white space. */
const WHITE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (isSpace(byte) || byte === 0xa0 ? 1 : 0));

export function removeNulls(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

export function replaceNulls(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', ' ') : text;
}

export function trim(text: string): string {
  return trimRight(trimLeft(text));
}

export function trimLeft(text: string): string {
  let begin = 0;
  while (isSpace(text.charCodeAt(begin))) begin += 1;
  return begin === 0 ? text : text.slice(begin);
}

export function trimRight(text: string): string {
  let end = text.length;
  while (isSpace(text.charCodeAt(end - 1))) end -= 1;
  return end === text.length ? text : text.slice(0, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}
