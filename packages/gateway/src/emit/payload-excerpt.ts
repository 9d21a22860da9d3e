/**
 * What a payload looks like, without what it says: letters become `a` and `A`, digits `0`, and every byte beyond ASCII `~`, so
 * that neither words nor secrets of any script are left; spaces and punctuation stay, for they show the form, and control
 * characters are spelled. The caller bounds the bytes.
 */
export function payloadExcerpt(bytes: Uint8Array): string {
  let excerpt = '';
  for (const byte of bytes) excerpt += shapeOf(byte);
  return excerpt;
}

function shapeOf(byte: number): string {
  if (byte >= 0x80) return '~';
  if (byte < 0x20 || byte === 0x7f) return `\\x${byte.toString(16).padStart(2, '0')}`;
  const char = String.fromCharCode(byte);
  if (/[a-z]/.test(char)) return 'a';
  if (/[A-Z]/.test(char)) return 'A';
  return /\d/.test(char) ? '0' : char;
}
