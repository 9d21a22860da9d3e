/**
 * Where the value stands in the page that the application builds. `tag` is between the attributes of a tag. `flat` is an
 * element such as `title` or a comment, in which quotes and comments protect nothing from a `</title>` or `-->` before.
 */
export type HtmlContext = 'data' | 'unquoted' | 'single' | 'double' | 'backquote' | 'tag' | 'flat';

/** What a reader of a page sees in a value, in order. */
export interface HtmlSink {
  /** `<name` or `</name`; in lower case, without NUL. True ends the reading. */
  element(name: string, isEnd: boolean): boolean;
  /** An attribute of the element before, or of the element that the value stands in. */
  attribute(attribute: HtmlAttribute): boolean;
  /** What stands between `<` and the `>` of a comment, a declaration or an instruction. */
  markup(text: string): boolean;
}

export interface HtmlAttribute {
  /** In lower case, without NUL. */
  readonly name: string;
  /** Not decoded; empty when there is none. */
  readonly value: string;
  readonly hasValue: boolean;
  /** True for an attribute of a tag that the value itself opens. */
  readonly isInside: boolean;
}

/** Reads a value as HTML (WHATWG HTML 13.2.5) in one of its places, as far as it is told to. */
export class HtmlReading {
  readonly #reader: Reader;
  #at = 0;

  constructor(text: string, context: HtmlContext, sink: HtmlSink) {
    const isFlat = context === 'flat';
    this.#reader = { text, sink, isFlat, steps: 0, isDone: false, tag: 'none' };
    if (context === 'data' || isFlat) return;
    this.#at = context === 'tag' ? 0 : skipFirstValue(text, context);
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
    const { text } = reader;
    const pauseAt = reader.steps + steps;
    while (this.#at < text.length && !reader.isDone) {
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

interface Reader {
  readonly text: string;
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
function skipFirstValue(text: string, context: 'unquoted' | keyof typeof QUOTES): number {
  if (context !== 'unquoted') {
    const end = text.indexOf(QUOTES[context]);
    return end < 0 ? text.length : end + 1;
  }
  let at = 0;
  while (at < text.length && !isSpace(text.charCodeAt(at)) && text.charCodeAt(at) !== GREATER) at++;
  return at;
}

const GREATER = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;

/** Behind a `<`. */
function readMarkup(reader: Reader, at: number): number {
  const { text, sink } = reader;
  const code = text.charCodeAt(at);
  if (code === 0x21 || code === 0x3f) {
    const end = markupEnd(reader, at);
    reader.steps += end - at;
    reader.isDone = sink.markup(text.slice(at, end));
    // What is a comment in one place is none in a `title`, so the flat reading looks into it.
    return reader.isFlat ? at + 1 : end;
  }
  const isEnd = code === SLASH;
  const start = isEnd ? at + 1 : at;
  if (!isNameStart(text.charCodeAt(start))) return at;
  let end = start;
  while (end < text.length && !isNameEnd(text.charCodeAt(end))) end++;
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
  const code = reader.text.charCodeAt(at);
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
  const { text, sink } = reader;
  const isInside = reader.tag === 'inner';
  let nameEnd = from + 1;
  while (nameEnd < text.length && !isAttributeNameEnd(text.charCodeAt(nameEnd))) nameEnd++;
  const name = nameOf(text, from, nameEnd);
  if (text.charCodeAt(from) === 0x3c && reader.sink.element(name.slice(1), false)) {
    reader.isDone = true;
    return nameEnd;
  }
  let at = nameEnd;
  while (isSpace(text.charCodeAt(at))) at++;
  const hasValue = text.charCodeAt(at) === EQUALS;
  if (!hasValue) {
    reader.steps += nameEnd - from;
    reader.isDone = sink.attribute({ name, value: '', hasValue, isInside });
    return nameEnd;
  }
  at++;
  while (isSpace(text.charCodeAt(at))) at++;
  const { start, end, next } = valueSpan(reader, at);
  reader.steps += next - from;
  reader.isDone = sink.attribute({ name, value: text.slice(start, end), hasValue, isInside });
  return next;
}

function valueSpan({ text, isFlat }: Reader, at: number): { start: number; end: number; next: number } {
  const quote = text.charCodeAt(at);
  // Internet Explorer took back quotes for quotes; every living browser reads them as characters of the value.
  if (quote === 0x22 || quote === 0x27 || (isFlat && quote === 0x60)) {
    const stop = isFlat ? 0x3c : quote;
    let end = at + 1;
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end);
      if (code === quote || code === stop) break;
    }
    return { start: at + 1, end, next: text.charCodeAt(end) === quote ? end + 1 : end };
  }
  let end = at;
  while (end < text.length && !isSpace(text.charCodeAt(end)) && text.charCodeAt(end) !== GREATER) end++;
  return { start: at, end, next: end };
}

function nameOf(text: string, start: number, end: number): string {
  // Older browsers read over NUL; a name with one is judged as the name without it.
  return text.slice(start, end).replaceAll('\0', '').toLowerCase();
}

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
