/**
 * TypeScript text with its comments and strings told apart from its code: enough for the house's rules, without a parser.
 *
 * Positions are those of the text. In `code` the inside of every comment, string, template and regular expression is
 * blank, line breaks excepted, so a search in it finds code only and brackets always match.
 */
export interface Scan {
  readonly text: string;
  readonly code: string;
  readonly comments: readonly Span[];
  /** Strings and the pieces of templates, without their quotes. */
  readonly strings: readonly Span[];
}

export interface Span {
  /** Position of the first character, quote or slash included. */
  readonly start: number;
  /** Position behind the last one. */
  readonly end: number;
  /** What stands in it, escapes not resolved. */
  readonly value: string;
}

/** Words after which a slash begins a regular expression rather than a division. */
const BEFORE_REGEX: ReadonlySet<string> = new Set(
  'return typeof case in of delete void throw new else do await yield instanceof'.split(' '),
);

/** Scans one file. Text that is not TypeScript gives a wrong answer, never an error. */
export function scan(text: string): Scan {
  const scanner = new Scanner(text);
  scanner.run();
  return { text, code: scanner.code(), comments: scanner.comments, strings: scanner.strings };
}

/** The number of the line that holds `position`; the first is 1. */
export function lineOf(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

class Scanner {
  readonly comments: Span[] = [];
  readonly strings: Span[] = [];
  readonly #text: string;
  readonly #blanks: [number, number][] = [];
  /** Open braces since each `${`, innermost last: at 0 a closing brace ends the substitution. */
  readonly #templates: number[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  run(): void {
    while (this.#at < this.#text.length) this.#step();
  }

  code(): string {
    let code = '';
    let from = 0;
    for (const [start, end] of this.#blanks) {
      code += this.#text.slice(from, start) + this.#text.slice(start, end).replaceAll(/[^\n]/g, ' ');
      from = end;
    }
    return code + this.#text.slice(from);
  }

  #step(): void {
    const two = this.#text.slice(this.#at, this.#at + 2);
    if (two === '//') return this.#comment('\n', 0);
    if (two === '/*') return this.#comment('*/', 2);
    switch (this.#text[this.#at]) {
      case "'":
      case '"':
        return this.#string();
      case '`':
        this.#at += 1;
        return this.#template();
      case '/':
        return this.#isRegexHere() ? this.#regex() : this.#skip();
      case '{':
        return this.#brace(1);
      case '}':
        return this.#brace(-1);
      default:
        return this.#skip();
    }
  }

  #skip(): void {
    this.#at += 1;
  }

  #comment(closing: string, length: number): void {
    const found = this.#text.indexOf(closing, this.#at + 2);
    const end = found === -1 ? this.#text.length : found + length;
    this.comments.push({ start: this.#at, end, value: this.#text.slice(this.#at, end) });
    this.#blank(this.#at, end);
    this.#at = end;
  }

  #string(): void {
    const quote = this.#text[this.#at];
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== quote && this.#text[end] !== '\n') {
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.strings.push({ start: this.#at, end: end + 1, value: this.#text.slice(this.#at + 1, end) });
    this.#blank(this.#at + 1, end);
    this.#at = end + 1;
  }

  /** From behind the backtick, or behind the brace that ends a substitution, to the next substitution or the end. */
  #template(): void {
    const start = this.#at;
    let end = start;
    while (end < this.#text.length && this.#text[end] !== '`' && this.#text.slice(end, end + 2) !== '${') {
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.strings.push({ start: start - 1, end: end + 1, value: this.#text.slice(start, end) });
    this.#blank(start, end);
    if (this.#text[end] === '$') this.#templates.push(0);
    this.#at = this.#text[end] === '$' ? end + 2 : end + 1;
  }

  #brace(by: 1 | -1): void {
    const open = this.#templates.pop();
    this.#at += 1;
    if (open === undefined) return;
    if (open === 0 && by === -1) this.#template();
    else this.#templates.push(open + by);
  }

  #isRegexHere(): boolean {
    const before = this.#text.slice(Math.max(0, this.#at - 200), this.#at).trimEnd();
    const word = /[\w$]+$/.exec(before)?.[0];
    if (word !== undefined) return BEFORE_REGEX.has(word);
    return !/[)\]}'"`]$/.test(before);
  }

  #regex(): void {
    let end = this.#at + 1;
    let isInClass = false;
    while (end < this.#text.length && this.#text[end] !== '\n' && (isInClass || this.#text[end] !== '/')) {
      if (this.#text[end] === '[') isInClass = true;
      if (this.#text[end] === ']') isInClass = false;
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    this.#blank(this.#at + 1, end);
    this.#at = end + 1;
  }

  #blank(start: number, end: number): void {
    if (end > start) this.#blanks.push([start, Math.min(end, this.#text.length)]);
  }
}
