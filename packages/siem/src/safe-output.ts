/**
 * Clients write part of what events say, and operators look at it in terminals, spreadsheets and shells. These say a text
 * where it would otherwise act.
 */

/**
 * A text for a line of a terminal. What moves a cursor, ends a line, hides, or turns the direction of writing is spelled
 * `\u{hex}`, and so is what is no character at all; a backslash is doubled, so that nobody can write what we spell.
 */
export function terminalText(text: string): string {
  return text.replaceAll(UNSAFE_ON_TERMINALS, (char) => (char === '\\' ? '\\\\' : spelled(char)));
}

/**
 * Controls (Cc), formats (Cf: bidirectional overrides and isolates, zero-width characters, tags), lone surrogates (Cs), line
 * and paragraph separators (Zl, Zp), and what is not assigned or private (Cn, Co), which terminals show as they please.
 */
const UNSAFE_ON_TERMINALS = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

function spelled(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;
}

/**
 * A cell of a CSV file (RFC 4180), for spreadsheets that take a text for a formula: one that begins with `=`, `+`, `-`, `@`, a
 * tab or a line break, spaces before it left aside, gets an apostrophe before it, which they show as text. Numbers that a
 * record holds as numbers may be written as they are. NUL, which ends a text in some readers, is left out.
 */
export function csvCell(text: string): string {
  const whole = text.replaceAll('\0', '');
  const inert = FORMULA.test(whole) ? `'${whole}` : whole;
  return QUOTED_IN_CSV.test(inert) ? `"${inert.replaceAll('"', '""')}"` : inert;
}

/** Full-width forms as well: East Asian versions of spreadsheets take them for the plain ones. */
const FORMULA = /^(?:[\t\r\n]|\s*[=+\-@\uff1d\uff0b\uff0d\uff20])/;

/** Separators of every usual locale, quotes and line breaks; and spaces at an end, which some readers cut off. */
const QUOTED_IN_CSV = /[",;\t\r\n]|^\s|\s$/;

/**
 * One word of a POSIX shell that is exactly this text. Without quotes where it needs none; NUL, which no argument can hold, is
 * left out. A word that begins with `-` is still an option to the program that gets it: write `--` before it.
 */
export function shellWord(text: string): string {
  const whole = text.replaceAll('\0', '');
  if (PLAIN_IN_SHELLS.test(whole)) return whole;
  // Within single quotes nothing has a meaning but the single quote.
  return `'${whole.replaceAll("'", `'\\''`)}'`;
}

const PLAIN_IN_SHELLS = /^[A-Za-z0-9_./:@%+,-]+$/;
