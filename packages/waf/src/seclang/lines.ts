/** One directive of a file: its words, and the line it began on. */
export interface Directive {
  readonly line: number;
  readonly words: readonly string[];
  /** Why the words could not be read. */
  readonly problem?: string;
}

/**
 * Cuts a file into directives as Apache's configuration reader does: a backslash at the end of a line joins it with the
 * next, a line that begins with `#` is a comment (and goes on where it ends with a backslash).
 */
export function* directivesOf(text: string): Generator<Directive> {
  let joined = '';
  let begin = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (joined === '') begin = index + 1;
    if (line.endsWith('\\')) {
      joined += line.slice(0, -1);
      continue;
    }
    yield* directiveOf(joined + line, begin);
    joined = '';
  }
  if (joined !== '') yield* directiveOf(joined, begin);
}

function* directiveOf(text: string, line: number): Generator<Directive> {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.startsWith('#')) return;
  const words: string[] = [];
  let index = 0;
  while (index < trimmed.length) {
    const word = wordAt(trimmed, index);
    if (word === undefined) {
      yield { line, words, problem: 'a quotation mark is not closed' };
      return;
    }
    words.push(word.text);
    index = word.end;
    while (isSpace(trimmed, index)) index += 1;
  }
  yield { line, words };
}

/** The word at `begin`: quoted, where a backslash protects the quotation mark and itself, or up to white space. */
function wordAt(text: string, begin: number): { text: string; end: number } | undefined {
  const quote = text[begin] === '"' || text[begin] === "'" ? text.charAt(begin) : '';
  let word = '';
  for (let index = begin + quote.length; index < text.length; index += 1) {
    const next = text.charAt(index + 1);
    const isProtected = text[index] === '\\' && next !== '' && (next === '\\' || next === quote);
    if (isProtected) {
      word += next;
      index += 1;
      continue;
    }
    if (quote === '' ? isSpace(text, index) : text[index] === quote) return { text: word, end: index + quote.length };
    word += text.charAt(index);
  }
  return quote === '' ? { text: word, end: text.length } : undefined;
}

function isSpace(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x09;
}
