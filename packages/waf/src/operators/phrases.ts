import type { Operator } from './operator.ts';
import type { Patterns } from './pattern.ts';

/** `@pm`: one of the phrases occurs, in any case. TX.0 is the phrase as the rule wrote it. */
export function phraseList(phrases: readonly string[], patterns: Patterns): Operator {
  const number = phraseListNumber(phrases, patterns);
  return (text, { captures }) => {
    const { set, member, subset } = patterns.phrasesAt(number);
    if (set.matchBytes(text, subset).length === 0) return false;
    if (captures !== undefined) captures[0] = phrases[set.phraseFound(member)?.phrase ?? 0] ?? '';
    return true;
  };
}

/** The number of the phrase list among the patterns of the rule set. */
export function phraseListNumber(phrases: readonly string[], patterns: Patterns): number {
  return patterns.addPhrases(phrases.map(lowered));
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
