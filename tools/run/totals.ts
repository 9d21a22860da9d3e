/** What a program counted. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
}

/** How a program says what it counted; `none`: it counts nothing. */
export type TotalsFormat = 'none' | 'vitest' | 'node-test' | 'suite' | 'campaign';

export const NO_TOTALS: Totals = { passed: 0, failed: 0 };

export function addTotals(a: Totals, b: Totals): Totals {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed };
}

export interface TotalsReading {
  readonly totals: Totals;
  readonly figures: string;
  /** Why the output of a program that ended with 0 is not good all the same; '' when it is. */
  readonly complaint: string;
}

/**
 * Reads the totals from a program's output.
 *
 * A program that should have counted and did not is a complaint, and so is a skipped test: a part that cannot run has to
 * fail with what it misses, because nobody reads the word `skipped`.
 */
export function readTotals(format: TotalsFormat, output: string): TotalsReading {
  switch (format) {
    case 'none':
      return { totals: NO_TOTALS, figures: '', complaint: '' };
    case 'vitest':
      return readCounts(vitestCounts(output));
    case 'node-test':
      return readCounts(nodeTestCounts(output));
    case 'suite':
      return readSuite(output);
    case 'campaign':
      return readCampaign(output);
  }
}

type Counts = ReadonlyMap<string, number>;

/** vitest prints `Tests  1 failed | 85 passed | 2 skipped (88)`. */
function vitestCounts(output: string): Counts {
  const line = /^\s*Tests\s+(.*)\(\d+\)\s*$/m.exec(output)?.[1] ?? '';
  return new Map(line.matchAll(/(\d+) (\w+)/g).map(([, count, word]) => [word ?? '', Number(count)]));
}

/** node:test prints one line per word: `ℹ pass 12`. */
function nodeTestCounts(output: string): Counts {
  const words = new Map([
    ['pass', 'passed'],
    ['fail', 'failed'],
    ['cancelled', 'cancelled'],
    ['skipped', 'skipped'],
    ['todo', 'todo'],
  ]);
  const lines = output.matchAll(/^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$/gm);
  return new Map(lines.map(([, word, count]) => [words.get(word ?? '') ?? '', Number(count)]));
}

function readCounts(counts: Counts): TotalsReading {
  const totals = {
    passed: counts.get('passed') ?? 0,
    failed: (counts.get('failed') ?? 0) + (counts.get('cancelled') ?? 0),
  };
  const skipped = (counts.get('skipped') ?? 0) + (counts.get('todo') ?? 0);
  if (skipped > 0) return { totals, figures: '', complaint: `${skipped} skipped or unwritten tests` };
  if (totals.passed + totals.failed === 0) return { totals, figures: '', complaint: 'it ran no test' };
  return { totals, figures: '', complaint: '' };
}

/** A conformance suite ends with `NAME: P passed, F failed, E excluded`. */
function readSuite(output: string): TotalsReading {
  const match = /^\S+: (\d+) passed, (\d+) failed, (\d+) excluded$/m.exec(output);
  if (match === null) return { totals: NO_TOTALS, figures: '', complaint: 'it printed no result' };
  const totals = { passed: Number(match[1]), failed: Number(match[2]) };
  const complaint = totals.passed === 0 ? 'no case passed' : '';
  return { totals, figures: `${match[3]} excluded`, complaint };
}

/** A campaign ends with `NAME: seed=S count=C failures=F ...` and counts as one test. */
function readCampaign(output: string): TotalsReading {
  const match = /^\S+: (seed=\d+ count=(\d+) failures=(\d+).*)$/m.exec(output);
  if (match === null) return { totals: NO_TOTALS, figures: '', complaint: 'it printed no result' };
  const figures = match[1]?.trimEnd() ?? '';
  if (Number(match[2]) === 0) return { totals: { passed: 0, failed: 1 }, figures, complaint: 'it tried nothing' };
  const hasFailed = Number(match[3]) > 0;
  return { totals: { passed: hasFailed ? 0 : 1, failed: hasFailed ? 1 : 0 }, figures, complaint: '' };
}
