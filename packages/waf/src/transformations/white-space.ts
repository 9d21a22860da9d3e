import { writer } from './byte-writer.ts';

/** White space of C's locale and the no-break space of Latin-1, which is how ModSecurity reads it. */
export function compressWhitespace(text: string): string {
  if (!/[\t-\r\xa0]|  /.test(text)) return text;
  writer.begin(text.length);
  let wasWhite = false;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    const isWhite = isSpace(code) || code === 0xa0;
    if (!isWhite) writer.byte(code);
    else if (!wasWhite) writer.byte(0x20);
    wasWhite = isWhite;
  }
  return writer.text();
}

export function removeWhitespace(text: string): string {
  if (!/[\t-\r \xa0]/.test(text)) return text;
  writer.begin(text.length);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (!isSpace(code) && code !== 0xa0) writer.byte(code);
  }
  return writer.text();
}

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
