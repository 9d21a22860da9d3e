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

/** The tokens of one value in one context. White space and comments in the middle are not tokens. */
export class SqlTokens {
  /** Bytes looked at. */
  steps = 0;
  /** True when the value closes the quote it stands in; always true for `bare`. */
  isClosed = true;
  /** A comment of any kind: the end of one of MySQL's that runs may follow. */
  hasComment = false;
  /** A comment between slashes and asterisks with tokens behind it. */
  hasInlineComment = false;
  readonly #kinds: number[] = [];
  readonly #bits: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#kinds.length;
  }

  kind(index: number): number {
    return this.#kinds[index] ?? KIND.end;
  }

  /** The classes of a word (`WORD`), or what an operator or a string is (`SIGN`, `STAR`, `UNCLOSED`). */
  bits(index: number): number {
    return this.#bits[index] ?? 0;
  }

  /** True when the token is a word of one of the classes. */
  is(index: number, bits: number): boolean {
    return this.kind(index) === KIND.word && (this.bits(index) & bits) !== 0;
  }

  textOf(index: number): string {
    return this.#text.slice(this.#starts[index] ?? 0, this.#ends[index] ?? 0);
  }

  /** True when nothing stands between two tokens. */
  touches(index: number): boolean {
    return this.#ends[index] === this.#starts[index + 1];
  }

  push(kind: number, bits: number, span: Span): void {
    this.#kinds.push(kind);
    this.#bits.push(bits);
    this.#starts.push(span.start);
    this.#ends.push(span.end);
  }
}
