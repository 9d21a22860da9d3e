/**
 * Runs one benchmark beside its peer: `npm run bench -- NAME [--json] [--quick]`.
 *
 * A benchmark is a file `<name>.bench.ts` in this folder that exports `run`. Its last line is printed last, alone:
 * `NAME: key=value key=value ...`, the figures the documentation cites.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** End within 60 seconds; fewer samples, same method. */
  readonly quick: boolean;
}

/** What a benchmark measured. Numbers are printed as given, so round them in the benchmark. */
export interface BenchResult {
  readonly figures: Readonly<Record<string, number | string>>;
  /** Everything else worth keeping; printed only with `--json`. */
  readonly detail?: unknown;
}

export interface Bench {
  run(options: BenchOptions): Promise<BenchResult>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
});
const here = fileURLToPath(new URL('.', import.meta.url));
const known = readdirSync(here)
  .filter((file) => file.endsWith('.bench.ts'))
  .map((file) => file.slice(0, -'.bench.ts'.length));
const name = positionals[0];
if (name === undefined || !known.includes(name)) {
  console.error(`usage: npm run bench -- NAME [--json] [--quick]; NAME is one of: ${known.join(', ')}`);
  process.exit(64);
}
// What was started ends with us: see `endWith`.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const bench: Bench = await import(`./${name}.bench.ts`);
const result = await bench.run({ quick: values.quick });
if (values.json) console.log(JSON.stringify(result, undefined, 2));
const figures = Object.entries(result.figures).map(([key, value]) => `${key}=${value}`);
console.log(`${name}: ${figures.join(' ')}`);
