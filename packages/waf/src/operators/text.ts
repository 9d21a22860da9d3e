import { parseMacro } from '../seclang/macro.ts';
import type { Operator } from './operator.ts';

export type TextName = 'beginswith' | 'contains' | 'containsword' | 'endswith' | 'streq' | 'strmatch' | 'within';

/** Compares with a text in which macros are expanded. Case counts. */
export function textual(name: TextName, argument: string): Operator {
  const macro = parseMacro(argument);
  const compare = COMPARISONS[name];
  const { constant } = macro;
  if (constant !== undefined) return (text, run) => report(compare(text, constant), text, run);
  return (text, run) => report(compare(text, run.expand(macro)), text, run);
}

function report(isMatch: boolean, text: string, { captures }: { captures: string[] | undefined }): boolean {
  if (isMatch && captures !== undefined) captures[0] = text;
  return isMatch;
}

const COMPARISONS: Readonly<Record<TextName, (text: string, argument: string) => boolean>> = {
  beginswith: (text, argument) => text.startsWith(argument),
  contains: (text, argument) => text.includes(argument),
  containsword: containsWord,
  endswith: (text, argument) => text.endsWith(argument),
  streq: (text, argument) => text === argument,
  strmatch: (text, argument) => text.includes(argument),
  within: (text, argument) => argument.includes(text),
};

/** A word ends where no letter follows, and begins where none stands before. */
function containsWord(text: string, word: string): boolean {
  if (word === '') return true;
  for (let index = text.indexOf(word); index >= 0; index = text.indexOf(word, index + 1)) {
    if (!isLetter(text.charCodeAt(index - 1)) && !isLetter(text.charCodeAt(index + word.length))) return true;
  }
  return false;
}

function isLetter(code: number): boolean {
  const folded = code | 0x20;
  return folded >= 0x61 && folded <= 0x7a;
}
