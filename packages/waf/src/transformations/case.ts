/** ASCII letters only: bytes above 0x7F belong to an encoding that we do not know. */
export function lowercase(text: string): string {
  if (!/[A-Z]/.test(text)) return text;
  if (!/[\x80-\xff]/.test(text)) return text.toLowerCase();
  return text.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** ASCII letters only, as `lowercase`. */
export function uppercase(text: string): string {
  if (!/[a-z]/.test(text)) return text;
  return text.replaceAll(/[a-z]+/g, (letters) => letters.toUpperCase());
}
