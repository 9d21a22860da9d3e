import { detectors } from '@sallyport/waf';
import { type Corpus, type Half, halfOf } from './corpora.ts';

/** What the detectors find in one corpus. */
export interface CorpusFigures {
  readonly name: string;
  readonly kind: Corpus['kind'];
  readonly half: Half;
  readonly values: number;
  readonly sqli: number;
  readonly xss: number;
}

/** Runs the detectors of the product over both halves of every corpus. */
export function figuresOf(corpora: readonly Corpus[]): readonly CorpusFigures[] {
  return corpora.flatMap(({ name, kind, values }) =>
    (['seen', 'unseen'] as const).map((half) => {
      const chosen = values.filter((value) => halfOf(value) === half);
      const sqli = chosen.filter((value) => detectors.sqli(value) !== undefined).length;
      const xss = chosen.filter((value) => detectors.xss(value)).length;
      return { name, kind, half, values: chosen.length, sqli, xss };
    }),
  );
}

/** Microseconds of processor time that both detectors take for a value, as the median of rounds. */
export function microsecondsPerValue(values: readonly string[], rounds: number): number {
  const samples = Array.from({ length: rounds }, () => {
    const start = process.cpuUsage();
    for (const value of values) inspect(value);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / values.length;
  });
  return samples.toSorted((left, right) => left - right)[rounds >> 1] ?? 0;
}

/** Counts, so that nothing can be optimised away. */
let found = 0;

function inspect(value: string): void {
  if (detectors.sqli(value) !== undefined || detectors.xss(value)) found++;
}

/** Values in which something was found by `microsecondsPerValue`, in all rounds. */
export function foundCount(): number {
  return found;
}
