import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTotals, type Totals, type TotalsFormat } from './totals.ts';

/** One program that has to end well. */
export interface Step {
  readonly name: string;
  /** Program and arguments; programs of node_modules/.bin come first, so `node` is the locked one. */
  readonly command: readonly [string, ...string[]];
  /** Killed with everything it started after this many milliseconds. */
  readonly timeoutMs: number;
  /** How its output says what it counted. */
  readonly format: TotalsFormat;
}

/** How a step ended. */
export interface Outcome {
  readonly name: string;
  readonly isGood: boolean;
  /** Why it is not good; '' when it is. */
  readonly why: string;
  readonly seconds: number;
  readonly totals: Totals;
  /** What a campaign says of itself; '' for everything else. */
  readonly figures: string;
  /** Both streams, in the order they came. */
  readonly output: string;
}

/** Characters of output kept per step: a test that prints in a loop must not exhaust the machine. The end is kept. */
const OUTPUT_LENGTH_MAX = 4_000_000;

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a step to its end. Never rejects: a program that cannot start is an outcome too. */
export async function runStep(step: Step): Promise<Outcome> {
  const startMs = performance.now();
  const { exit, output } = await run(step);
  const seconds = (performance.now() - startMs) / 1000;
  const { totals, figures, complaint } = readTotals(step.format, output);
  const why = exit === '' ? complaint : exit;
  const isGood = why === '';
  const counted = isGood || totals.failed > 0 ? totals : { ...totals, failed: 1 };
  return { name: step.name, isGood, why, seconds, totals: counted, figures, output };
}

interface Run {
  /** '' when the program ended with 0. */
  readonly exit: string;
  readonly output: string;
}

async function run({ command: [program, ...args], timeoutMs }: Step): Promise<Run> {
  // In a process group of its own: what a test started and forgot ends with it.
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${ROOT}node_modules/.bin${delimiter}${process.env['PATH'] ?? ''}`,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
    },
  });
  const killGroup = (): void => killProcessGroup(child.pid);
  process.once('exit', killGroup);
  let output = '';
  const keep = (piece: string): void => {
    output = (output + piece).slice(-OUTPUT_LENGTH_MAX);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    killGroup();
  }, timeoutMs);
  const exit = await new Promise<string>((resolve) => {
    child.once('error', (cause) => resolve(`${program} did not start: ${cause.message}`));
    child.once('exit', (code, signal) => {
      // What is left of the group would keep our pipes open.
      killGroup();
      if (isLate) resolve(`not done after ${Math.round(timeoutMs / 1000)} s`);
      else resolve(code === 0 ? '' : `ended with ${code ?? signal}`);
    });
  });
  clearTimeout(timer);
  process.off('exit', killGroup);
  await drained(child.stdout, child.stderr);
  return { exit, output };
}

/** Waits until what a dead program wrote has been read. */
async function drained(...streams: readonly NodeJS.ReadableStream[]): Promise<void> {
  await Promise.all(
    streams.map(async (stream) => {
      if (!stream.readable) return;
      await new Promise<void>((resolve) => {
        stream.once('close', resolve);
        stream.once('end', resolve);
      });
    }),
  );
}

function killProcessGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: the group ended by itself, which is what we want.
  }
}
