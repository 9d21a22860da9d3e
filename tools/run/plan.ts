import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { campaignNames } from '../soak.ts';
import type { Step } from './step.ts';

/** Steps that may run side by side. */
export interface Phase {
  readonly name: string;
  /** How many at a time. The house counts on two cores. */
  readonly lanes: number;
  readonly steps: readonly Step[];
}

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Seconds a campaign runs in `npm test`; its full count is `npm run soak`. */
const CAMPAIGN_SECONDS = 30;

/** Nothing of `npm run check` takes longer on a machine that is not broken. */
const CHECK_MS_MAX = 900_000;

/** One conformance suite or one file of end-to-end tests, in milliseconds. */
const SUITE_MS_MAX = 300_000;

/** What every commit has to hold; the longest first. */
export function checkPhases(): readonly Phase[] {
  const steps: readonly Step[] = [
    { ...check('unit tests', 'vitest', 'run', '--exclude', 'tools/**'), format: 'vitest' },
    { ...check('house rules', 'vitest', 'run', 'tools/'), format: 'vitest' },
    check('types', 'tsc', '--noEmit', '-p', 'tsconfig.json'),
    // What runs in a page knows the DOM, and nothing else may.
    check('types in the browser', 'tsc', '--noEmit', '-p', 'e2e/tsconfig.json'),
    check('lint', 'oxlint', '--type-aware', '--deny-warnings'),
    check('format and imports', 'biome', 'ci', '--colors=off', '.'),
    check('layers', 'node', 'tools/layers.ts'),
    check('dependencies', 'node', 'tools/dependencies.ts'),
    check('generated documents', 'node', 'tools/generate.ts', '--check'),
    check('dead code', 'knip', '--no-progress', '--no-config-hints'),
  ];
  return [{ name: 'check', lanes: 2, steps }];
}

/** Everything. Campaigns start from `seed`. */
export function testPhases(seed: number): readonly Phase[] {
  const parts: Phase = {
    name: 'parts',
    lanes: 2,
    steps: [
      check('system programs', 'sh', 'tools/setup-system.sh', '--check'),
      check('test data', 'node', 'tools/data.ts', '--check'),
    ],
  };
  // End-to-end tests start whole systems with timeouts of their own: one at a time, or they starve one another.
  return [
    parts,
    ...checkPhases(),
    { name: 'conformance', lanes: 2, steps: conformanceSteps() },
    { name: 'end to end', lanes: 1, steps: endToEndSteps() },
    { name: 'campaigns', lanes: 2, steps: campaignSteps(seed) },
  ];
}

function check(name: string, ...command: Step['command']): Step {
  return { name, command, timeoutMs: CHECK_MS_MAX, format: 'none' };
}

function conformanceSteps(): readonly Step[] {
  return globSync('conformance/*.suite.ts', { cwd: ROOT })
    .toSorted()
    .map((file) => basename(file, '.suite.ts'))
    .map((name) => ({
      name: `conformance ${name}`,
      command: ['node', 'conformance/main.ts', name, '--sample'],
      timeoutMs: SUITE_MS_MAX,
      format: 'suite',
    }));
}

function endToEndSteps(): readonly Step[] {
  return globSync('e2e/**/*.test.ts', { cwd: ROOT, exclude: ['**/node_modules/**'] })
    .toSorted()
    .map((file) => ({
      name: file.replace(/\.test\.ts$/, ''),
      command: ['node', '--test', '--test-reporter=spec', file],
      timeoutMs: SUITE_MS_MAX,
      format: 'node-test',
    }));
}

function campaignSteps(seed: number): readonly Step[] {
  return campaignNames().map((name) => ({
    name: `campaign ${name}`,
    command: ['node', 'tools/soak.ts', name, '--seed', String(seed), '--seconds', String(CAMPAIGN_SECONDS)],
    timeoutMs: (CAMPAIGN_SECONDS + 60) * 1000,
    format: 'campaign',
  }));
}
