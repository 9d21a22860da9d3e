import { Buffer } from 'node:buffer';

/** The bytes of a value, which `length` of them are; behind them stand some in which nothing begins, ends or goes on. */
export interface ByteText {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly length: number;
}

/** For a reading that others do not interrupt: bytes of a short value are overwritten by those of the next one. */
export function sharedText(text: string): ByteText {
  return text.length <= SHARED_BYTES ? filled(text, shared) : ownText(text);
}

/** Bytes of its own: for a reading with pauses. */
export function ownText(text: string): ByteText {
  return filled(text, new Uint8Array(text.length + BEHIND));
}

function filled(text: string, bytes: Uint8Array): ByteText {
  const { length } = text;
  if (length > SHORT_BYTES) Buffer.from(bytes.buffer).write(text, 0, 'latin1');
  else for (let at = 0; at < length; at += 1) bytes[at] = text.charCodeAt(at);
  bytes.fill(NOTHING, length, length + BEHIND);
  return { text, bytes, length };
}

export function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0;
}

/** As far as any token looks ahead, and more. */
const BEHIND = 8;

/** DEL: no white space, and in no word, number, sign or quote. */
const NOTHING = 0x7f;

/** Of a longer value it does not matter that its bytes are given room. */
const SHARED_BYTES = 4_096;

/** What a loop has copied before a call out of the language is made. */
const SHORT_BYTES = 32;

const shared = new Uint8Array(SHARED_BYTES + BEHIND);
