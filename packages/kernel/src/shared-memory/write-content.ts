import { Buffer } from 'node:buffer';

/**
 * Writes text as UTF-8, or bytes, into `target` and returns how many bytes it took; -1 when they are more than `bytesMax`.
 * What was written of a content that did not fit is garbage in free memory. No copy is made on the way.
 */
export function writeContent(content: string | Uint8Array, target: Buffer, at: number, bytesMax: number): number {
  // Every UTF-16 unit takes a byte at least, so a text that is far too long costs nothing.
  if (content.length > bytesMax) return -1;
  if (typeof content !== 'string') {
    target.set(content, at);
    return content.length;
  }
  const written = target.write(content, at, bytesMax, 'utf8');
  // It stops before a character that does not fit, and none takes more than four bytes.
  if (bytesMax - written >= LONGEST_CHARACTER_BYTES) return written;
  return Buffer.byteLength(content, 'utf8') <= bytesMax ? written : -1;
}

const LONGEST_CHARACTER_BYTES = 4;

/** Writes as much as fits, whole characters only; returns the bytes it took. */
export function writeBeginning(content: string | Uint8Array, target: Buffer, at: number, bytesMax: number): number {
  if (typeof content === 'string') return target.write(content, at, bytesMax, 'utf8');
  const length = Math.min(content.length, bytesMax);
  target.set(length < content.length ? content.subarray(0, length) : content, at);
  return length;
}
