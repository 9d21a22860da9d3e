/**
 * Runs one external suite: `npm run conformance -- NAME [--json] [--sample]`. Exits 1 when a case fails.
 *
 * A suite is a file `<name>.suite.ts` in this folder that exports `run`. Its last line is
 * `NAME: P passed, F failed, E excluded`, and every exclusion has a written reason.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export interface SuiteResult {
  readonly passed: number;
  readonly failed: readonly { readonly name: string; readonly why: string }[];
  readonly excluded: readonly { readonly name: string; readonly reason: string }[];
}

export interface Suite {
  /**
   * `dataFolder` is the folder that `npm run data` prepared. `isSample`: a suite that takes minutes may run a part of it that
   * is the same each time, and say so.
   */
  run(dataFolder: string, isSample: boolean): Promise<SuiteResult>;
}

/** Where third-party test data lies: `SALLYPORT_DATA`, else the folder that `npm run data` chose. */
export function dataFolder(): string {
  return process.env['SALLYPORT_DATA'] ?? fileURLToPath(new URL('../.data', import.meta.url));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, sample: { type: 'boolean', default: false } },
  });
  const here = fileURLToPath(new URL('.', import.meta.url));
  const known = readdirSync(here)
    .filter((file) => file.endsWith('.suite.ts'))
    .map((file) => file.slice(0, -'.suite.ts'.length));
  const name = positionals[0];
  if (name === undefined || !known.includes(name)) {
    console.error(`usage: npm run conformance -- NAME [--json] [--sample]; NAME is one of: ${known.join(', ')}`);
    process.exit(64);
  }
  if (!existsSync(dataFolder())) {
    console.error(`there is no test data in ${dataFolder()}: run \`npm run data\``);
    process.exit(1);
  }
  const suite: Suite = await import(`./${name}.suite.ts`);
  const result = await suite.run(dataFolder(), values.sample);
  if (values.json) console.log(JSON.stringify(result, undefined, 2));
  for (const { name: failed, why } of result.failed.slice(0, 50)) console.log(`failed: ${failed}: ${why}`);
  const byReason = Object.groupBy(result.excluded, ({ reason }) => reason);
  for (const [reason, cases] of Object.entries(byReason)) console.log(`excluded: ${cases?.length}: ${reason}`);
  console.log(`${name}: ${result.passed} passed, ${result.failed.length} failed, ${result.excluded.length} excluded`);
  process.exitCode = result.failed.length === 0 ? 0 : 1;
}

if (import.meta.main) await main();
