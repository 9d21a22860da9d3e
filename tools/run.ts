/**
 * Runs the house's checks and prints one line for each: `npm run check` (some minutes) and `npm test` (under
 * half an hour).
 *
 * Every failure is shown at the end, in full, and the last line is `P passed, F failed`: the tests of vitest and node:test,
 * the cases of the conformance suites and the campaigns. A check that has no tests of its own counts as one failure when
 * it fails, so that the line never says `0 failed` of a run that failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkPhases, type Phase, testPhases } from './run/plan.ts';
import { type Outcome, runStep, type Step } from './run/step.ts';
import { addTotals, NO_TOTALS } from './run/totals.ts';

/**
 * The whole of `npm test`, in milliseconds: a run that hangs must not hold the only build machine for hours. It takes 16 to 19
 * minutes on two quiet cores.
 */
const RUN_MS_MAX = 28 * 60_000;

/** Lines of a failed step's output that are shown: the end is where tools say what is wrong. */
const OUTPUT_LINES_MAX = 300;

/** Where the totals of the last run lie, for `.ci/run`. */
const TOTALS_FILE = new URL('../.cache/run/totals', import.meta.url);

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, only: { type: 'string' } },
  });
  const seed = values.seed === undefined ? Math.trunc(Math.random() * 2 ** 31) : Number(values.seed);
  const phases = phasesOf(positionals[0], seed);
  if (phases === undefined || !Number.isSafeInteger(seed)) {
    console.error('usage: node tools/run.ts check|test [--only PART-OF-A-NAME] [--seed INTEGER]');
    process.exit(64);
  }
  // The steps' programs live in groups of their own and would outlive us; leaving by `exit` ends them.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  const endMs = performance.now() + RUN_MS_MAX;
  const outcomes: Outcome[] = [];
  for (const phase of phases) {
    if (phase.steps.length === 0) outcomes.push(nothingOf(phase));
    const steps = phase.steps.filter(({ name }) => name.includes(values.only ?? ''));
    outcomes.push(...(await runPhase(steps, phase.lanes, endMs)));
  }
  const failed = outcomes.filter(({ isGood }) => !isGood);
  for (const outcome of failed) showFailure(outcome);
  const totals = outcomes.map((outcome) => outcome.totals).reduce(addTotals, NO_TOTALS);
  const line = `${totals.passed} passed, ${totals.failed} failed`;
  mkdirSync(fileURLToPath(new URL('.', TOTALS_FILE)), { recursive: true });
  writeFileSync(TOTALS_FILE, `${line}\n`);
  if (failed.length > 0) console.log(`\nnot good: ${failed.map(({ name }) => name).join(', ')}`);
  console.log(`\n${line}`);
  process.exitCode = failed.length === 0 && outcomes.length > 0 ? 0 : 1;
}

function phasesOf(command: string | undefined, seed: number): readonly Phase[] | undefined {
  switch (command) {
    case 'check':
      return checkPhases();
    case 'test':
      return testPhases(seed);
    default:
      return undefined;
  }
}

/** Runs the steps of one phase in order, `lanes` at a time. */
async function runPhase(steps: readonly Step[], lanes: number, endMs: number): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const waiting = [...steps];
  const lane = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const leftMs = Math.max(1, endMs - performance.now());
      const outcome = await runStep({ ...step, timeoutMs: Math.min(step.timeoutMs, leftMs) });
      outcomes.push(outcome);
      showLine(outcome);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return outcomes;
}

/** A part of the tests that has lost its files must not look like one that passed. */
function nothingOf({ name }: Phase): Outcome {
  const totals = { passed: 0, failed: 1 };
  return { name, isGood: false, why: 'there is nothing to run', seconds: 0, totals, figures: '', output: '' };
}

function showLine({ name, isGood, seconds, totals, figures }: Outcome): void {
  const counted = totals.passed + totals.failed === 0 ? '' : `${totals.passed} passed, ${totals.failed} failed`;
  const words = [isGood ? 'ok  ' : 'FAIL', name.padEnd(28), `${seconds.toFixed(1)} s`.padStart(8), counted, figures];
  console.log(words.join('  ').trimEnd());
}

function showFailure({ name, why, output }: Outcome): void {
  const lines = output.trimEnd().split('\n');
  const shown = lines.slice(-OUTPUT_LINES_MAX);
  console.log(`\n--- ${name}: ${why}`);
  if (shown.length < lines.length) console.log(`(${lines.length - shown.length} lines before these)`);
  console.log(shown.join('\n'));
}

await main();
