/**
 * Writes the documents that are made from the sources: `npm run generate`. With `--check` it only compares, and fails
 * when one is out of date: a new reason, metric, option or proof changes its document in the same commit.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ALIASES } from '../packages/cli/src/metrics/aliases.ts';
import { renderAdminApi, renderConfigurationReference, renderJsonSchema } from '../packages/control/src/index.ts';
import { renderDashboard } from './generate/dashboard.ts';
import { renderEvents } from './generate/events.ts';
import { metricsIn, renderMetrics } from './generate/metrics.ts';
import { renderReasons } from './generate/reasons.ts';
import { readCoverage, renderRequirements } from './requirements.ts';
import { ROOT, readScan, readText, workspaceFiles } from './source/files.ts';

interface GeneratedDocument {
  readonly path: string;
  readonly render: () => string;
}

const DOCUMENTS: readonly GeneratedDocument[] = [
  { path: 'docs/reference/configuration.md', render: renderConfigurationReference },
  { path: 'docs/reference/sallyport.schema.json', render: renderJsonSchema },
  { path: 'docs/reference/admin-api.json', render: renderAdminApi },
  { path: 'docs/reference/reasons.md', render: renderReasons },
  { path: 'docs/events.md', render: renderEvents },
  {
    path: 'docs/reference/metrics.md',
    render: () =>
      renderMetrics(
        productFiles().flatMap((path) => metricsIn(path, readScan(path))),
        ALIASES,
      ),
  },
  { path: 'deploy/grafana/sallyport.json', render: renderDashboard },
  { path: 'docs/requirements.md', render: () => renderRequirements(readCoverage()) },
];

function main(): void {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const stale = DOCUMENTS.map(({ path, render }) => ({ path, text: render() })).filter(
    ({ path, text }) => textOf(path) !== text,
  );
  for (const { path, text } of stale) {
    if (values.check) console.error(`${path} is out of date; run \`npm run generate\``);
    else write(path, text);
  }
  process.exitCode = values.check && stale.length > 0 ? 1 : 0;
}

function productFiles(): readonly string[] {
  return workspaceFiles().filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path));
}

/** '' for a document that does not exist yet. */
function textOf(path: string): string {
  return existsSync(join(ROOT, path)) ? readText(path) : '';
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(ROOT, path)), { recursive: true });
  writeFileSync(join(ROOT, path), text);
  console.log(`wrote ${path}`);
}

main();
