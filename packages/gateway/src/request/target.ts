import { type Reason, reason } from '@sallyport/kernel';

/** A request target in origin form after normalisation. */
export interface Target {
  readonly path: string;
  readonly query: string;
  readonly hasEncodedSlash: boolean;
}

/**
 * Normalises the origin form of a request target once (RFC 3986 §6.2.2, RFC 9112 §3.2.1), so that what is matched, what
 * is judged and what is forwarded are the same text: unreserved characters are decoded, hexadecimal digits are upper case,
 * dot segments and empty segments are gone, other characters that URLs do not allow are encoded.
 *
 * Refused, because servers read them differently: fragments, backslashes, control characters, broken percent-encoding, a
 * path that climbs above its root, and segments such as `..;x` which some servers strip to `..`.
 */
export function normaliseTarget(raw: string): Target | Reason {
  if (raw.charCodeAt(0) !== SLASH) return reason('TARGET_INVALID', 'not in origin form');
  const end = plainEnd(raw);
  if (end === raw.length) return { path: raw, query: '', hasEncodedSlash: false };
  const mark = raw.indexOf('?');
  const rawPath = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark);
  if (query !== '' && !isQuery(query)) return reason('TARGET_INVALID', 'query');
  if (mark === end) return { path: rawPath, query, hasEncodedSlash: false };
  return normalisePath(rawPath, query);
}

const SLASH = 0x2f;
const DOT = 0x2e;
const PERCENT = 0x25;
const HASH = 0x23;

const PLAIN = 1;
const ENCODE = 2;

/** For each ASCII code: a character that stands in a path as it is, one that has to be encoded, or one that is refused. */
const PATH_CLASS: Uint8Array = classes(
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/",
  '"<>[]^`{|}',
);
const UNRESERVED: Uint8Array = classes('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~', '');

function classes(plain: string, encode: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of plain) table[character.charCodeAt(0)] = PLAIN;
  for (const character of encode) table[character.charCodeAt(0)] = ENCODE;
  return table;
}

/**
 * How far the text is a path that needs no change: only plain characters, no empty segment, no segment that begins with
 * a dot. Most requests end here.
 */
function plainEnd(raw: string): number {
  let previous = 0;
  for (let index = 0; index < raw.length; index += 1) {
    const code = raw.charCodeAt(index);
    if (PATH_CLASS[code] !== PLAIN) return index;
    if (previous === SLASH && (code === SLASH || code === DOT)) return index;
    previous = code;
  }
  return raw.length;
}

/** RFC 3986 §3.4 is narrower; browsers send more. Controls, spaces, non-ASCII and `#` are never part of a query. */
function isQuery(query: string): boolean {
  for (let index = 0; index < query.length; index += 1) {
    const code = query.charCodeAt(index);
    if (code <= 0x20 || code >= 0x7f || code === HASH) return false;
  }
  return true;
}

function normalisePath(rawPath: string, query: string): Target | Reason {
  let text = '';
  for (let index = 0; index < rawPath.length; index += 1) {
    const code = rawPath.charCodeAt(index);
    if (code === PERCENT) {
      const value = hexPair(rawPath, index + 1);
      if (value === -1) return reason('TARGET_INVALID', 'percent-encoding');
      if (value < 0x20 || value === 0x7f) return reason('TARGET_INVALID', 'encoded control character');
      text += UNRESERVED[value] === PLAIN ? String.fromCharCode(value) : encode(value);
      index += 2;
    } else if (PATH_CLASS[code] === PLAIN) text += rawPath[index];
    else if (PATH_CLASS[code] === ENCODE) text += encode(code);
    else return reason('TARGET_INVALID', `character 0x${code.toString(16)}`);
  }
  const path = removeDots(text);
  if (path === undefined) return reason('PATH_TRAVERSAL');
  return { path, query, hasEncodedSlash: path.includes('%2F') || path.includes('%5C') };
}

/** RFC 3986 §5.2.4, with empty segments removed; undefined when the path climbs above its root. */
function removeDots(path: string): string | undefined {
  const segments = path.split('/');
  const kept: string[] = [];
  for (const segment of segments) {
    // `..;jsessionid=1` is `..` for servlet containers and a name for everybody else.
    if (/^\.{1,2};/.test(segment)) return undefined;
    if (segment === '..') {
      if (kept.pop() === undefined) return undefined;
    } else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  const last = segments.at(-1) ?? '';
  const isFolder = last === '' || last === '.' || last === '..';
  return kept.length === 0 ? '/' : `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

function hexPair(text: string, index: number): number {
  const high = hexDigit(text.charCodeAt(index));
  const low = hexDigit(text.charCodeAt(index + 1));
  return high === -1 || low === -1 ? -1 : high * 16 + low;
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

function encode(code: number): string {
  return `%${code < 16 ? '0' : ''}${code.toString(16).toUpperCase()}`;
}
