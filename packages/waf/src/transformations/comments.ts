import { lowercase } from './case.ts';

/**
 * What a shell makes of a command line: quotes, carets and backslashes vanish, commas, semicolons and runs of white
 * space become one space, spaces before `/` and `(` vanish, letters become small.
 */
export function cmdLine(text: string): string {
  if (!/[\\"'^,;\s/(A-Z]/.test(text)) return text;
  const spaced = text.replaceAll(/[\\"'^]+/g, '').replaceAll(/[,;\t-\r ]+/g, ' ');
  return lowercase(spaced.replaceAll(' /', '/').replaceAll(' (', '('));
}

/** Each C comment becomes one space, also one that does not end. */
export function replaceComments(text: string): string {
  let begin = text.indexOf('/*');
  if (begin < 0) return text;
  let out = '';
  let from = 0;
  while (begin >= 0) {
    out += `${text.slice(from, begin)} `;
    const end = text.indexOf('*/', begin + 2);
    if (end < 0) return out;
    from = end + 2;
    begin = text.indexOf('/*', from);
  }
  return out + text.slice(from);
}

/**
 * Comments of C, HTML, SQL and shells vanish. As ModSecurity 2 does it: the byte behind a comment is kept whatever it
 * is, and it is NUL at the end of the text.
 */
export function removeComments(text: string): string {
  let out = '';
  let index = 0;
  while (index < text.length) {
    const opening = text.startsWith('/*', index) ? 2 : text.startsWith('<!--', index) ? 4 : 0;
    if (opening === 0) {
      if (text[index] === '#' || text.startsWith('--', index)) return out;
      out += text.charAt(index);
      index += 1;
      continue;
    }
    const end = commentEnd(text, index + opening);
    if (end < 0) return `${out} `;
    out += end < text.length ? text.charAt(end) : '\0';
    index = end + 1;
  }
  return out === text ? text : out;
}

/** Only the marks of comments vanish, what they hide stays. */
export function removeCommentsChar(text: string): string {
  return text.replaceAll(/\/\*|\*\/|<!--|-->|--|#/g, '');
}

function commentEnd(text: string, from: number): number {
  for (let index = from; index < text.length; index += 1) {
    if (text.startsWith('*/', index)) return index + 2;
    if (text.startsWith('-->', index)) return index + 3;
  }
  return -1;
}
