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
  ])('reads %j', (text, expected) => {
    expect(metricsIn('a.ts', scan(text))).toEqual([{ ...expected, path: 'a.ts' }]);
  });

  test('finds nothing in a registry itself', () => {
    expect(metricsIn('a.ts', scan('registry.counter(name, help);'))).toEqual([]);
  });

  test('refuses a metric that nobody explained', () => {
    expect(() => renderMetrics(metricsIn('a.ts', scan("r.counter('a', '');")))).toThrow('metrics without help: a');
  });
});
