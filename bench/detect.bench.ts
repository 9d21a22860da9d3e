import { readCorpora } from '../conformance/injection/corpora.ts';
import { type CorpusFigures, figuresOf, foundCount, microsecondsPerValue } from '../conformance/injection/figures.ts';
import { dataFolder } from '../conformance/main.ts';
import type { BenchOptions, BenchResult } from './main.ts';

/**
 * What the payload detectors find and what they cost. Recall is the share of all attack lines of one kind that are found,
 * false positives the share of harmless values: `_fp` of a shop's parameters, `_hard_fp` of a list of values that another
 * detector once took for attacks. The figures are those of the half of the data that nobody developed on; those of the
 * other half end with `_seen`. `macro` is the mean over the lists, so that one long list does not decide.
 * `us_per_value` is both detectors over the shop's parameters, `attack_us_per_value` over the attacks.
 */
export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const corpora = readCorpora(dataFolder());
  const figures = figuresOf(corpora);
  for (const { name, half, values, sqli, xss } of figures) {
    console.log(`${half.padEnd(6)} ${String(values).padStart(6)} values, sqli ${sqli}, xss ${xss}: ${name}`);
  }
  const rounds = quick ? 7 : 21;
  const valuesOf = (isAttack: boolean): string[] =>
    corpora.filter(({ kind }) => (kind !== 'benign') === isAttack).flatMap(({ values }) => values);
  const usPerValue = microsecondsPerValue(valuesOf(false), rounds);
  const attackUsPerValue = microsecondsPerValue(valuesOf(true), rounds);
  return {
    figures: {
      sqli_recall: share(figures, 'sqli', 'unseen'),
      xss_recall: share(figures, 'xss', 'unseen'),
      sqli_macro: macro(figures, 'sqli'),
      xss_macro: macro(figures, 'xss'),
      sqli_fp: falsePositives(figures, 'sqli', 'http-params norm'),
      xss_fp: falsePositives(figures, 'xss', 'http-params norm'),
      sqli_hard_fp: falsePositives(figures, 'sqli', 'false_positives.txt'),
      xss_hard_fp: falsePositives(figures, 'xss', 'false_positives.txt'),
      sqli_recall_seen: share(figures, 'sqli', 'seen'),
      xss_recall_seen: share(figures, 'xss', 'seen'),
      us_per_value: Number(usPerValue.toFixed(2)),
      attack_us_per_value: Number(attackUsPerValue.toFixed(2)),
    },
    detail: { figures, found: foundCount() },
  };
}

function share(figures: readonly CorpusFigures[], kind: 'sqli' | 'xss', half: CorpusFigures['half']): string {
  const chosen = figures.filter((each) => each.kind === kind && each.half === half);
  return percent(sum(chosen.map((each) => each[kind])), sum(chosen.map(({ values }) => values)));
}

/** Of the unseen half. */
function macro(figures: readonly CorpusFigures[], kind: 'sqli' | 'xss'): string {
  const chosen = figures.filter((each) => each.kind === kind && each.half === 'unseen' && each.values > 0);
  return percent(sum(chosen.map((each) => each[kind] / each.values)), chosen.length);
}

/** Of the unseen half. */
function falsePositives(figures: readonly CorpusFigures[], kind: 'sqli' | 'xss', name: string): string {
  const found = figures.find((each) => each.name === name && each.half === 'unseen');
  return percent(found?.[kind] ?? 0, found?.values ?? 0);
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(2)}%`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
