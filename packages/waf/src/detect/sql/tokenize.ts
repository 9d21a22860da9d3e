import { type ByteText, byteAt } from '../bytes.ts';
import {
  isDigit,
  isHex,
  isSpace,
  isWordPart,
  isWordStart,
  NO_BREAK_SPACE,
  spacesEnd,
  wordEndOf,
} from './characters.ts';
import { KIND, SIGN, type SqlContext, type SqlDialect, SqlTokens, STAR, UNCLOSED } from './tokens.ts';
import { WORD, wordBits } from './words.ts';

/** What is read of a value, and how. */
export interface SqlReading {
  readonly context: SqlContext;
  readonly dialect: SqlDialect;
  /** Where it begins, in bytes: 0, or what `SqlTokens.resumesAt` said of the reading before. */
  readonly from: number;
}

/** Reads a value as SQL, as many tokens as are held at once. Every byte is looked at a bounded number of times. */
export function tokenizeSql(value: ByteText, { context, dialect, from }: SqlReading): SqlTokens {
  const tokens = new SqlTokens(value.text);
  const { text, bytes, length } = value;
  const reader: Reader = { text, bytes, length, dialect, tokens };
  let at = from;
  if (context !== 'bare') {
    at = readString(reader, from, from, CONTEXT_QUOTE[context]);
    tokens.isClosed = tokens.bits(0) !== UNCLOSED;
  }
  const first = at;
  while (at < length && tokens.length < TOKENS_MAX) at = readToken(reader, at);
  tokens.steps += at - first;
  if (at < length) tokens.resumesAt = tokens.startOf(TOKENS_MAX - TOKENS_OVERLAP);
  return tokens;
}

/**
 * Tokens held at once: each takes twelve bytes of memory, and a value may be as long as a body. They are counted and not
 * the bytes, because comments and white space are none: kilobytes of them between two words separate nothing.
 */
const TOKENS_MAX = 65_536;

/** Tokens that are read again with those behind them: structure of more than these may not be seen as one. */
const TOKENS_OVERLAP = 16_384;

interface Reader extends ByteText {
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
const BRACKET = 0x5b;
const DOLLAR = 0x24;

const CONTEXT_QUOTE: Readonly<Record<Exclude<SqlContext, 'bare'>, number>> = {
  single: SINGLE,
  double: DOUBLE,
  backquote: BACKQUOTE,
};

// Flat: one branch for each first character that begins a token.
function readToken(reader: Reader, at: number): number {
  const { bytes, tokens } = reader;
  const code = byteAt(bytes, at);
  const next = byteAt(bytes, at + 1);
  switch (byteAt(FIRSTS, code)) {
    case FIRST.space:
      return isSpace(next) ? spacesEnd(bytes, at + 2) : at + 1;
    case FIRST.word:
      return readWord(reader, at);
    case FIRST.digit:
      return readNumber(reader, at);
    case FIRST.sign:
      tokens.push(byteAt(SINGLE_KINDS, code), 0, at, at + 1);
      return at + 1;
    case FIRST.quote:
      return readString(reader, at, at + 1, code);
  }
  switch (code) {
    case BACKQUOTE:
      return readQuotedName(reader, at, BACKQUOTE);
    case BRACKET:
      return readQuotedName(reader, at, 0x5d);
    case 0x40:
      return readVariable(reader, at);
    case DOLLAR:
      return readDollar(reader, at);
    case 0x23:
      // `#2` in prose is a number; a comment that begins with a digit is rare enough to read it so.
      if (reader.dialect === 'mysql' && !isDigit(next)) return readLineComment(reader, at);
      return pushOperator(reader, at, at + 1);
    case DASH:
      if (next === DASH && startsLineComment(reader, at)) return readLineComment(reader, at);
      // -> and ->> take a member of a JSON value.
      return pushOperator(reader, at, next === 0x3e ? at + 2 : at + 1);
    case SLASH:
      return next === ASTERISK ? readBlockComment(reader, at) : pushOperator(reader, at, at + 1);
    case ASTERISK:
      // The end of a comment of MySQL that runs.
      return tokens.hasComment && next === SLASH ? at + 2 : pushOperator(reader, at, at + 1);
    case DOT:
      return isDigit(next) ? readNumber(reader, at) : push(reader, KIND.other, at, at + 1);
    case NO_BREAK_SPACE:
      // Behind such a byte it belongs to a character of UTF-8.
      return at > 0 && byteAt(bytes, at - 1) >= 0x80 ? push(reader, KIND.other, at, at + 1) : at + 1;
    default:
      return readSymbol(reader, at);
  }
}

function push({ tokens }: Reader, kind: number, start: number, end: number): number {
  tokens.push(kind, 0, start, end);
  return end;
}

function pushOperator({ bytes, tokens }: Reader, start: number, end: number): number {
  tokens.push(KIND.operator, operatorBits(byteAt(bytes, start)), start, end);
  return end;
}

function operatorBits(code: number): number {
  if (code === ASTERISK) return STAR;
  return code === 0x2b || code === DASH || code === 0x21 || code === 0x7e ? SIGN : 0;
}

function readNumber({ bytes, tokens }: Reader, at: number): number {
  let end = at;
  const second = byteAt(bytes, at + 1) | 0x20;
  if (byteAt(bytes, at) === 0x30 && (second === 0x78 || second === 0x62) && isHex(byteAt(bytes, at + 2))) {
    end = at + 2;
    while (isHex(byteAt(bytes, end))) end++;
    tokens.push(KIND.number, 0, at, end);
    return end;
  }
  while (isDigit(byteAt(bytes, end))) end++;
  if (byteAt(bytes, end) === DOT) {
    end++;
    while (isDigit(byteAt(bytes, end))) end++;
  }
  if ((byteAt(bytes, end) | 0x20) === 0x65) {
    const sign = byteAt(bytes, end + 1);
    const digits = sign === 0x2b || sign === DASH ? end + 2 : end + 1;
    if (isDigit(byteAt(bytes, digits))) {
      end = digits;
      while (isDigit(byteAt(bytes, end))) end++;
    } else if (byteAt(bytes, end - 1) === DOT || sign === DOT) {
      // MySQL reads `1.e` and `1e.` as numbers, which other readers of SQL take for words.
      end += sign === DOT ? 2 : 1;
    }
  }
  const wordEnd = wordEndOf(bytes, end);
  // `1union` is a number and a keyword, `5x8r` is a name.
  const isName = wordEnd > end && byteAt(bytes, end - 1) !== DOT && wordBits(bytes, end, wordEnd) === WORD.name;
  if (isName) end = wordEnd;
  tokens.push(isName ? KIND.word : KIND.number, 0, at, end);
  return end;
}

function readWord(reader: Reader, at: number): number {
  const { bytes, tokens } = reader;
  let end = wordEndOf(bytes, at + 1);
  if (byteAt(bytes, end) === SINGLE && end - at === 1 && isStringPrefix(byteAt(bytes, at))) {
    return readString(reader, at, end + 1, SINGLE);
  }
  const bits = wordBits(bytes, at, end);
  if (bits === WORD.name || (bits & (WORD.catalog | WORD.object)) !== 0) {
    while (byteAt(bytes, end) === DOT) end = wordEndOf(bytes, end + 1);
  }
  tokens.push((bits & OTHER_KIND_BITS) === 0 ? KIND.word : kindOf(bits), bits, at, end);
  return end;
}

/** What makes of a word something else. */
const OTHER_KIND_BITS = WORD.logic | WORD.compare | WORD.arithmetic;

function kindOf(bits: number): number {
  if ((bits & WORD.arithmetic) !== 0) return KIND.operator;
  return (bits & WORD.logic) !== 0 ? KIND.logic : KIND.compare;
}

/** N'', B'', X'', E'' and U&'': the letters belong to the string. */
function isStringPrefix(code: number): boolean {
  const letter = code | 0x20;
  return letter === 0x6e || letter === 0x62 || letter === 0x78 || letter === 0x65 || letter === 0x75;
}

function readString(reader: Reader, start: number, body: number, quote: number): number {
  const { length, dialect, tokens } = reader;
  const close = dialect === 'mysql' ? escapedStringEnd(reader, body, quote) : stringEnd(reader, body, quote);
  const isClosed = close < length;
  const end = isClosed ? close + 1 : length;
  tokens.steps += end - body;
  tokens.push(KIND.string, isClosed ? 0 : UNCLOSED, start, end);
  return end;
}

/** Where the quote stands that closes a string, the end of the text or more where none does. */
function stringEnd(reader: Reader, body: number, quote: number): number {
  const { bytes, length } = reader;
  for (let from = body; ; ) {
    const at = indexOf(reader, quote, from);
    // A quote that is written twice stands for itself.
    if (at >= length || byteAt(bytes, at + 1) !== quote) return at;
    from = at + 2;
  }
}

/** Where the byte stands first, `length` where nowhere: near ones are found before a call out of the language is made. */
function indexOf({ text, bytes, length }: Reader, byte: number, from: number): number {
  const nearEnd = Math.min(length, from + NEAR_BYTES);
  for (let at = from; at < nearEnd; at++) if (byteAt(bytes, at) === byte) return at;
  if (nearEnd >= length) return length;
  const at = text.indexOf(String.fromCharCode(byte), nearEnd);
  return at < 0 ? length : at;
}

const NEAR_BYTES = 32;

/** As `stringEnd`, where a backslash takes its meaning from what follows. */
function escapedStringEnd({ bytes, length }: Reader, body: number, quote: number): number {
  let at = body;
  for (; at < length; at++) {
    const code = byteAt(bytes, at);
    if (code === BACKSLASH) {
      at++;
    } else if (code === quote) {
      if (byteAt(bytes, at + 1) !== quote) break;
      at++;
    }
  }
  return at;
}

/** `name` and [name]. */
function readQuotedName(reader: Reader, at: number, quote: number): number {
  const { bytes, length, tokens } = reader;
  let end = at + 1;
  // A second bracket ends the search too: without that, each of thousands would be read to the end.
  while (end < length && byteAt(bytes, end) !== quote && byteAt(bytes, end) !== BRACKET) end++;
  tokens.steps += end - at;
  if (byteAt(bytes, end) !== quote) return push(reader, KIND.other, at, at + 1);
  return push(reader, KIND.word, at, end + 1);
}

function readVariable(reader: Reader, at: number): number {
  const { bytes } = reader;
  let end = at + 1;
  // @> is PostgreSQL's `contains`.
  if (byteAt(bytes, end) === 0x3e) return push(reader, KIND.compare, at, end + 1);
  if (byteAt(bytes, end) === 0x40) end++;
  while (isWordPart(byteAt(bytes, end)) || byteAt(bytes, end) === DOT) end++;
  return push(reader, KIND.variable, at, end);
}

/** PostgreSQL's $$string$$, a parameter or an amount of money. */
function readDollar(reader: Reader, at: number): number {
  const { text, bytes, tokens } = reader;
  let end = at + 1;
  while (isWordPart(byteAt(bytes, end)) && byteAt(bytes, end) !== DOLLAR) end++;
  if (byteAt(bytes, end) !== DOLLAR) return push(reader, KIND.number, at, end);
  const tag = text.slice(at, end + 1);
  const close = text.indexOf(tag, end + 1);
  tokens.steps += (close < 0 ? text.length : close) - at;
  if (close < 0) {
    tokens.push(KIND.string, UNCLOSED, at, text.length);
    return text.length;
  }
  return push(reader, KIND.string, at, close + tag.length);
}

/** In MySQL `--` needs white space or a control character behind it. */
function startsLineComment({ bytes, length, dialect }: Reader, at: number): boolean {
  return dialect === 'standard' || at + 2 >= length || isSpace(byteAt(bytes, at + 2));
}

function readLineComment(reader: Reader, at: number): number {
  const { length, tokens } = reader;
  const end = indexOf(reader, NEWLINE, at);
  tokens.hasComment = true;
  if (isBlankFrom(reader, end)) return push(reader, KIND.cut, at, length);
  return end;
}

/** A comment is white space, but MySQL runs what stands in one that begins with an exclamation mark. */
function readBlockComment(reader: Reader, at: number): number {
  const { text, bytes, tokens } = reader;
  tokens.hasComment = true;
  const mark = byteAt(bytes, at + 2);
  if (mark === 0x21 || ((mark | 0x20) === 0x6d && byteAt(bytes, at + 3) === 0x21)) {
    let end = at + (mark === 0x21 ? 3 : 4);
    while (isDigit(byteAt(bytes, end))) end++;
    return end;
  }
  const close = text.indexOf('*/', at + 2);
  const end = close < 0 ? text.length : close + 2;
  tokens.steps += end - at;
  if (isBlankFrom(reader, end)) return push(reader, KIND.cut, at, text.length);
  tokens.hasInlineComment = true;
  return end;
}

function isBlankFrom({ bytes, length, tokens }: Reader, at: number): boolean {
  const end = spacesEnd(bytes, at);
  tokens.steps += end - at + 1;
  return end >= length;
}

function readSymbol(reader: Reader, at: number): number {
  const { bytes } = reader;
  const code = byteAt(bytes, at);
  switch (code) {
    // && and || join conditions; || joins strings too, which the judge tells from what stands beside it.
    case 0x26:
    case 0x7c:
      if (byteAt(bytes, at + 1) === code) return push(reader, KIND.logic, at, at + 2);
      return pushOperator(reader, at, at + 1);
    case 0x3c:
    case 0x3e:
    case 0x3d:
    case 0x21: {
      let end = at + 1;
      while (end < at + 3 && isComparing(byteAt(bytes, end))) end++;
      if (code === 0x21 && end === at + 1) return pushOperator(reader, at, end);
      return push(reader, KIND.compare, at, end);
    }
    case COLON:
      return readColon(reader, at);
    case 0x2b:
    case 0x25:
    case 0x5e:
    case 0x7e:
      return pushOperator(reader, at, at + 1);
    default:
      return push(reader, KIND.other, at, at + 1);
  }
}

/** The signs of `<=>` and `@`. */
function isComparing(code: number): boolean {
  return (code >= 0x3c && code <= 0x3e) || code === 0x40;
}

/** `:=` assigns, and yields what it assigns; `::type` converts, and is as good as not there. */
function readColon(reader: Reader, at: number): number {
  const { bytes } = reader;
  const next = byteAt(bytes, at + 1);
  if (next === 0x3d) return push(reader, KIND.compare, at, at + 2);
  return next === COLON ? wordEndOf(bytes, at + 2) : push(reader, KIND.other, at, at + 1);
}

const COLON = 0x3a;
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

/** What the first byte of a token says; `other` where more has to be looked at. */
const FIRST = { other: 0, space: 1, word: 2, digit: 3, sign: 4, quote: 5 } as const;
const FIRSTS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (isSpace(byte)) return FIRST.space;
  if (isWordStart(byte)) return FIRST.word;
  if (isDigit(byte)) return FIRST.digit;
  if (byte === SINGLE || byte === DOUBLE) return FIRST.quote;
  return byteAt(SINGLE_KINDS, byte) === 0 ? FIRST.other : FIRST.sign;
});
