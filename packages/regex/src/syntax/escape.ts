import { ANY_BYTE, type ByteSet } from '../byte-set.ts';
import { ASSERTION, type Assertion } from './ast.ts';
import { type CodeRanges, HORIZONTAL_SPACE, perlClass, VERTICAL_SPACE } from './code-ranges.ts';
import type { Cursor } from './cursor.ts';

/** What a backslash and what follows it stand for. */
export type Escape =
  | { readonly kind: 'code'; readonly code: number }
  | { readonly kind: 'class'; readonly ranges: CodeRanges; readonly isNegated: boolean }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'byte'; readonly set: ByteSet };

export interface EscapeContext {
  readonly isRe2: boolean;
  readonly isInClass: boolean;
  /** Capture groups in the whole pattern: PCRE reads `\12` as a back-reference if there are so many. */
  readonly groups: number;
}

/** Reads the escape at the cursor, which stands behind the backslash at `position - 1`. Throws `RegexError`. */
export function parseEscape(cursor: Cursor, context: EscapeContext): Escape {
  const at = cursor.position - 1;
  const letter = cursor.peek();
  if (letter === '') cursor.fail('BAD_ESCAPE', 'the pattern ends with a backslash', at);
  if (letter >= '0' && letter <= '9') return digits(cursor, context, at);
  if (!/[a-zA-Z]/.test(letter)) return code(cursor.takeCodePoint());
  cursor.take();
  return (
    sharedEscape(cursor, letter, at) ??
    (context.isInClass ? inClass(letter, context) : outsideClass(letter, context)) ??
    perlEscape(letter, context) ??
    (context.isRe2 ? undefined : pcreEscape(cursor, letter, at)) ??
    refuse(cursor, letter, at)
  );
}

const CONTROLS: Readonly<Record<string, number>> = { a: 0x07, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 };

function sharedEscape(cursor: Cursor, letter: string, at: number): Escape | undefined {
  const control = Object.hasOwn(CONTROLS, letter) ? CONTROLS[letter] : undefined;
  if (control !== undefined) return code(control);
  return letter === 'x' ? hexadecimal(cursor, at) : undefined;
}

function outsideClass(letter: string, { isRe2 }: EscapeContext): Escape | undefined {
  switch (letter) {
    case 'A':
      return { kind: 'assertion', assertion: ASSERTION.textStart };
    case 'z':
      return { kind: 'assertion', assertion: ASSERTION.textEnd };
    case 'Z':
      return isRe2 ? undefined : { kind: 'assertion', assertion: ASSERTION.textEndOrLastNewline };
    case 'b':
      return { kind: 'assertion', assertion: ASSERTION.wordBoundary };
    case 'B':
      return { kind: 'assertion', assertion: ASSERTION.notWordBoundary };
    case 'C':
      return { kind: 'byte', set: ANY_BYTE };
    case 'N':
      return isRe2 ? undefined : { kind: 'class', ranges: [[0x0a, 0x0a]], isNegated: true };
  }
  return undefined;
}

function inClass(letter: string, { isRe2 }: EscapeContext): Escape | undefined {
  return letter === 'b' && !isRe2 ? code(0x08) : undefined;
}

function perlEscape(letter: string, { isRe2 }: EscapeContext): Escape | undefined {
  const lower = letter.toLowerCase();
  const isNegated = letter !== lower;
  if (lower === 'd' || lower === 'w' || lower === 's') {
    return { kind: 'class', ranges: perlClass(lower, isRe2), isNegated };
  }
  if (lower === 'h' && !isRe2) return { kind: 'class', ranges: HORIZONTAL_SPACE, isNegated };
  if (lower === 'v' && !isRe2) return { kind: 'class', ranges: VERTICAL_SPACE, isNegated };
  return letter === 'v' ? code(0x0b) : undefined;
}

function pcreEscape(cursor: Cursor, letter: string, at: number): Escape | undefined {
  switch (letter) {
    case 'e':
      return code(0x1b);
    case 'c': {
      const control = cursor.take();
      if (!/[ -~]/.test(control)) cursor.fail('BAD_ESCAPE', '\\c is not followed by a printable ASCII character', at);
      return code(control.toUpperCase().charCodeAt(0) ^ 0x40);
    }
    case 'o': {
      const octal = /^\{([0-7]{1,11})\}$/.exec(cursor.match(/\{[0-7]{1,11}\}/y))?.[1];
      if (octal === undefined) cursor.fail('BAD_ESCAPE', '\\o is not followed by octal digits in braces', at);
      return code(Number.parseInt(octal, 8));
    }
  }
  return undefined;
}

function hexadecimal(cursor: Cursor, at: number): Escape {
  const text = cursor.match(/\{[0-9a-fA-F]{1,8}\}|[0-9a-fA-F]{2}/y);
  if (text === '') cursor.fail('BAD_ESCAPE', '\\x is not followed by two hexadecimal digits or some in braces', at);
  return code(Number.parseInt(text.replace('{', ''), 16));
}

/** `\0`, octal, or a back-reference: pcre2pattern(3) "Non-printing characters", RE2's syntax page "\123". */
function digits(cursor: Cursor, { isRe2, isInClass, groups }: EscapeContext, at: number): Escape {
  const decimal = cursor.match(/[0-9]+/y);
  cursor.position -= decimal.length;
  const number = Number(decimal);
  const isReference = isRe2
    ? !/^(?:0|[1-7][0-7])/.test(decimal)
    : !decimal.startsWith('0') && (number < 10 || /^[89]/.test(decimal) || number <= groups);
  if (isReference && !isInClass) cursor.fail('BACK_REFERENCE', 'back-references cannot run in linear time', at);
  const octal = cursor.match(/[0-7]{1,3}/y);
  if (octal === '') cursor.fail('BAD_ESCAPE', 'not an octal number', at);
  return code(Number.parseInt(octal, 8));
}

function refuse(cursor: Cursor, letter: string, at: number): never {
  switch (letter) {
    case 'p':
    case 'P':
    case 'X':
      return cursor.fail('UNICODE_CLASS', `\\${letter} needs Unicode tables, which this engine of bytes has not`, at);
    case 'g':
    case 'k':
      return cursor.fail('BACK_REFERENCE', 'back-references cannot run in linear time', at);
    case 'G':
    case 'K':
    case 'R':
      return cursor.fail('UNSUPPORTED', `\\${letter} is not offered`, at);
  }
  return cursor.fail('BAD_ESCAPE', `\\${letter} means nothing in this dialect or place`, at);
}

function code(value: number): Escape {
  return { kind: 'code', code: value };
}
