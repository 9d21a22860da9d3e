import { writer } from './byte-writer.ts';

/** ASCII letters only: bytes above 0x7F belong to an encoding that we do not know. */
export function lowercase(text: string): string {
  if (!/[A-Z]/.test(text)) return text;
  return /[\x80-\xff]/.test(text) ? mapped(text, LOWER) : text.toLowerCase();
}

/** ASCII letters only, as `lowercase`. */
export function uppercase(text: string): string {
  if (!/[a-z]/.test(text)) return text;
  return /[\x80-\xff]/.test(text) ? mapped(text, UPPER) : text.toUpperCase();
}

function mapped(text: string, table: Uint8Array): string {
  writer.begin(text.length);
  writer.copy(text, 0, text.length);
  writer.map(table);
  return writer.text();
}

/** By byte, the letter in the other case; every other byte is itself. */
const LOWER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
);
const UPPER: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte,
);
