import { writer } from './byte-writer.ts';

/**
 * What a shell makes of a command line: quotes, carets and backslashes vanish, commas, semicolons and runs of white
 * space become one space, spaces before `/` and `(` vanish, letters become small.
 */
export function cmdLine(text: string): string {
  if (!/[\\"'^,;\s/(A-Z]/.test(text)) return text;
  const bytes = writer.over(text);
  let length = 0;
  let isSpaceDue = false;
  for (let index = 0; index < text.length; index += 1) {
    const byte = bytes[index] ?? 0;
    const kind = SHELL[byte] ?? 0;
    if (kind === DROPPED) continue;
    if (kind === SEPARATOR) {
      isSpaceDue = true;
      continue;
    }
    // Each space stands for a separator that was read.
    if (isSpaceDue && kind !== CLOSES_UP) bytes[length++] = SPACE;
    isSpaceDue = false;
    bytes[length++] = kind === LETTER ? byte + 0x20 : byte;
  }
  if (isSpaceDue) bytes[length++] = SPACE;
  writer.cut(length);
  return writer.text();
}

const DROPPED = 1;
const SEPARATOR = 2;
const CLOSES_UP = 3;
const LETTER = 4;
const SPACE = 0x20;

/** By byte, what `cmdLine` does with it; 0 where it stays. */
const SHELL: Uint8Array = new Uint8Array(256);
for (const [bytes, kind] of [
  ['\\"\'^', DROPPED],
  [',;\t\n\v\f\r ', SEPARATOR],
  ['/(', CLOSES_UP],
  ['ABCDEFGHIJKLMNOPQRSTUVWXYZ', LETTER],
] as const) {
  for (const byte of bytes) SHELL[byte.charCodeAt(0)] = kind;
}

/** Each C comment becomes one space, also one that does not end. */
export function replaceComments(text: string): string {
  let begin = text.indexOf('/*');
  if (begin < 0) return text;
  writer.begin(text.length);
  let from = 0;
  while (begin >= 0) {
    writer.copy(text, from, begin);
    writer.byte(SPACE);
    const end = text.indexOf('*/', begin + 2);
    if (end < 0) return writer.text();
    from = end + 2;
    begin = text.indexOf('/*', from);
  }
  writer.copy(text, from, text.length);
  return writer.text();
}

/**
 * Comments of C, HTML, SQL and shells vanish. As ModSecurity 2 does it: the byte behind a comment is kept whatever it
 * is, and it is NUL at the end of the text.
 */
export function removeComments(text: string): string {
  writer.begin(text.length);
  let isChanged = false;
  let index = 0;
  while (index < text.length) {
    const code = text.charCodeAt(index);
    if (code === 0x23 || (code === HYPHEN && text.charCodeAt(index + 1) === HYPHEN)) return writer.text();
    const opening = openingAt(text, index, code);
    if (opening === 0) {
      writer.byte(code);
      index += 1;
      continue;
    }
    isChanged = true;
    const end = commentEnd(text, index + opening);
    writer.byte(end < 0 ? SPACE : end < text.length ? text.charCodeAt(end) : 0);
    if (end < 0) return writer.text();
    index = end + 1;
  }
  return isChanged ? writer.text() : text;
}

/** Only the marks of comments vanish, what they hide stays. */
export function removeCommentsChar(text: string): string {
  return text.replaceAll(/\/\*|\*\/|<!--|-->|--|#/g, '');
}

const HYPHEN = 0x2d;

/** The length of the mark that opens a comment at `index`, where `code` stands; 0 for none. */
function openingAt(text: string, index: number, code: number): number {
  if (code === 0x2f) return text.charCodeAt(index + 1) === 0x2a ? 2 : 0;
  return code === 0x3c && text.startsWith('<!--', index) ? 4 : 0;
}

function commentEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x2a && text.charCodeAt(index + 1) === 0x2f) return index + 2;
    if (code === HYPHEN && text.startsWith('-->', index)) return index + 3;
  }
  return -1;
}
