/** What one token of SQL is. */
export const KIND = {
  end: 0,
  word: 1,
  number: 2,
  string: 3,
  variable: 4,
  /** + - * / % | & ^ ~ ! #; `bits` is SIGN for those that stand before an operand too, STAR for `*`. */
  operator: 5,
  compare: 6,
  logic: 7,
  open: 8,
  close: 9,
  comma: 10,
  semicolon: 11,
  /** A comment with nothing but white space after it: what followed in the statement is cut off. */
  cut: 12,
  other: 13,
} as const;

/** `bits` of a string whose quote never comes. */
export const UNCLOSED = 1;

/** `bits` of an operator that may stand before its operand. */
export const SIGN = 1;

/** `bits` of an operator that is also all columns. */
export const STAR = 2;

/** Where the value stands in the statement that the application builds. */
export type SqlContext = 'bare' | 'single' | 'double' | 'backquote';

/** `standard` has `--` comments and no backslashes; `mysql` has `#`, backslashes, and `--` only before white space. */
export type SqlDialect = 'standard' | 'mysql';

/** Where a token stands in the value, in bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * The tokens of one value in one context, until the next ones are read. White space and comments in the middle are not
 * tokens.
 */
export class SqlTokens {
  /** Bytes looked at. */
  steps = 0;
  /** True when the value closes the quote it stands in; always true for `bare`. */
  isClosed = true;
  /** A comment of any kind: the end of one of MySQL's that runs may follow. */
  hasComment = false;
  /** A comment between slashes and asterisks with tokens behind it. */
  hasInlineComment = false;
  /** Where the next reading of the same value begins; undefined when this one has come to its end. */
  resumesAt: number | undefined = undefined;
  #length = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#length;
  }

  kind(index: number): number {
    return index >= 0 && index < this.#length ? (store.kinds[index] ?? KIND.end) : KIND.end;
  }

  /** The classes of a word (`WORD`), or what an operator or a string is (`SIGN`, `STAR`, `UNCLOSED`). */
  bits(index: number): number {
    return index >= 0 && index < this.#length ? (store.bits[index] ?? 0) : 0;
  }

  /** True when the token is a word of one of the classes. */
  is(index: number, bits: number): boolean {
    return this.kind(index) === KIND.word && (this.bits(index) & bits) !== 0;
  }

  textOf(index: number): string {
    if (!(index >= 0 && index < this.#length)) return '';
    return this.#text.slice(store.starts[index], store.ends[index]);
  }

  /** Where the token begins, in bytes; undefined without one. */
  startOf(index: number): number | undefined {
    return index < this.#length ? store.starts[index] : undefined;
  }

  /** True when nothing stands between two tokens. */
  touches(index: number): boolean {
    return index + 1 < this.#length && store.ends[index] === store.starts[index + 1];
  }

  push(kind: number, bits: number, span: Span): void {
    const index = this.#length;
    if (index >= store.kinds.length) store = store.grown();
    store.kinds[index] = kind;
    store.bits[index] = bits;
    store.starts[index] = span.start;
    store.ends[index] = span.end;
    this.#length = index + 1;
  }
}

/** Room for the tokens of one value. A long value is read a dozen times: lists of its own would be megabytes each time. */
class TokenStore {
  readonly kinds: Uint8Array;
  readonly bits: Int32Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(tokens: number) {
    this.kinds = new Uint8Array(tokens);
    this.bits = new Int32Array(tokens);
    this.starts = new Int32Array(tokens);
    this.ends = new Int32Array(tokens);
  }

  grown(): TokenStore {
    const larger = new TokenStore(this.kinds.length * 2);
    larger.kinds.set(this.kinds);
    larger.bits.set(this.bits);
    larger.starts.set(this.starts);
    larger.ends.set(this.ends);
    return larger;
  }
}

/** Of this thread, which reads one value at a time. It grows to what is held at once. */
let store: TokenStore = new TokenStore(256);
