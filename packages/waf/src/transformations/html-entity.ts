import { writer } from './byte-writer.ts';
import { hexDigit } from './hex.ts';

/**
 * Numeric character references of any length (CVE-2025-27110: leading zeros) and the named ones that attacks on HTML
 * use; a missing `;` does not matter. Up to U+00FF a reference is a byte, above it is UTF-8.
 */
export function htmlEntityDecode(text: string): string {
  let ampersand = text.indexOf('&');
  if (ampersand < 0) return text;
  // A reference is never shorter than what it stands for.
  writer.begin(text.length);
  let from = 0;
  while (ampersand >= 0) {
    const next =
      text.charCodeAt(ampersand + 1) === 0x23 ? numeric(text, ampersand, from) : named(text, ampersand, from);
    if (next > 0) from = text.charCodeAt(next) === 0x3b ? next + 1 : next;
    const rest = Math.max(from, ampersand + 1);
    ampersand = text.charCodeAt(rest) === 0x26 ? rest : text.indexOf('&', rest);
  }
  if (from === 0) return text;
  writer.copy(text, from, text.length);
  return writer.text();
}

/** Writes what stands between `from` and the reference at `ampersand`, and its value; returns where it ends, 0 for none. */
function numeric(text: string, ampersand: number, from: number): number {
  const begin = ampersand + 2;
  const isHex = (text.charCodeAt(begin) | 0x20) === 0x78;
  const first = isHex ? begin + 1 : begin;
  let index = first;
  let point = 0;
  const base = isHex ? 16 : 10;
  for (let digit = hexDigit(text, index); digit >= 0 && digit < base; digit = hexDigit(text, index)) {
    // Capped where no code point can be, so that ten million digits stay a number.
    point = Math.min(point * base + digit, 0x110000);
    index += 1;
  }
  if (index === first) return 0;
  writer.copy(text, from, ampersand);
  if (point <= 0xff) writer.byte(point);
  else writer.codePoint(point);
  return index;
}

/** As `numeric`. */
function named(text: string, ampersand: number, from: number): number {
  const begin = ampersand + 1;
  let node = 0;
  let end = begin;
  let early = 0;
  for (; end < begin + NAME_LENGTH; end += 1) {
    const letter = letterAt(text, end);
    const next = letter < 0 ? 0 : (NAMES.next[node * LETTERS + letter] ?? 0);
    // Other letters behind it: only HTML's oldest names hold there, `&ltscript` begins with `<`.
    if (letter >= 0 && next === 0) node = early;
    if (next === 0) break;
    node = next;
    if (NAMES.isOld[node] === 1) early = node;
  }
  const value = NAMES.value[node] ?? 0;
  if (value === 0) {
    if (early === 0) return 0;
    node = early;
  }
  writer.copy(text, from, ampersand);
  writer.byte(NAMES.value[node] ?? 0);
  return begin + (NAMES.length[node] ?? 0);
}

const LETTERS = 26;

function letterAt(text: string, index: number): number {
  const letter = (text.charCodeAt(index) | 0x20) - 0x61;
  return letter >= 0 && letter < LETTERS ? letter : -1;
}

/** Letters of the longest name below: more are not looked at. */
const NAME_LENGTH = 7;

const OLD_NAMES: readonly string[] = ['amp', 'gt', 'lt', 'nbsp', 'quot'];

/** The names as a tree: by node and letter the next node, and for nodes where a name ends what it stands for. */
const NAMES: {
  readonly next: Uint8Array;
  readonly value: Uint8Array;
  readonly length: Uint8Array;
  readonly isOld: Uint8Array;
} = treeOf([
  ['amp', '&'],
  ['apos', "'"],
  ['colon', ':'],
  ['comma', ','],
  ['equals', '='],
  ['excl', '!'],
  ['gt', '>'],
  ['lpar', '('],
  ['lt', '<'],
  ['nbsp', '\xa0'],
  ['newline', '\n'],
  ['period', '.'],
  ['quot', '"'],
  ['rpar', ')'],
  ['semi', ';'],
  ['sol', '/'],
  ['tab', '\t'],
]);

function treeOf(names: readonly (readonly [name: string, value: string])[]): typeof NAMES {
  const nodes = 1 + names.reduce((sum, [name]) => sum + name.length, 0);
  const next = new Uint8Array(nodes * LETTERS);
  const value = new Uint8Array(nodes);
  const length = new Uint8Array(nodes);
  const isOld = new Uint8Array(nodes);
  let count = 1;
  for (const [name, text] of names) {
    let node = 0;
    for (let index = 0; index < name.length; index += 1) {
      const edge = node * LETTERS + name.charCodeAt(index) - 0x61;
      if (next[edge] === 0) next[edge] = count++;
      node = next[edge] ?? 0;
    }
    value[node] = text.charCodeAt(0);
    length[node] = name.length;
    isOld[node] = OLD_NAMES.includes(name) ? 1 : 0;
  }
  return { next, value, length, isOld };
}
