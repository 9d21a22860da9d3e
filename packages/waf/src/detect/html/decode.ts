/**
 * A value as the URL parser of a browser sees it: character references decoded, tabs, newlines and control characters
 * taken out, in lower case. Only as many characters as are asked for: a scheme stands at the beginning.
 */
export function decodedPrefix(text: string, lengthMax: number): string {
  let out = '';
  let at = 0;
  while (at < text.length && out.length < lengthMax) {
    let code = text.charCodeAt(at);
    if (code === 0x26) {
      const reference = referenceAt(text, at);
      code = reference.code;
      at = reference.next;
    } else at += 1;
    // Browsers drop tab, newline and carriage return anywhere and C0 controls and spaces in front.
    if (code > 0x20 || (out !== '' && code === 0x20)) out += String.fromCharCode(code);
  }
  return out.toLowerCase();
}

/** What stands for the reference at `at`, itself where it is none, and where the next character begins. */
function referenceAt(text: string, at: number): { readonly code: number; readonly next: number } {
  return text.charCodeAt(at + 1) === 0x23 ? numericReference(text, at) : namedReference(text, at);
}

/** WHATWG HTML 13.2.5.75 to 80: the semicolon is optional, any number of zeros may stand in front. */
function numericReference(text: string, at: number): { code: number; next: number } {
  const isHex = (text.charCodeAt(at + 2) | 0x20) === 0x78;
  const first = isHex ? at + 3 : at + 2;
  let next = first;
  let code = 0;
  for (; next < text.length; next++) {
    const digit = Number.parseInt(text.charAt(next), isHex ? 16 : 10);
    if (Number.isNaN(digit)) break;
    // A larger number is no character; it must not wrap around to one.
    code = Math.min(code * (isHex ? 16 : 10) + digit, 0x11_0000);
  }
  if (next === first) return { code: 0x26, next: at + 1 };
  if (text.charCodeAt(next) === 0x3b) next++;
  return { code: Math.min(code, 0xffff), next };
}

/** Names of the characters that a scheme is written or hidden with. */
const NAMED: readonly (readonly [name: string, code: number])[] = [
  ['tab;', 0x09],
  ['newline;', 0x0a],
  ['colon;', 0x3a],
  ['lpar;', 0x28],
  ['rpar;', 0x29],
  ['sol;', 0x2f],
  ['comma;', 0x2c],
  ['amp;', 0x26],
  ['nbsp;', 0x20],
  ['quot;', 0x22],
  ['apos;', 0x27],
  ['lt;', 0x3c],
  ['gt;', 0x3e],
];

function namedReference(text: string, at: number): { code: number; next: number } {
  const name = text.slice(at + 1, at + 9).toLowerCase();
  for (const [candidate, code] of NAMED) {
    if (name.startsWith(candidate)) return { code, next: at + 1 + candidate.length };
  }
  return { code: 0x26, next: at + 1 };
}
