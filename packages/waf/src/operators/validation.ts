import { hexByte } from '../transformations/hex.ts';
import { utf8Length } from '../transformations/unicode.ts';
import type { Operator } from './operator.ts';

/** `@validateByteRange 32-126,9`: matches when a byte is outside. Undefined when the argument is none. */
export function byteRange(argument: string): Operator | undefined {
  const allowed = new Uint8Array(256);
  for (const piece of argument.split(',').map((one) => one.trim())) {
    if (piece === '') continue;
    const found = /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(piece);
    if (found === null) return undefined;
    const from = Number(found[1]);
    const to = found[2] === undefined ? from : Number(found[2]);
    if (from > to || to > 255) return undefined;
    allowed.fill(1, from, to + 1);
  }
  // Of what is generated here V8 makes a loop that takes half the time of one over the units of a string.
  const outside = new RegExp(`[^${classOf(allowed)}]`);
  return (text) => outside.test(text);
}

/** What stands between the brackets of a class. */
function classOf(allowed: Uint8Array): string {
  const escaped = (byte: number): string => `\\x${byte.toString(16).padStart(2, '0')}`;
  return Array.from(allowed, (isAllowed, byte) => (isAllowed === 1 ? escaped(byte) : '')).join('');
}

/** `@validateUtf8Encoding`: matches when the value is not UTF-8 (RFC 3629). */
export const utf8Encoding: Operator = (text) => {
  if (!/[\x80-\xff]/.test(text)) return false;
  for (let index = 0; index < text.length; ) {
    const length = utf8Length(text, index);
    if (length === 0) return true;
    index += length;
  }
  return false;
};

/** `@validateUrlEncoding`: matches when a `%` is not followed by two hexadecimal digits. */
export const urlEncoding: Operator = (text) => {
  for (let index = text.indexOf('%'); index >= 0; index = text.indexOf('%', index + 1)) {
    if (hexByte(text, index + 1) < 0) return true;
  }
  return false;
};
