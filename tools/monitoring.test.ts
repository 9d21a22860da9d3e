import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ALIASES } from '../packages/cli/src/metrics/aliases.ts';
import { parseQuery } from '../packages/siem/src/index.ts';
import { renderDashboard } from './generate/dashboard.ts';
import { metricsIn } from './generate/metrics.ts';
import { usesIn } from './generate/promql.ts';
import { ROOT, readScan, workspaceFiles } from './source/files.ts';

/** What a scraper adds to every series. */
const SCRAPED = ['job', 'instance'];

const ALERTS = readFileSync(join(ROOT, 'deploy/prometheus/alerts.yaml'), 'utf8');
const ALERT_TESTS = readFileSync(join(ROOT, 'deploy/prometheus/alerts.test.yaml'), 'utf8');
const RUNBOOKS = readFileSync(join(ROOT, 'docs/runbooks.md'), 'utf8');

/** Labels of every metric that the product registers. */
const KNOWN: ReadonlyMap<string, readonly string[]> = new Map([
  ...workspaceFiles()
    .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
    .flatMap((path) => metricsIn(path, readScan(path)))
    .map(({ name, labels }) => [name, labels] as const),
  ...ALIASES.map(({ name }) => [name, []] as const),
]);

/** What an expression asks for that no gateway says. */
function unknownIn(expression: string): readonly string[] {
  const { metrics, grouped } = usesIn(expression);
  const labelsOf = (metric: string): readonly string[] | undefined => {
    const base = metric.replace(/_(?:bucket|sum|count)$/, '');
    const labels = KNOWN.get(metric) ?? KNOWN.get(base);
    return labels === undefined ? undefined : [...labels, ...SCRAPED, ...(metric.endsWith('_bucket') ? ['le'] : [])];
  };
  return metrics.flatMap(({ metric, labels }) => {
    const known = labelsOf(metric);
    if (known === undefined) return [metric];
    return [...labels, ...grouped].filter((label) => !known.includes(label)).map((label) => `${metric}{${label}}`);
  });
}

describe('what an expression uses', () => {
  test('is read without taking labels for metrics', () => {
    const expression =
      'sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket{http_route="a",job=~"b"}[5m])) > on (instance) process_open_fds';
    expect(usesIn(expression)).toEqual({
      metrics: [
        { metric: 'http_server_request_duration_seconds_bucket', labels: ['http_route', 'job'] },
        { metric: 'process_open_fds', labels: [] },
      ],
      grouped: ['le', 'http_route', 'instance'],
    });
    expect(unknownIn('gateway_http_responses_total{status="500"} + gateway_nothing_total')).toEqual([
      'gateway_http_responses_total{status}',
      'gateway_nothing_total',
    ]);
  });
});

describe('the alerts', () => {
  const names = [...ALERTS.matchAll(/^ +- alert: (\S+)$/gm)].map(([, name = '']) => name);

  test('ask for metrics and labels that the product has', () => {
    const expressions = [...ALERTS.matchAll(/^ +expr: (?:'(.*)'|"(.*)"|\|\n((?: {10}.*\n)+))/gm)].map(
      ([, single, double, block]) => single ?? double ?? block ?? '',
    );
    expect(expressions).toHaveLength(names.length);
    expect(expressions.flatMap(unknownIn)).toEqual([]);
  });

  test('have a severity, a summary, a description and a section of the runbooks each, and no section is left over', () => {
    const alerts = ALERTS.split(/^ +- alert: /m).slice(1);
    for (const alert of alerts) {
      expect(alert).toMatch(/labels: \{ severity: (?:critical|warning) \}/);
      expect(alert).toMatch(/summary: ".+"\n +description: ".+"/);
    }
    const linked = [...ALERTS.matchAll(/runbook: docs\/runbooks\.md#(\S+)/g)].map(([, anchor]) => anchor);
    expect(linked).toEqual(names.map((name) => name.toLowerCase()));
    expect([...RUNBOOKS.matchAll(/^## (.+)$/gm)].map(([, title]) => title)).toEqual(names);
  });

  test('are each played through', () => {
    const played = [...ALERT_TESTS.matchAll(/^ +- name: (\S+)$/gm)].map(([, name]) => name);
    expect(played).toEqual(names);
  });

  test('have runbooks whose questions about events can be asked, and whose metrics exist', () => {
    const questions = [...RUNBOOKS.matchAll(/`sallyport events [^`']*'([^']+)'/g)].map(([, query = '']) => query);
    expect(questions.length).toBeGreaterThan(1);
    for (const query of questions) expect(parseQuery(query), query).toMatchObject({ kind: 'ready' });
    const mentioned = [...RUNBOOKS.matchAll(/`([a-z_]+(?:_total|_bytes|_seconds)(?:\{[^`]*\})?)`/g)];
    expect(mentioned.flatMap(([, metric = '']) => unknownIn(metric))).toEqual([]);
  });
});

interface DashboardPanel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: unknown;
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: unknown }[];
}

describe('the dashboard', () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- What is wrong in it fails the assertions below.
  const dashboard = JSON.parse(renderDashboard()) as {
    readonly panels: readonly DashboardPanel[];
    readonly templating: { readonly list: readonly { readonly name: string }[] };
    readonly annotations: { readonly list: readonly { readonly expr: string }[] };
  };
  const { panels } = dashboard;

  test('shows connections, CPU, memory, network bandwidth and error rates (R0.38)', () => {
    const titles = panels.map(({ title }) => title);
    for (const title of ['Connections', 'CPU', 'Memory', 'Network bandwidth', 'Error rate'])
      expect(titles).toContain(title);
  });

  test('asks for metrics and labels that the product has', () => {
    const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const annotated = dashboard.annotations.list.map(({ expr }) => expr);
    expect([...expressions, ...annotated].flatMap(unknownIn)).toEqual([]);
    for (const expression of expressions) expect(expression).toContain('job="$job",instance=~"$instance"');
  });

  test('is what Grafana takes: ids once, panels beside each other, one data source that is chosen above', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(['datasource', 'job', 'instance']);
    const taken = new Set<string>();
    for (const { title, type, gridPos, targets = [], datasource } of panels) {
      const { h, w, x, y } = gridPos;
      expect(x + w, title).toBeLessThanOrEqual(24);
      for (let column = x; column < x + w; column += 1) {
        for (let line = y; line < y + h; line += 1) {
          expect(taken, `${title} at ${column}, ${line}`).not.toContain(`${column} ${line}`);
          taken.add(`${column} ${line}`);
        }
      }
      if (type === 'row') continue;
      const chosen = { type: 'prometheus', uid: '${datasource}' };
      expect([datasource, ...targets.map((target) => target.datasource)]).toEqual(
        Array.from({ length: targets.length + 1 }, () => chosen),
      );
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });
});
