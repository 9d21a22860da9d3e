import type { Operator } from './operator.ts';
import type { Patterns } from './pattern.ts';

/** The phrases of a list: looked at when the list is compiled or a phrase is captured, and by no thread that only runs it. */
export interface PhraseList {
  /** What the phrases are made of: equal texts, equal lists. */
  readonly source: string;
  phrases(): readonly string[];
}

/** `@pm`: one of the phrases occurs, in any case. TX.0 is the phrase as the rule wrote it. */
export function phraseList(list: PhraseList, patterns: Patterns): Operator {
  const number = phraseListNumber(list, patterns);
  let written: readonly string[] | undefined;
  return (text, { captures }) => {
    const { set, member, subset } = patterns.phrasesAt(number);
    if (set.matchBytes(text, subset).length === 0) return false;
    if (captures === undefined) return true;
    written ??= list.phrases();
    captures[0] = written[set.phraseFound(member)?.phrase ?? 0] ?? '';
    return true;
  };
}

/** The number of the phrase list among the patterns of the rule set. */
export function phraseListNumber(list: PhraseList, patterns: Patterns): number {
  return patterns.addPhrases(list.source, () => list.phrases().map(lowered));
}

/** The phrases of `@pm`: words, in which `|41 42|` spells bytes. */
export function phrasesOf(argument: string): readonly string[] {
  const bytes = argument.replaceAll(/\|((?:[0-9A-Fa-f]{2}\s*)+)\|/g, (_, digits: string) =>
    digits.replaceAll(/\s*([0-9A-Fa-f]{2})\s*/g, (_pair, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
  );
  return bytes.split(/[ \t]+/).filter((phrase) => phrase !== '');
}

/** The phrases of `@pmFromFile`: one in each line; empty lines and those that begin with `#` are none. */
export function phrasesOfFile(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trim());
  return lines.filter((line) => line !== '' && !line.startsWith('#'));
}

function lowered(phrase: string): string {
  return phrase.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}
