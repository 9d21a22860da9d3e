import { Buffer } from 'node:buffer';
import { hexDigit } from './hex.ts';

/**
 * Numeric character references of any length (CVE-2025-27110: leading zeros) and the named ones that attacks on HTML
 * use; a missing `;` does not matter. Up to U+00FF a reference is a byte, above it is UTF-8.
 */
export function htmlEntityDecode(text: string): string {
  let ampersand = text.indexOf('&');
  if (ampersand < 0) return text;
  let out = '';
  let from = 0;
  while (ampersand >= 0) {
    const found = text[ampersand + 1] === '#' ? numericAt(text, ampersand + 2) : namedAt(text, ampersand + 1);
    if (found !== undefined) {
      out += text.slice(from, ampersand) + found[0];
      from = text[found[1]] === ';' ? found[1] + 1 : found[1];
    }
    ampersand = text.indexOf('&', Math.max(from, ampersand + 1));
  }
  return from === 0 ? text : out + text.slice(from);
}

function numericAt(text: string, begin: number): readonly [string, number] | undefined {
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
  return index === first ? undefined : [character(point), index];
}

function character(point: number): string {
  if (point <= 0xff) return String.fromCharCode(point);
  const isCharacter = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return Buffer.from(String.fromCodePoint(isCharacter ? point : 0xfffd), 'utf8').toString('latin1');
}

function namedAt(text: string, begin: number): readonly [string, number] | undefined {
  const letters = /^[A-Za-z]+/.exec(text.slice(begin, begin + NAME_LENGTH))?.[0].toLowerCase() ?? '';
  // HTML's oldest names hold in front of other letters too: `&ltscript` begins with `<`.
  const name = NAMED.has(letters) ? letters : (/^(?:amp|gt|lt|nbsp|quot)/.exec(letters)?.[0] ?? '');
  const value = NAMED.get(name);
  return value === undefined ? undefined : [value, begin + name.length];
}

/** Letters of the longest name below. */
const NAME_LENGTH = 7;

const NAMED: ReadonlyMap<string, string> = new Map([
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
