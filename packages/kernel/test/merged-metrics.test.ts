import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Counter, type Family, MergedMetrics, MetricsRegistry, renderMetrics, SERIES_MAX } from '../src/index.ts';

/** A worker that has counted: every kind of metric there is. */
function workerWith(requests: number, route = 'x'): MetricsRegistry {
  const registry = new MetricsRegistry();
  registry.counter('requests_total', 'Requests.', ['route']).with(route).add(requests);
  registry.gauge('open', 'Open.').with().set(requests);
  registry.gauge('oldest', 'Oldest.').mergedBy('max').with().set(requests);
  registry.gauge('turns', 'Turns.', ['loop']).mergedBy('perWorker').with('a').set(requests);
  const seconds = registry.histogram('seconds', 'Time.', { buckets: [1, 5] }).with();
  for (let request = 0; request < requests; request += 1) seconds.observe(request);
  return registry;
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function counting(): { registry: MetricsRegistry; family: Family<Counter> } {
  const registry = new MetricsRegistry();
  return { registry, family: registry.counter('m_total', 'M.', ['route']) };
}

/** Series of its own in every family that a client can fill. */
function fullWorker(worker: number): MetricsRegistry {
  const registry = new MetricsRegistry();
  const seconds = registry.histogram('seconds', 'Time.', {
    buckets: Array.from({ length: 14 }, (_, index) => index),
    labels: ['route', 'status'],
  });
  for (let status = 0; status < 40; status += 1) seconds.with('x', `${worker * 40 + status}`).observe(3);
  const refused = registry.counter('refused_total', 'Refused.', ['route']);
  for (let route = 0; route < 200; route += 1) refused.with(`${worker}-${route}`).add();
  registry.counter('connections_total', 'Connections.').with().add();
  return registry;
}

function valuesOf(lines: readonly string[]): Map<string, number> {
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

function countOf(values: ReadonlyMap<string, number>, name: string): number {
  const own = [...values].filter(([series]) => series.startsWith(`${name}{`));
  return own.reduce((sum, [, value]) => sum + value, 0);
}

describe('metrics of several workers', () => {
  it('are one exposition: totals add up, and gauges as they were declared', () => {
    const merged = new MergedMetrics();
    merged.update('0', workerWith(2).snapshot());
    merged.update('1', workerWith(7, 'y').snapshot());
    const own = new MetricsRegistry();
    own.gauge('version', 'Version.').with().set(3);
    own.counter('requests_total', 'Requests.', ['route']).with('x').add(1);
    expect(linesOf(merged.render(own.snapshot()))).toEqual([
      'version 3',
      'requests_total{route="x"} 3',
      'requests_total{route="y"} 7',
      'open 9',
      'oldest 7',
      'turns{loop="a",worker="0"} 2',
      'turns{loop="a",worker="1"} 7',
      'seconds_bucket{le="1"} 4',
      'seconds_bucket{le="5"} 8',
      'seconds_bucket{le="+Inf"} 9',
      'seconds_sum 22',
      'seconds_count 9',
    ]);
  });

  it('are, from one worker, what its registry says', () => {
    const registry = workerWith(3);
    const text = registry.render().replace('turns{loop="a"}', 'turns{loop="a",worker="0"}');
    const merged = new MergedMetrics();
    merged.update('0', structuredClone(registry.snapshot()));
    expect(merged.render()).toBe(text);
    expect(renderMetrics(registry.snapshot())).toBe(registry.render());
  });

  it('show the least or the most that any worker has, where a gauge is declared so', () => {
    const merged = new MergedMetrics();
    for (const [worker, value] of [3, 1, 2].entries()) {
      const registry = new MetricsRegistry();
      registry.gauge('healthy', 'Healthy.').mergedBy('min').with().set(value);
      registry.gauge('state', 'State.').mergedBy('max').with().set(value);
      merged.update(String(worker), registry.snapshot());
    }
    expect(linesOf(merged.render())).toEqual(['healthy 1', 'state 3']);
  });

  it('never fall when a worker ends and another one takes its place, and forget its gauges', () => {
    const merged = new MergedMetrics();
    merged.update('0', workerWith(5).snapshot());
    merged.retire('0');
    merged.retire('0');
    expect(linesOf(merged.render())).toEqual([
      'requests_total{route="x"} 5',
      'seconds_bucket{le="1"} 2',
      'seconds_bucket{le="5"} 5',
      'seconds_bucket{le="+Inf"} 5',
      'seconds_sum 10',
      'seconds_count 5',
    ]);
    merged.update('0', workerWith(1).snapshot());
    expect(linesOf(merged.render())).toContain('requests_total{route="x"} 6');
    expect(linesOf(merged.render())).toContain('open 1');
  });

  it('do not fall by a last bit when the order of the workers changes', () => {
    const merged = new MergedMetrics();
    const seconds = (by: number): MetricsRegistry => {
      const registry = new MetricsRegistry();
      registry.counter('seconds_total', 'Seconds.').with().add(by);
      return registry;
    };
    // (0.1 + 0.2) + 0.3 is a bit more than (0.2 + 0.3) + 0.1.
    for (const [worker, by] of [0.1, 0.2, 0.3].entries()) merged.update(`${worker}`, seconds(by).snapshot());
    expect(linesOf(merged.render())).toEqual(['seconds_total 0.6000000000000001']);
    for (const worker of ['1', '2', '0']) {
      merged.retire(worker);
      expect(linesOf(merged.render())).toEqual(['seconds_total 0.6000000000000001']);
    }
  });

  it('are the sum of all increments, whoever made them and whoever has ended since', () => {
    const step = fc.record({ worker: fc.nat(2), route: fc.nat(4), by: fc.nat(9), isLast: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const merged = new MergedMetrics();
        const workers = new Map<number, ReturnType<typeof counting>>();
        const expected = new Map<string, number>();
        for (const { worker, route, by, isLast } of steps) {
          const { registry, family } = workers.get(worker) ?? counting();
          workers.set(worker, { registry, family });
          family.with(`${route}`).add(by);
          expected.set(`${route}`, (expected.get(`${route}`) ?? 0) + by);
          merged.update(`${worker}`, registry.snapshot());
          if (isLast) {
            merged.retire(`${worker}`);
            workers.delete(worker);
          }
          const lines = linesOf(merged.render()).toSorted();
          expect(lines).toEqual([...expected].map(([name, sum]) => `m_total{route="${name}"} ${sum}`).toSorted());
        }
      }),
    );
  });

  it('stay bounded when workers that end leave ever new series, and none of these falls', () => {
    const merged = new MergedMetrics();
    for (let life = 0; life < SERIES_MAX + 50; life += 1) {
      merged.update('0', workerWith(1, `route-${life}`).snapshot());
      merged.retire('0');
    }
    merged.update('1', workerWith(4, 'route-0').snapshot());
    merged.update('2', workerWith(1, 'new').snapshot());
    const lines = linesOf(merged.render()).filter((line) => line.startsWith('requests_total'));
    expect(lines.length).toBe(SERIES_MAX + 1);
    expect(lines).toContain('requests_total{route="route-0"} 5');
    expect(lines).toContain('requests_total{route="other"} 51');
  });

  it('stay below 2,000 lines from any number of workers that fill their own bounds, and none of them falls (R0.18)', () => {
    const merged = new MergedMetrics();
    let before = new Map<string, number>();
    for (let worker = 0; worker < 24; worker += 1) {
      merged.update(`${worker}`, fullWorker(worker).snapshot());
      if (worker % 3 === 0) merged.retire(`${worker}`);
      const lines = linesOf(merged.render());
      expect(lines.length).toBeLessThan(2_000);
      const now = valuesOf(lines);
      for (const [series, value] of before) expect(now.get(series) ?? 0, series).toBeGreaterThanOrEqual(value);
      expect(countOf(now, 'seconds_count')).toBe(40 * (worker + 1));
      expect(countOf(now, 'refused_total')).toBe(200 * (worker + 1));
      expect(now.get('connections_total')).toBe(worker + 1);
      before = now;
    }
    expect([...before.keys()].some((series) => series.startsWith('seconds_count{route="other"'))).toBe(true);
  });

  it('are refused when workers disagree on what a metric is', () => {
    const merged = new MergedMetrics();
    merged.update('0', workerWith(1).snapshot());
    const other = new MetricsRegistry();
    other.gauge('requests_total', 'Requests.', ['route']);
    expect(() => merged.render(other.snapshot())).toThrow('workers disagree on metric requests_total');
  });

  it('cannot be declared to fall', () => {
    const registry = new MetricsRegistry();
    expect(() => registry.counter('a', 'A.').mergedBy('max')).toThrow('a is a counter and adds up');
  });

  it('goes on from what a process before this one has counted, and leaves out what that one meant otherwise', () => {
    const merged = new MergedMetrics();
    merged.update('0', workerWith(2).snapshot());
    const before = new MetricsRegistry();
    before.counter('requests_total', 'Requests.', ['route']).with('x').add(40);
    before.gauge('seconds', 'Another thing.').with().set(9);
    before.counter('gone_total', 'Not counted any more.').with().add(3);
    merged.inherit(before.snapshot());
    const values = valuesOf(linesOf(merged.render()));
    expect(values.get('requests_total{route="x"}')).toBe(42);
    expect(values.get('seconds_count')).toBe(2);
    expect(values.get('gone_total')).toBe(3);
    merged.inherit([]);
    expect(valuesOf(linesOf(merged.render())).get('requests_total{route="x"}')).toBe(42);
  });
});
