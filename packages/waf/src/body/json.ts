import type { BodyBuilder } from './builder.ts';
import { utf8 } from './utf8.ts';

/**
 * JSON (RFC 8259), each leaf a value: `{"a":[1,{"b":"c"}]}` is `json.a.0=1`, `json.a.1.b=c` and the array's length
 * `json.a=2`. A key with dots, keys that differ in case, and a key that comes twice hide nothing: the values are a list.
 * Strings are decoded to bytes of UTF-8. No recursion: nesting costs one frame each, up to the limit.
 */
export function parseJson(body: string, builder: BodyBuilder): void {
  const reader: Reader = { body, builder, frames: [], at: 0, name: 'json', unread: 0, isDone: false };
  reader.at = skipSpace(reader, 0);
  if (reader.at === body.length) return;
  while (!reader.isDone) if (!step(reader)) return;
  const end = skipSpace(reader, reader.at);
  if (end < body.length) builder.fail('goes on behind its end', end);
}

/** An array or object that has not ended. */
interface Frame {
  readonly isArray: boolean;
  readonly name: string;
  readonly start: number;
  /** Elements or members so far. */
  count: number;
  /** Of an object: its keys in lower case. */
  readonly keys: Set<string> | undefined;
}

interface Reader {
  readonly body: string;
  readonly builder: BodyBuilder;
  readonly frames: Frame[];
  at: number;
  /** Of the value that comes next. */
  name: string;
  /** Everything before stands in the collections: where the rest begins if the next token is none. */
  unread: number;
  isDone: boolean;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/** Reads one value, or opens a container. */
function step(reader: Reader): boolean {
  const { body, builder, at } = reader;
  const code = body.charCodeAt(at);
  if (code === OPEN_ARRAY || code === OPEN_OBJECT) return open(reader, code === OPEN_ARRAY);
  if (code === QUOTE) {
    const string = readString(reader, at);
    if (string === undefined) return false;
    return leaf(reader, string.text, { start: at + 1, end: string.end - 1, next: string.end });
  }
  SCALAR.lastIndex = at;
  const scalar = SCALAR.exec(body)?.[0];
  if (scalar === undefined) return builder.fail('has no value where one is due', reader.unread);
  return leaf(reader, scalar, { start: at, end: at + scalar.length, next: at + scalar.length });
}

/** Numbers as RFC 8259 section 6 writes them, and the three literals. */
const SCALAR = /(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-])/y;

function leaf(reader: Reader, value: string, span: { start: number; end: number; next: number }): boolean {
  const { builder, name } = reader;
  if (!builder.add('args', { name, value, start: span.start, end: span.end }, reader.unread)) return false;
  builder.steps += span.next - span.start;
  reader.at = span.next;
  reader.unread = span.next;
  return afterValue(reader);
}

function open(reader: Reader, isArray: boolean): boolean {
  const { body, builder, frames, at, name } = reader;
  if (frames.length >= builder.limits.depthMax) return builder.fail('is nested too deep', reader.unread);
  frames.push({ isArray, name, start: at, count: 0, keys: isArray ? undefined : new Set() });
  reader.at = skipSpace(reader, at + 1);
  const code = body.charCodeAt(reader.at);
  if (code === (isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) return close(reader) && afterValue(reader);
  return isArray ? nextElement(reader) : nextMember(reader);
}

/** Behind a value: closes what ends, up to the next value that is due. */
function afterValue(reader: Reader): boolean {
  const { body, builder, frames } = reader;
  for (;;) {
    const frame = frames.at(-1);
    if (frame === undefined) {
      reader.isDone = true;
      return true;
    }
    reader.at = skipSpace(reader, reader.at);
    const code = body.charCodeAt(reader.at);
    if (code === COMMA) {
      reader.at = skipSpace(reader, reader.at + 1);
      return frame.isArray ? nextElement(reader) : nextMember(reader);
    }
    if (code !== (frame.isArray ? CLOSE_ARRAY : CLOSE_OBJECT)) {
      return builder.fail('has no comma and no end where one is due', reader.unread);
    }
    if (!close(reader)) return false;
  }
}

/** An array adds its length, as Coraza does; an empty object an empty value, so that its name is inspected. */
function close(reader: Reader): boolean {
  const frame = reader.frames.pop();
  reader.at++;
  if (frame !== undefined && (frame.isArray || frame.count === 0)) {
    const value = frame.isArray ? String(frame.count) : '';
    const entry = { name: frame.name, value, start: frame.start, end: reader.at };
    if (!reader.builder.add('args', entry, reader.unread)) return false;
  }
  reader.unread = reader.at;
  return true;
}

function nextElement(reader: Reader): boolean {
  const frame = reader.frames.at(-1);
  if (frame === undefined) return false;
  return named(reader, frame, String(frame.count));
}

function nextMember(reader: Reader): boolean {
  const { body, builder, frames, at } = reader;
  const frame = frames.at(-1);
  if (frame === undefined) return false;
  if (body.charCodeAt(at) !== QUOTE) return builder.fail('has no key where one is due', reader.unread);
  const key = readString(reader, at);
  if (key === undefined) return false;
  const colon = skipSpace(reader, key.end);
  if (body.charCodeAt(colon) !== COLON) return builder.fail('has no colon behind a key', reader.unread);
  reader.at = skipSpace(reader, colon + 1);
  const folded = key.text.toLowerCase();
  if (frame.keys?.has(folded)) builder.flag('DUPLICATE_KEY');
  frame.keys?.add(folded);
  return named(reader, frame, key.text);
}

/** Checked before it is made: a long key above many leaves would otherwise fill the memory with names. */
function named(reader: Reader, frame: Frame, part: string): boolean {
  frame.count++;
  if (frame.name.length + part.length + 1 > reader.builder.limits.nameBytesMax) {
    return reader.builder.fail('has a name that is too long', reader.unread);
  }
  reader.name = `${frame.name}.${part}`;
  return true;
}

function readString(reader: Reader, at: number): { readonly text: string; readonly end: number } | undefined {
  const { body, builder } = reader;
  let text = '';
  let from = at + 1;
  for (;;) {
    let stop = from;
    while (isPlain(body.charCodeAt(stop))) stop++;
    const code = body.charCodeAt(stop);
    builder.steps += stop - from + 1;
    text += body.slice(from, stop);
    if (code === QUOTE) return { text, end: stop + 1 };
    const escape = code === 0x5c ? readEscape(body, stop + 1) : undefined;
    if (escape === undefined) {
      builder.fail('has a string that does not end, or with a character that must be escaped', reader.unread);
      return undefined;
    }
    text += escape.text;
    from = escape.end;
  }
}

/** False for control characters too, and behind the end of the body, where the code is NaN. */
function isPlain(code: number): boolean {
  return code >= 0x20 && code !== QUOTE && code !== 0x5c;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

function readEscape(body: string, at: number): { readonly text: string; readonly end: number } | undefined {
  const letter = body.charAt(at);
  if (letter !== 'u') {
    const text = ESCAPES[letter];
    return text === undefined ? undefined : { text, end: at + 1 };
  }
  const first = hexUnit(body, at + 1);
  if (first === undefined) return undefined;
  const second = (first & 0xfc00) === 0xd800 && body.startsWith('\\u', at + 5) ? hexUnit(body, at + 7) : undefined;
  if (second !== undefined && (second & 0xfc00) === 0xdc00) {
    return { text: utf8(0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff)), end: at + 11 };
  }
  return { text: utf8(first), end: at + 5 };
}

function hexUnit(body: string, at: number): number | undefined {
  const digits = body.slice(at, at + 4);
  return /^[0-9A-Fa-f]{4}$/.test(digits) ? Number.parseInt(digits, 16) : undefined;
}

function skipSpace({ body, builder }: Reader, from: number): number {
  let at = from;
  while (' \t\n\r'.includes(body.charAt(at)) && at < body.length) at++;
  builder.steps += at - from;
  return at;
}
