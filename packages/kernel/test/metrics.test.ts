import { describe, expect, it } from 'vitest';
import { MetricsRegistry, SERIES_MAX } from '../src/index.ts';

describe('metrics', () => {
  it('are written in the Prometheus text format', () => {
    const registry = new MetricsRegistry();
    registry.counter('requests_total', 'Requests.', ['route']).with('a"b\\c\nd').add(2);
    registry.gauge('open', 'Open.').with().set(1.5);
    const seconds = registry.histogram('seconds', 'Time.', { buckets: [0.1, 1], labels: ['route'] }).with('x');
    for (const value of [0.1, 0.5, 7]) seconds.observe(value);
    expect(registry.render()).toBe(
      [
        '# HELP requests_total Requests.',
        '# TYPE requests_total counter',
        'requests_total{route="a\\"b\\\\c\\nd"} 2',
        '# HELP open Open.',
        '# TYPE open gauge',
        'open 1.5',
        '# HELP seconds Time.',
        '# TYPE seconds histogram',
        'seconds_bucket{route="x",le="0.1"} 1',
        'seconds_bucket{route="x",le="1"} 2',
        'seconds_bucket{route="x",le="+Inf"} 3',
        'seconds_sum{route="x"} 7.6',
        'seconds_count{route="x"} 3',
        '',
      ].join('\n'),
    );
  });

  it('stay bounded whatever their labels are', () => {
    const registry = new MetricsRegistry();
    const family = registry.counter('floods_total', 'Floods.', ['name']);
    for (let index = 0; index < SERIES_MAX * 3; index += 1) family.with(`client-${index}`).add();
    const lines = registry
      .render()
      .split('\n')
      .filter((line) => line.startsWith('floods_total{'));
    expect(lines.length).toBe(SERIES_MAX + 1);
    expect(lines.at(-1)).toBe(`floods_total{name="other"} ${SERIES_MAX * 2}`);
  });

  it('take over counts that are kept elsewhere, which never fall', () => {
    const counter = new MetricsRegistry().counter('seconds_total', 'Seconds.').with();
    counter.raiseTo(5);
    counter.raiseTo(3);
    expect(counter.value).toBe(5);
  });

  it('are collected when they are read', () => {
    const registry = new MetricsRegistry();
    const gauge = registry.gauge('now', 'Now.').with();
    registry.onCollect(() => gauge.add(1));
    registry.render();
    expect(registry.render()).toContain('now 2');
  });

  it.each(['Upper', 'a-b', '1a', ''])('refuse the name %j', (name) => {
    expect(() => new MetricsRegistry().counter(name, '')).toThrow('is not valid');
  });

  it('refuse a name twice', () => {
    const registry = new MetricsRegistry();
    registry.counter('a', '');
    expect(() => registry.gauge('a', '')).toThrow('metric a exists');
  });
});
