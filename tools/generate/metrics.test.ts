import { describe, expect, test } from 'vitest';
import { scan } from '../source/scan.ts';
import { metricsIn, renderMetrics } from './metrics.ts';

describe('the reference of metrics', () => {
  test.each([
    ["r.counter('a_total', 'Counts a.');", { name: 'a_total', type: 'counter', help: 'Counts a.', labels: [] }],
    [
      "r.gauge('a', 'Says (a).', [\n  'route',\n  'state',\n]).with('b');",
      { name: 'a', type: 'gauge', help: 'Says (a).', labels: ['route', 'state'] },
    ],
    [
      "r.histogram(\n  'a_seconds',\n  'Times a.',\n  { buckets: [1, 2], labels: ['route'] },\n);",
      { name: 'a_seconds', type: 'histogram', help: 'Times a.', labels: ['route'] },
    ],
    [
      "r.gauge('a', 'Says a.', ['state']).mergedBy('perWorker').with('b'); r.gauge('c', 'Says c.').with('d');",
      { name: 'a', type: 'gauge', help: 'Says a.', labels: ['state', 'worker'] },
    ],
  ])('reads %j', (text, expected) => {
    expect(metricsIn('a.ts', scan(text))[0]).toEqual({ ...expected, path: 'a.ts' });
  });

  test('finds nothing in a registry itself', () => {
    expect(metricsIn('a.ts', scan('registry.counter(name, help);'))).toEqual([]);
  });

  test('shows what an alias stands for, and refuses one that stands for nothing', () => {
    const metrics = metricsIn('a.ts', scan("r.counter('a_total', 'Counts a.', ['class']);"));
    const only = { label: 'class', values: ['4xx', '5xx'] };
    const alias = {
      asked: 'app.a',
      name: 'app_a_total',
      type: 'counter',
      help: 'Also a.',
      of: [{ metric: 'a_total', only }],
    };
    expect(renderMetrics(metrics, [alias])).toContain(
      '| app.a | `app_a_total` | counter | Also a. | `a_total{class=~"4xx\\|5xx"}` |',
    );
    expect(() => renderMetrics([], [alias])).toThrow('app_a_total stands for a_total, which nobody registers');
    const wrong = { ...alias, of: [{ metric: 'a_total', only: { label: 'status', values: ['5xx'] } }] };
    expect(() => renderMetrics(metrics, [wrong])).toThrow('a_total has no label status');
  });

  test('refuses a metric that nobody explained', () => {
    expect(() => renderMetrics(metricsIn('a.ts', scan("r.counter('a', '');")))).toThrow('metrics without help: a');
  });
});
