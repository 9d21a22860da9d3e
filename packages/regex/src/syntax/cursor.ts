import { RegexError, type RegexErrorCode } from '../errors.ts';

/** A place in the pattern. Reading past the end gives the empty string, which equals no character. */
export class Cursor {
  readonly pattern: string;
  position = 0;

  constructor(pattern: string) {
    this.pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.position >= this.pattern.length;
  }

  /** The character at the place, `ahead` further if given; a surrogate pair counts as its halves here. */
  peek(ahead = 0): string {
    return this.pattern.charAt(this.position + ahead);
  }

  /** Takes one code unit. */
  take(): string {
    return this.pattern.charAt(this.position++);
  }

  /** Takes one code point and returns its number. */
  takeCodePoint(): number {
    const code = this.pattern.codePointAt(this.position) ?? 0;
    this.position += code > 0xffff ? 2 : 1;
    return code;
  }

  /** Takes `text` if it stands here. */
  eat(text: string): boolean {
    if (!this.pattern.startsWith(text, this.position)) return false;
    this.position += text.length;
    return true;
  }

  /** Takes what a sticky expression matches here, else nothing. */
  match(expression: RegExp): string {
    expression.lastIndex = this.position;
    const found = expression.exec(this.pattern)?.[0] ?? '';
    this.position += found.length;
    return found;
  }

  fail(code: RegexErrorCode, reason: string, position: number = this.position): never {
    throw new RegexError(code, position, reason);
  }
}
