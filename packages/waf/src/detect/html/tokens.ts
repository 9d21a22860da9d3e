import { type ByteText, byteAt } from '../bytes.ts';

/**
 * Where the value stands in the page that the application builds. `tag` is between the attributes of a tag. `flat` is an
 * element such as `title` or a comment, in which quotes and comments protect nothing from a `</title>` or `-->` before.
 */
export type HtmlContext = 'data' | 'unquoted' | 'single' | 'double' | 'backquote' | 'tag' | 'flat';

/** What a reader of a page sees in a value, in order. */
export interface HtmlSink {
  /** `<name` or `</name`; in lower case, without NUL. True ends the reading. */
  element(name: string, isEnd: boolean): boolean;
  /** An attribute with a value, of the element before, or of the element that the value stands in. */
  attribute(attribute: HtmlAttribute): boolean;
  /** What stands between `<` and the `>` of a comment, a declaration or an instruction. */
  markup(text: string): boolean;
}

export interface HtmlAttribute {
  /** In lower case, without NUL. */
  readonly name: string;
  /** Not decoded. */
  readonly value: string;
  /** True for an attribute of a tag that the value itself opens. */
  readonly isInside: boolean;
}

/** Reads a value as HTML (WHATWG HTML 13.2.5) in one of its places, as far as it is told to. */
export class HtmlReading {
  readonly #reader: Reader;
  #at = 0;

  constructor({ text, bytes, length }: ByteText, context: HtmlContext, sink: HtmlSink) {
    const isFlat = context === 'flat';
    this.#reader = { text, bytes, length, sink, isFlat, steps: 0, isDone: false, tag: 'none' };
    if (context === 'data' || isFlat) return;
    this.#at = context === 'tag' ? 0 : skipFirstValue(this.#reader, context);
    this.#reader.steps += this.#at;
    this.#reader.tag = 'outer';
  }

  /** Taken so far, in bytes. */
  get steps(): number {
    return this.#reader.steps;
  }

  /** Reads on, about so many steps; true when everything is read, or the sink has ended it. */
  advance(steps: number): boolean {
    const reader = this.#reader;
    const { text, length } = reader;
    const pauseAt = reader.steps + steps;
    while (this.#at < length && !reader.isDone) {
      if (reader.steps >= pauseAt) return false;
      if (reader.tag !== 'none') {
        this.#at = readInTag(reader, this.#at);
        continue;
      }
      const open = text.indexOf('<', this.#at);
      reader.steps += (open < 0 ? text.length : open + 1) - this.#at;
      this.#at = open < 0 ? text.length : readMarkup(reader, open + 1);
    }
    return true;
  }
}

interface Reader extends ByteText {
  readonly sink: HtmlSink;
  readonly isFlat: boolean;
  steps: number;
  isDone: boolean;
  /** Whether attributes are read, and whose: of a tag that the value opens, or of the one that it stands in. */
  tag: 'none' | 'inner' | 'outer';
}

const QUOTES: Readonly<Record<'single' | 'double' | 'backquote', string>> = {
  single: "'",
  double: '"',
  backquote: '`',
};

/** Where the attribute ends that the application began. */
function skipFirstValue({ text, bytes, length }: ByteText, context: 'unquoted' | keyof typeof QUOTES): number {
  if (context !== 'unquoted') {
    const end = text.indexOf(QUOTES[context]);
    return end < 0 ? text.length : end + 1;
  }
  return unquotedEnd(bytes, 0, length);
}

const GREATER = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;

/** Behind a `<`. */
function readMarkup(reader: Reader, at: number): number {
  const { text, bytes, length, sink } = reader;
  const code = byteAt(bytes, at);
  if (code === 0x21 || code === 0x3f) {
    const end = markupEnd(reader, at);
    reader.steps += end - at;
    reader.isDone = sink.markup(text.slice(at, end));
    // What is a comment in one place is none in a `title`, so the flat reading looks into it.
    return reader.isFlat ? at + 1 : end;
  }
  const isEnd = code === SLASH;
  const start = isEnd ? at + 1 : at;
  if (!isNameStart(byteAt(bytes, start))) return at;
  let end = start;
  while (end < length && !isNameEnd(byteAt(bytes, end))) end++;
  reader.steps += end - at;
  reader.isDone = sink.element(nameOf(text, start, end), isEnd);
  reader.tag = 'inner';
  return end;
}

/** `<!--` ends with `-->` or `--!>`, everything else with `>`; what never ends goes to the end of the value. */
function markupEnd({ text, isFlat }: Reader, at: number): number {
  // The flat reading goes on behind the `<`: the end of one comment must not be sought from each of a thousand.
  if (isFlat) return Math.min(text.length, at + FLAT_MARKUP_LENGTH_MAX);
  if (!text.startsWith('!--', at)) return endOr(text, text.indexOf('>', at));
  COMMENT_END.lastIndex = at + 1;
  return endOr(text, COMMENT_END.exec(text)?.index ?? -1);
}

/** Characters of a comment or declaration that the flat reading looks at for what it is. */
const FLAT_MARKUP_LENGTH_MAX = 64;

const COMMENT_END = /--!?>/g;

function endOr(text: string, index: number): number {
  return index < 0 ? text.length : index;
}

/** One attribute, or a sign between two. A `<` begins a name to browsers, and a tag to whoever wrote the value. */
function readInTag(reader: Reader, at: number): number {
  const code = byteAt(reader.bytes, at);
  reader.steps++;
  if (code === GREATER) {
    reader.tag = 'none';
    return at + 1;
  }
  if (code === 0x3c && reader.isFlat) {
    reader.tag = 'none';
    return at;
  }
  if (isSpace(code) || code === SLASH || QUOTE_CODES.has(code)) return at + 1;
  return readAttribute(reader, at);
}

const QUOTE_CODES: ReadonlySet<number> = new Set([0x22, 0x27, 0x60]);

function readAttribute(reader: Reader, from: number): number {
  const { text, bytes, length, sink } = reader;
  const isInside = reader.tag === 'inner';
  let nameEnd = from + 1;
  while (nameEnd < length && !isAttributeNameEnd(byteAt(bytes, nameEnd))) nameEnd++;
  if (byteAt(bytes, from) === 0x3c && sink.element(nameOf(text, from + 1, nameEnd), false)) {
    reader.isDone = true;
    return nameEnd;
  }
  let at = spacesEnd(bytes, nameEnd);
  if (byteAt(bytes, at) !== EQUALS) {
    reader.steps += nameEnd - from;
    return nameEnd;
  }
  at = spacesEnd(bytes, at + 1);
  const { start, end, next } = valueSpan(reader, at);
  reader.steps += next - from;
  reader.isDone = sink.attribute({ name: nameOf(text, from, nameEnd), value: text.slice(start, end), isInside });
  return next;
}

function valueSpan({ bytes, length, isFlat }: Reader, at: number): { start: number; end: number; next: number } {
  const quote = byteAt(bytes, at);
  // Internet Explorer took back quotes for quotes; every living browser reads them as characters of the value.
  if (quote === 0x22 || quote === 0x27 || (isFlat && quote === 0x60)) {
    const stop = isFlat ? 0x3c : quote;
    let end = at + 1;
    for (; end < length; end++) {
      const code = byteAt(bytes, end);
      if (code === quote || code === stop) break;
    }
    return { start: at + 1, end, next: byteAt(bytes, end) === quote ? end + 1 : end };
  }
  const end = unquotedEnd(bytes, at, length);
  return { start: at, end, next: end };
}

/** Where a value without quotes ends that begins at `at`. */
function unquotedEnd(bytes: Uint8Array, at: number, length: number): number {
  let end = at;
  while (end < length && !isSpace(byteAt(bytes, end)) && byteAt(bytes, end) !== GREATER) end++;
  return end;
}

function spacesEnd(bytes: Uint8Array, from: number): number {
  let end = from;
  while (isSpace(byteAt(bytes, end))) end++;
  return end;
}

function nameOf(text: string, start: number, end: number): string {
  const name = text.slice(start, end);
  // Older browsers read over NUL; a name with one is judged as the name without it.
  return IS_SPELLED.test(name) ? name : name.replaceAll('\0', '').toLowerCase();
}

/** Nothing is in it that would be spelled in another way. */
const IS_SPELLED = /^[^A-Z\0\x80-\xff]*$/;

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function isNameStart(code: number): boolean {
  return ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0;
}

function isNameEnd(code: number): boolean {
  return isSpace(code) || code === SLASH || code === GREATER || code === 0x3c || QUOTE_CODES.has(code);
}

function isAttributeNameEnd(code: number): boolean {
  return isSpace(code) || code === SLASH || code === GREATER || code === EQUALS;
}
