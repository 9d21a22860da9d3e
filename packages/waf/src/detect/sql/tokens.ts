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
  /** `store`: looking it up once for all tokens is worth its line. */
  #records: Int32Array = store;

  constructor(text: string) {
    this.#text = text;
  }

  get length(): number {
    return this.#length;
  }

  kind(index: number): number {
    return this.#word(index) & KIND_MASK;
  }

  /** The classes of a word (`WORD`), or what an operator or a string is (`SIGN`, `STAR`, `UNCLOSED`). */
  bits(index: number): number {
    return this.#word(index) >>> KIND_BITS;
  }

  /** True when the token is a word of one of the classes. */
  is(index: number, bits: number): boolean {
    const word = this.#word(index);
    return (word & KIND_MASK) === KIND.word && ((word >>> KIND_BITS) & bits) !== 0;
  }

  textOf(index: number): string {
    if (!(index >= 0 && index < this.#length)) return '';
    const at = index * RECORD_WORDS;
    return this.#text.slice(this.#records[at + 1], this.#records[at + 2]);
  }

  /** Where the token begins, in bytes; undefined without one. */
  startOf(index: number): number | undefined {
    return index < this.#length ? this.#records[index * RECORD_WORDS + 1] : undefined;
  }

  /** True when nothing stands between two tokens. */
  touches(index: number): boolean {
    if (index + 1 >= this.#length) return false;
    const at = index * RECORD_WORDS;
    return this.#records[at + 2] === this.#records[at + RECORD_WORDS + 1];
  }

  /** The first token at or behind `index` that may be structure by itself; `length` where there is none. */
  nextTelling(index: number): number {
    const records = this.#records;
    const length = this.#length;
    let at = index;
    for (; at < length; at++) {
      const word = records[at * RECORD_WORDS] ?? 0;
      if (word !== NAME && ((TELLING_KINDS >>> (word & KIND_MASK)) & 1) === 1) break;
    }
    return at;
  }

  push(kind: number, bits: number, start: number, end: number): void {
    const index = this.#length;
    const at = index * RECORD_WORDS;
    if (at >= this.#records.length) this.#grow();
    const records = this.#records;
    records[at] = kind | (bits << KIND_BITS);
    records[at + 1] = start;
    records[at + 2] = end;
    this.#length = index + 1;
  }

  #word(index: number): number {
    return index >= 0 && index < this.#length ? (this.#records[index * RECORD_WORDS] ?? 0) : 0;
  }

  #grow(): void {
    const larger = new Int32Array(this.#records.length * 2);
    larger.set(this.#records);
    this.#records = larger;
    store = larger;
  }
}

/** By token: its kind and its bits, where it starts, where it ends. */
const RECORD_WORDS = 3;
const KIND_BITS = 4;
const KIND_MASK = 15;

/** A word that is none of SQL. */
const NAME = KIND.word;

/** A bit for each kind that may be structure wherever it stands. */
const TELLING_KINDS = (1 << KIND.word) | (1 << KIND.semicolon) | (1 << KIND.logic) | (1 << KIND.variable);

/**
 * Room for the tokens of one value, of this thread, which reads one value at a time. A long value is read a dozen times: lists
 * of its own would be megabytes each time. It grows to what is held at once.
 */
let store: Int32Array = new Int32Array(256 * RECORD_WORDS);
