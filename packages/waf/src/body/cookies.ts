import type { CookieValue } from './port.ts';

/**
 * The names and values of Cookie fields, in order (RFC 6265bis 5.8.3, read by servers in ways of their own). Nothing is
 * overwritten. A value that only some servers see is there too: what stands in quotes around a semicolon is given whole
 * besides its pieces, because Python's and Java's readers take it as one value and the others as several; and a value in
 * quotes with backslashes is given once more with its escapes decoded, as those readers do (RFC 2109, Python's `\\073`).
 *
 * @param fields The field values as byte strings; HTTP/2 clients send several.
 */
export function parseCookies(fields: readonly string[]): readonly CookieValue[] {
  const cookies: CookieValue[] = [];
  for (const field of fields) {
    addPieces(field, cookies);
    addQuoted(field, cookies);
  }
  return cookies;
}

function addPieces(field: string, cookies: CookieValue[]): void {
  for (let begin = 0; begin <= field.length; ) {
    const semicolon = field.indexOf(';', begin);
    const end = semicolon < 0 ? field.length : semicolon;
    const piece = field.slice(afterBlanks(field, begin, end), end);
    const equals = piece.indexOf('=');
    // A piece without `=` is a name to some servers and a value to others: both are inspected.
    if (piece !== '') cookies.push(equals < 0 ? { name: piece, value: piece } : pair(piece, equals));
    begin = end + 1;
  }
}

function pair(text: string, equals: number): CookieValue {
  const valueAt = afterBlanks(text, equals + 1, text.length);
  return { name: trimEnd(text.slice(0, equals)), value: trimEnd(text.slice(valueAt)) };
}

/** The first place from `begin` on where no space and no tab stands. */
function afterBlanks(text: string, begin: number, end: number): number {
  let at = begin;
  while (at < end && isBlank(text.charCodeAt(at))) at += 1;
  return at;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** `name="a;b"`: values in quotes that have a semicolon or a backslash inside. */
function addQuoted(field: string, cookies: CookieValue[]): void {
  let nameStart = 0;
  let semicolon = field.indexOf(';');
  let at = field.indexOf('="');
  while (at >= 0) {
    // Forwards only: a search back from each of a thousand quotes would cost their square.
    for (; semicolon >= 0 && semicolon < at; semicolon = field.indexOf(';', nameStart)) nameStart = semicolon + 1;
    const end = quoteEnd(field, at + 2);
    const value = field.slice(at + 2, end);
    const name = trimEnd(field.slice(afterBlanks(field, nameStart, at), at));
    if (value.includes(';')) cookies.push({ name, value });
    if (value.includes('\\')) cookies.push({ name, value: value.replaceAll(ESCAPE, decodeEscape) });
    at = field.indexOf('="', end);
  }
}

/** The next quote that no backslash escapes, or the end. */
function quoteEnd(field: string, from: number): number {
  let at = from;
  while (at < field.length && field.charAt(at) !== '"') at += field.charAt(at) === '\\' ? 2 : 1;
  return Math.min(at, field.length);
}

/** A backslash with three octal digits or with one character. */
const ESCAPE = /\\([0-3][0-7]{2}|[^])/g;

function decodeEscape(_: string, escaped: string): string {
  return escaped.length === 3 ? String.fromCharCode(Number.parseInt(escaped, 8)) : escaped;
}

/** Without a pattern: `\s+$` is quadratic on white space that something follows. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}
