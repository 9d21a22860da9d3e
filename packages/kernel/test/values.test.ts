import { describe, expect, it } from 'vitest';
import { BoundedMap, GatewayError, HeaderList, ManualClock, REASON_DETAIL_MAX, REASONS, reason } from '../src/index.ts';

describe('a bounded map', () => {
  it('gives up its oldest entry, where setting and touching make an entry young', () => {
    const map = new BoundedMap<string, number>({ entriesMax: 3 });
    map.set('a', 1);
    map.set('b', 2);
    map.set('c', 3);
    map.touch('a');
    map.set('b', 4);
    expect(map.set('d', 5)).toEqual(['c', 3]);
    expect([...map.entries()]).toEqual([
      ['a', 1],
      ['b', 4],
      ['d', 5],
    ]);
    expect(map.get('c')).toBeUndefined();
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses the size %d', (entriesMax) => {
    expect(() => new BoundedMap({ entriesMax })).toThrow(RangeError);
  });
});

describe('a header list', () => {
  const list = new HeaderList(['a', '__proto__', 'a'], ['1', '2', '3']);

  it('keeps order and repetition, and treats every name as just a name', () => {
    expect(list.get('a')).toBe('1');
    expect(list.getAll('a')).toEqual(['1', '3']);
    expect(list.get('__proto__')).toBe('2');
    expect(list.get('constructor')).toBeUndefined();
    expect(list.has('constructor')).toBe(false);
  });

  it('has empty text beyond its end', () => {
    expect(list.length).toBe(3);
    expect(list.nameAt(3)).toBe('');
    expect(list.valueAt(-1)).toBe('');
  });
});

describe('reasons', () => {
  it('have a status an HTTP client understands and one sentence', () => {
    for (const [code, { status, title }] of Object.entries(REASONS)) {
      expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
      expect(status).toBeGreaterThanOrEqual(300);
      expect(status).toBeLessThan(600);
      expect(title).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('cut a detail that an attacker made long', () => {
    expect(reason('HEADER_DUPLICATE', 'x'.repeat(10_000)).detail?.length).toBe(REASON_DETAIL_MAX);
  });
});

describe('a gateway error', () => {
  it('says whose fault it is and whether another try is safe', () => {
    const error = new GatewayError('UPSTREAM_TIMEOUT', { source: 'upstream', cause: 'x' });
    expect([error.code, error.source, error.retry, error.message, error.cause]).toEqual([
      'UPSTREAM_TIMEOUT',
      'upstream',
      false,
      'UPSTREAM_TIMEOUT',
      'x',
    ]);
  });
});

describe('a manual clock', () => {
  it('moves both times together', () => {
    const clock = new ManualClock(1_000);
    clock.advance(5);
    expect([clock.wallMs(), clock.monotonicMs()]).toEqual([1_005, 5]);
  });
});
