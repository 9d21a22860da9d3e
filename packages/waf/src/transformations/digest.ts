import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

/** The 16 raw bytes. A name for a value, never protection. */
export function md5(text: string): string {
  return digest('md5', text);
}

/** The 20 raw bytes. A name for a value, never protection. */
export function sha1(text: string): string {
  return digest('sha1', text);
}

function digest(algorithm: 'md5' | 'sha1', text: string): string {
  const hex = hash(algorithm, Buffer.from(text, 'latin1'), 'hex');
  return Buffer.from(hex, 'hex').toString('latin1');
}
