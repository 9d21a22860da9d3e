import { writer } from '../transformations/byte-writer.ts';
import { hexByte } from '../transformations/hex.ts';
import type { BodyBuilder } from './builder.ts';

/**
 * application/x-www-form-urlencoded (WHATWG URL 5.1), pairs separated by `&`. An invalid percent sequence stays as it is
 * written and is flagged: servers disagree about it, and `@validateUrlEncoding` wants to see it. A pair without a name
 * or without `=` is a value as well.
 */
export function parseUrlencoded(body: string, builder: BodyBuilder): void {
  let start = 0;
  while (start < body.length) {
    const separator = body.indexOf('&', start);
    const end = separator < 0 ? body.length : separator;
    if (end > start && !readPair(body, { start, end }, builder)) return;
    builder.steps += end - start + 1;
    start = end + 1;
  }
}

function readPair(body: string, { start, end }: { start: number; end: number }, builder: BodyBuilder): boolean {
  // Not by `indexOf`, which would look through the rest of the body for each of a thousand pairs without a value.
  let nameEnd = start;
  while (nameEnd < end && body.charCodeAt(nameEnd) !== EQUALS) nameEnd += 1;
  const valueStart = Math.min(nameEnd + 1, end);
  const name = decode(body, { start, end: nameEnd }, builder);
  const value = decode(body, { start: valueStart, end }, builder);
  return builder.add('args', { name, value, start: valueStart, end }, start);
}

/** Byte by byte: every other byte of a form may be a `+`, and a string put together from pieces is a tree of them. */
function decode(body: string, { start, end }: { start: number; end: number }, builder: BodyBuilder): string {
  const first = firstEscape(body, start, end);
  if (first === end) return body.slice(start, end);
  const bytes = writer.over(body, start, end);
  let length = first - start;
  for (let at = first; at < end; ) {
    const code = bytes[at - start] ?? 0;
    // An escape that the end of the pair cuts off is none.
    const byte = code === PERCENT && at + 2 < end ? hexByte(body, at + 1) : -1;
    if (code === PERCENT && byte < 0) builder.flag('URL_ENCODING');
    bytes[length] = byte >= 0 ? byte : code === PLUS ? SPACE : code;
    length += 1;
    at += byte >= 0 ? 3 : 1;
  }
  writer.cut(length);
  return writer.text();
}

function firstEscape(body: string, start: number, end: number): number {
  let at = start;
  for (; at < end; at += 1) {
    const code = body.charCodeAt(at);
    if (code === PERCENT || code === PLUS) break;
  }
  return at;
}

const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
