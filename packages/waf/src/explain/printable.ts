import { Buffer } from 'node:buffer';

/**
 * Bytes as a person may read them, at most `lengthMax` of them. UTF-8 is shown as what it says; every byte that is none, and
 * every character that moves a cursor, hides, or turns the direction of writing, is spelled `\xhh`.
 */
export function printable(bytes: string, lengthMax: number): string {
  const shown = bytes.slice(0, lengthMax).replaceAll(UNIT, (unit) => {
    if (unit === '\\') return '\\\\';
    const char = Buffer.from(unit, 'latin1').toString('utf8');
    return /[\p{C}\p{Zl}\p{Zp}\ufffd]/u.test(char) ? spelled(unit) : char;
  });
  return bytes.length > lengthMax ? `${shown}…` : shown;
}

/** One character of UTF-8 that is more than one byte, or one byte that is not simply itself. */
const UNIT = /[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[^\x20-\x5b\x5d-\x7e]/g;

function spelled(bytes: string): string {
  return bytes.replaceAll(/[^]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
