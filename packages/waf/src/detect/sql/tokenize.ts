import { KIND, SIGN, type Span, type SqlContext, type SqlDialect, SqlTokens, STAR, UNCLOSED } from './tokens.ts';
import { WORD, wordBits } from './words.ts';

/** What is read of a value, and how. */
export interface SqlReading {
  readonly context: SqlContext;
  readonly dialect: SqlDialect;
  /** Where it begins, in bytes: 0, or what `SqlTokens.resumesAt` said of the reading before. */
  readonly from: number;
}

/** Reads a value as SQL, as many tokens as are held at once. Every byte is looked at a bounded number of times. */
export function tokenizeSql(text: string, { context, dialect, from }: SqlReading): SqlTokens {
  const tokens = new SqlTokens(text);
  const reader: Reader = { text, dialect, tokens };
  let at = from;
  if (context !== 'bare') {
    at = readString(reader, { start: from, body: from, quote: CONTEXT_QUOTE[context] });
    tokens.isClosed = tokens.bits(0) !== UNCLOSED;
  }
  while (at < text.length && tokens.length < TOKENS_MAX) {
    const next = readToken(reader, at);
    tokens.steps += next - at;
    at = next;
  }
  if (at < text.length) tokens.resumesAt = tokens.startOf(TOKENS_MAX - TOKENS_OVERLAP);
  return tokens;
}

/**
 * Tokens held at once: each takes thirteen bytes of memory, and a value may be as long as a body. They are counted and not
 * the bytes, because comments and white space are none: kilobytes of them between two words separate nothing.
 */
const TOKENS_MAX = 65_536;

/** Tokens that are read again with those behind them: structure of more than these may not be seen as one. */
const TOKENS_OVERLAP = 16_384;

interface Reader {
  readonly text: string;
  readonly dialect: SqlDialect;
  readonly tokens: SqlTokens;
}

const SINGLE = 0x27;
const BACKQUOTE = 0x60;
const DOUBLE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
const DASH = 0x2d;
const ASTERISK = 0x2a;
const SLASH = 0x2f;
const DOT = 0x2e;

const CONTEXT_QUOTE: Readonly<Record<Exclude<SqlContext, 'bare'>, number>> = {
  single: SINGLE,
  double: DOUBLE,
  backquote: BACKQUOTE,
};

/** Kinds of tokens that are one character long and mean the same in every dialect. */
const SINGLE_KINDS: Uint8Array = new Uint8Array(256);
for (const [code, kind] of [
  [0x28, KIND.open],
  [0x29, KIND.close],
  // ODBC's braces group as parentheses do: {d '2026-01-01'}.
  [0x7b, KIND.open],
  [0x7d, KIND.close],
  [0x2c, KIND.comma],
  [0x3b, KIND.semicolon],
] as const) {
  SINGLE_KINDS[code] = kind;
}

// Flat: one branch for each first character that begins a token.
function readToken(reader: Reader, at: number): number {
  const { text, tokens } = reader;
  const code = text.charCodeAt(at);
  if (isSpace(code) || (code === 0xa0 && !(text.charCodeAt(at - 1) >= 0x80))) return at + 1;
  if (isDigit(code) || (code === DOT && isDigit(text.charCodeAt(at + 1)))) return readNumber(reader, at);
  if (isWordStart(code)) return readWord(reader, at);
  const single = SINGLE_KINDS[code] ?? KIND.end;
  if (single !== KIND.end) return push(reader, single, { start: at, end: at + 1 });
  switch (code) {
    case SINGLE:
    case DOUBLE:
      return readString(reader, { start: at, body: at + 1, quote: code });
    case BACKQUOTE:
      return readQuotedName(reader, at, BACKQUOTE);
    case BRACKET:
      return readQuotedName(reader, at, 0x5d);
    case 0x40:
      return readVariable(reader, at);
    case 0x24:
      return readDollar(reader, at);
    case 0x23:
      // `#2` in prose is a number; a comment that begins with a digit is rare enough to read it so.
      if (reader.dialect === 'mysql' && !isDigit(text.charCodeAt(at + 1))) return readLineComment(reader, at);
      return push(reader, KIND.operator, { start: at, end: at + 1 });
    case DASH:
      if (text.charCodeAt(at + 1) === DASH && startsLineComment(reader, at)) return readLineComment(reader, at);
      // -> and ->> take a member of a JSON value.
      if (text.charCodeAt(at + 1) === 0x3e) return push(reader, KIND.operator, { start: at, end: at + 2 });
      return push(reader, KIND.operator, { start: at, end: at + 1 });
    case SLASH:
      if (text.charCodeAt(at + 1) === ASTERISK) return readBlockComment(reader, at);
      return push(reader, KIND.operator, { start: at, end: at + 1 });
    case ASTERISK:
      // The end of a comment of MySQL that runs.
      if (tokens.hasComment && text.charCodeAt(at + 1) === SLASH) return at + 2;
      return push(reader, KIND.operator, { start: at, end: at + 1 });
    default:
      return readSymbol(reader, at);
  }
}

function push(reader: Reader, kind: number, span: Span): number {
  reader.tokens.push(kind, kind === KIND.operator ? operatorBits(reader.text.charCodeAt(span.start)) : 0, span);
  return span.end;
}

function operatorBits(code: number): number {
  if (code === ASTERISK) return STAR;
  return code === 0x2b || code === DASH || code === 0x21 || code === 0x7e ? SIGN : 0;
}

function readNumber({ text, tokens }: Reader, at: number): number {
  let end = at;
  const second = text.charCodeAt(at + 1) | 0x20;
  if (text.charCodeAt(at) === 0x30 && (second === 0x78 || second === 0x62) && isHex(text.charCodeAt(at + 2))) {
    end = at + 2;
    while (isHex(text.charCodeAt(end))) end++;
    tokens.push(KIND.number, 0, { start: at, end });
    return end;
  }
  while (isDigit(text.charCodeAt(end))) end++;
  if (text.charCodeAt(end) === DOT) {
    end++;
    while (isDigit(text.charCodeAt(end))) end++;
  }
  if ((text.charCodeAt(end) | 0x20) === 0x65) {
    const sign = text.charCodeAt(end + 1);
    const digits = sign === 0x2b || sign === DASH ? end + 2 : end + 1;
    if (isDigit(text.charCodeAt(digits))) {
      end = digits;
      while (isDigit(text.charCodeAt(end))) end++;
    } else if (text.charCodeAt(end - 1) === DOT || sign === DOT) {
      // MySQL reads `1.e` and `1e.` as numbers, which other readers of SQL take for words.
      end += sign === DOT ? 2 : 1;
    }
  }
  let wordEnd = end;
  while (isWordPart(text.charCodeAt(wordEnd))) wordEnd++;
  // `1union` is a number and a keyword, `5x8r` is a name.
  const isName = wordEnd > end && text.charCodeAt(end - 1) !== DOT && wordBits(text, end, wordEnd) === WORD.name;
  if (isName) end = wordEnd;
  tokens.push(isName ? KIND.word : KIND.number, 0, { start: at, end });
  return end;
}

function readWord(reader: Reader, at: number): number {
  const { text, tokens } = reader;
  let end = at + 1;
  while (end < text.length && WORD_PARTS[text.charCodeAt(end)] === 1) end++;
  const bits = wordBits(text, at, end);
  if (end < text.length && isStringPrefix(text, at, end)) {
    return readString(reader, { start: at, body: end + 1, quote: SINGLE });
  }
  if (bits === WORD.name || (bits & (WORD.catalog | WORD.object)) !== 0) {
    while (text.charCodeAt(end) === DOT) {
      end++;
      while (isWordPart(text.charCodeAt(end))) end++;
    }
  }
  const kind = (bits & WORD.logic) !== 0 ? KIND.logic : (bits & WORD.compare) !== 0 ? KIND.compare : KIND.word;
  tokens.push((bits & WORD.arithmetic) !== 0 ? KIND.operator : kind, bits, { start: at, end });
  return end;
}

/** N'', B'', X'', E'' and U&'': the letters belong to the string. */
function isStringPrefix(text: string, at: number, end: number): boolean {
  if (text.charCodeAt(end) !== SINGLE) return false;
  return end - at === 1 && 'nbxeu'.includes(text.charAt(at).toLowerCase());
}

function readString({ text, dialect, tokens }: Reader, span: { start: number; body: number; quote: number }): number {
  const close = dialect === 'mysql' ? escapedStringEnd(text, span) : stringEnd(text, span);
  const isClosed = close < text.length;
  const end = isClosed ? close + 1 : text.length;
  tokens.steps += end - span.body;
  tokens.push(KIND.string, isClosed ? 0 : UNCLOSED, { start: span.start, end });
  return end;
}

/** Where the quote stands that closes a string, the end of the text or more where none does. */
function stringEnd(text: string, { body, quote }: { body: number; quote: number }): number {
  const sign = String.fromCharCode(quote);
  for (let from = body; ; ) {
    const at = text.indexOf(sign, from);
    if (at < 0) return text.length;
    // A quote that is written twice stands for itself.
    if (text.charCodeAt(at + 1) !== quote) return at;
    from = at + 2;
  }
}

/** As `stringEnd`, where a backslash takes its meaning from what follows. */
function escapedStringEnd(text: string, { body, quote }: { body: number; quote: number }): number {
  let at = body;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) {
      at++;
    } else if (code === quote) {
      if (text.charCodeAt(at + 1) !== quote) break;
      at++;
    }
  }
  return at;
}

/** `name` and [name]. */
function readQuotedName(reader: Reader, at: number, quote: number): number {
  const { text, tokens } = reader;
  let end = at + 1;
  // A second bracket ends the search too: without that, each of thousands would be read to the end.
  while (end < text.length && text.charCodeAt(end) !== quote && text.charCodeAt(end) !== BRACKET) end++;
  tokens.steps += end - at;
  if (text.charCodeAt(end) !== quote) return push(reader, KIND.other, { start: at, end: at + 1 });
  return push(reader, KIND.word, { start: at, end: end + 1 });
}

const BRACKET = 0x5b;

function readVariable(reader: Reader, at: number): number {
  const { text } = reader;
  let end = at + 1;
  // @> is PostgreSQL's `contains`.
  if (text.charCodeAt(end) === 0x3e) return push(reader, KIND.compare, { start: at, end: end + 1 });
  if (text.charCodeAt(end) === 0x40) end++;
  while (isWordPart(text.charCodeAt(end)) || text.charCodeAt(end) === DOT) end++;
  return push(reader, KIND.variable, { start: at, end });
}

/** PostgreSQL's $$string$$, a parameter or an amount of money. */
function readDollar(reader: Reader, at: number): number {
  const { text, tokens } = reader;
  let end = at + 1;
  while (isWordPart(text.charCodeAt(end)) && text.charCodeAt(end) !== 0x24) end++;
  if (text.charCodeAt(end) !== 0x24) return push(reader, KIND.number, { start: at, end });
  const tag = text.slice(at, end + 1);
  const close = text.indexOf(tag, end + 1);
  tokens.steps += (close < 0 ? text.length : close) - at;
  if (close < 0) {
    tokens.push(KIND.string, UNCLOSED, { start: at, end: text.length });
    return text.length;
  }
  return push(reader, KIND.string, { start: at, end: close + tag.length });
}

/** In MySQL `--` needs white space or a control character behind it. */
function startsLineComment({ text, dialect }: Reader, at: number): boolean {
  return dialect === 'standard' || at + 2 >= text.length || isSpace(text.charCodeAt(at + 2));
}

function readLineComment(reader: Reader, at: number): number {
  const { text, tokens } = reader;
  let end = at;
  while (end < text.length && text.charCodeAt(end) !== NEWLINE) end++;
  tokens.hasComment = true;
  if (isBlankFrom(reader, end)) return push(reader, KIND.cut, { start: at, end: text.length });
  return end;
}

/** A comment is white space, but MySQL runs what stands in one that begins with an exclamation mark. */
function readBlockComment(reader: Reader, at: number): number {
  const { text, tokens } = reader;
  tokens.hasComment = true;
  const mark = text.charCodeAt(at + 2);
  if (mark === 0x21 || ((mark | 0x20) === 0x6d && text.charCodeAt(at + 3) === 0x21)) {
    let end = at + (mark === 0x21 ? 3 : 4);
    while (isDigit(text.charCodeAt(end))) end++;
    return end;
  }
  const close = text.indexOf('*/', at + 2);
  const end = close < 0 ? text.length : close + 2;
  tokens.steps += end - at;
  if (isBlankFrom(reader, end)) return push(reader, KIND.cut, { start: at, end: text.length });
  tokens.hasInlineComment = true;
  return end;
}

function isBlankFrom({ text, tokens }: Reader, at: number): boolean {
  for (let index = at; index < text.length; index++) {
    tokens.steps++;
    if (!isSpace(text.charCodeAt(index))) return false;
  }
  return true;
}

function readSymbol(reader: Reader, at: number): number {
  const { text } = reader;
  const code = text.charCodeAt(at);
  const next = text.charCodeAt(at + 1);
  const isDouble = code === next;
  switch (code) {
    // && and || join conditions; || joins strings too, which the judge tells from what stands beside it.
    case 0x26:
    case 0x7c:
      return push(reader, isDouble ? KIND.logic : KIND.operator, { start: at, end: at + (isDouble ? 2 : 1) });
    case 0x3c:
    case 0x3e:
    case 0x3d:
    case 0x21: {
      let end = at + 1;
      while (end < at + 3 && '<=>@'.includes(text.charAt(end)) && end < text.length) end++;
      return push(reader, code === 0x21 && end === at + 1 ? KIND.operator : KIND.compare, { start: at, end });
    }
    case COLON:
      return readColon(reader, at);
    case 0x2b:
    case 0x25:
    case 0x5e:
    case 0x7e:
      return push(reader, KIND.operator, { start: at, end: at + 1 });
    default:
      return push(reader, KIND.other, { start: at, end: at + 1 });
  }
}

/** `:=` assigns, and yields what it assigns; `::type` converts, and is as good as not there. */
function readColon(reader: Reader, at: number): number {
  const { text } = reader;
  const next = text.charCodeAt(at + 1);
  if (next === 0x3d) return push(reader, KIND.compare, { start: at, end: at + 2 });
  if (next !== COLON) return push(reader, KIND.other, { start: at, end: at + 1 });
  let end = at + 2;
  while (isWordPart(text.charCodeAt(end))) end++;
  return end;
}

const COLON = 0x3a;

function isSpace(code: number): boolean {
  return code <= 0x20;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHex(code: number): boolean {
  return isDigit(code) || ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x66);
}

function isWordStart(code: number): boolean {
  return ((code | 0x20) >= 0x61 && (code | 0x20) <= 0x7a) || code === 0x5f || (code >= 0x80 && code !== 0xa0);
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code) || code === 0x24;
}

/** By byte, 1 where `isWordPart`: most bytes of a long text are in words. */
const WORD_PARTS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => (isWordPart(byte) ? 1 : 0));
