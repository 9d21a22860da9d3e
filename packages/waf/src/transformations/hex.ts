/** The value of the hexadecimal digit at `index`, -1 when there is none. */
export function hexDigit(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const folded = code | 0x20;
  return folded >= 0x61 && folded <= 0x66 ? folded - 0x57 : -1;
}

/** The byte that two hexadecimal digits at `index` spell, -1 when they are not two digits. */
export function hexByte(text: string, index: number): number {
  const high = hexDigit(text, index);
  const low = hexDigit(text, index + 1);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/** The number that four hexadecimal digits at `index` spell, -1 when they are not four digits. */
export function hexWord(text: string, index: number): number {
  const high = hexByte(text, index);
  const low = hexByte(text, index + 2);
  return high < 0 || low < 0 ? -1 : high * 256 + low;
}
