import { Buffer } from 'node:buffer';
import { RegexError } from './errors.ts';

/**
 * What is searched: bytes, or a string whose every code unit is one byte (0 to 0xFF, "latin1"). Strings are read in
 * place; bytes are turned into such a string once per call.
 */
export type Text = string | Uint8Array;

/** On a one-byte string V8 answers this without looking at a single character. */
const NOT_A_BYTE = /[^\0-\xff]/;

/** The text as a string of bytes. Throws `RegexError` (`NOT_BYTES`) for a code unit above 0xFF: no silent cutting. */
export function byteString(text: Text): string {
  if (typeof text !== 'string') return Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1');
  if (NOT_A_BYTE.test(text)) {
    throw new RegexError(
      'NOT_BYTES',
      text.search(NOT_A_BYTE),
      'the text has a code unit above 0xFF; encode it first, see utf8',
    );
  }
  return text;
}

/** The UTF-8 form of any string as a string of bytes: what patterns with `encoding: 'utf8'` search. */
export function utf8(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
