import { Buffer } from 'node:buffer';
import { writer } from './byte-writer.ts';
import { hexByte } from './hex.ts';

/** RFC 4648 §4. Reads up to the first character that is not of the alphabet: what stands before it is not lost. */
export function base64Decode(text: string): string {
  writer.begin(Math.min(text.length, CALL_LENGTH_MIN));
  let bits = 0;
  for (let index = 0; index < text.length; index += 1) {
    if (index === CALL_LENGTH_MIN) return decodedByRuntime(text);
    const digit = DIGITS[text.charCodeAt(index)] ?? 0;
    if (digit === NO_DIGIT) break;
    bits = ((bits & 0xffff) << 6) | digit;
    // Each digit but the first of four completes a byte.
    const place = index & 3;
    if (place > 0) writer.byte((bits >> (6 - place * 2)) & 0xff);
  }
  return writer.text();
}

function decodedByRuntime(text: string): string {
  const end = text.search(/[^A-Za-z0-9+/]/);
  return Buffer.from(end < 0 ? text : text.slice(0, end), 'base64').toString('latin1');
}

/** Of a shorter text the calls into the runtime cost more than they spare. */
const CALL_LENGTH_MIN = 128;

const NO_DIGIT = 64;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** By byte, its value as a digit. */
const DIGITS: Uint8Array = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < ALPHABET.length; value += 1) DIGITS[ALPHABET.charCodeAt(value)] = value;

/** As `base64Decode`, and passes over characters that are not of the alphabet, as many applications do. */
export function base64DecodeExt(text: string): string {
  if (text === '') return text;
  return Buffer.from(text.replaceAll(/[^A-Za-z0-9+/]+/g, ''), 'base64').toString('latin1');
}

export function base64Encode(text: string): string {
  return text === '' ? text : Buffer.from(text, 'latin1').toString('base64');
}

/** Pairs of hexadecimal digits; anything else has no value and gives nothing. */
export function hexDecode(text: string): string {
  if (text.length % 2 !== 0 || /[^0-9A-Fa-f]/.test(text)) return '';
  return text === '' ? text : Buffer.from(text, 'hex').toString('latin1');
}

export function hexEncode(text: string): string {
  return text === '' ? text : Buffer.from(text, 'latin1').toString('hex');
}

/** SQL's `0x414243` becomes the bytes that it stands for, wherever at least one pair of digits follows. */
export function sqlHexDecode(text: string): string {
  const first = text.search(/0[xX][0-9A-Fa-f]{2}/);
  if (first < 0) return text;
  writer.begin(text.length);
  writer.copy(text, 0, first);
  for (let index = first; index < text.length; ) {
    const code = text.charCodeAt(index);
    const isPrefix = code === 0x30 && (text.charCodeAt(index + 1) | 0x20) === 0x78;
    if (!isPrefix || hexByte(text, index + 2) < 0) {
      writer.byte(code);
      index += 1;
      continue;
    }
    index += 2;
    for (let byte = hexByte(text, index); byte >= 0; byte = hexByte(text, index)) {
      writer.byte(byte);
      index += 2;
    }
  }
  return writer.text();
}
