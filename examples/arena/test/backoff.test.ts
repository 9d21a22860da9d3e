import { describe, expect, it } from 'vitest';
import { comesBack, reconnectDelayMs } from '../public/backoff.js';

describe('the browser client', () => {
  it.each([1001, 1005, 1006, 1011, 1012, 1013, 4500, 4502, 4999])('comes back after close code %i', (code) => {
    expect(comesBack(code)).toBe(true);
  });

  it.each([1000, 1002, 1003, 1007, 1008, 1009, 3000, 4000, 4400, 4401, 4409, 4499])(
    'stays away after close code %i',
    (code) => {
      expect(comesBack(code)).toBe(false);
    },
  );

  const rows: readonly [number, number, number][] = [
    [0, 1, 500],
    [0, 0, 0],
    [1, 1, 1000],
    [3, 0.5, 2000],
    [5, 1, 15_000],
    [5000, 1, 15_000],
  ];
  it.each(rows)('waits before attempt %i with jitter %d for %i ms', (attempt, random, expected) => {
    expect(reconnectDelayMs(attempt, () => random)).toBe(expected);
  });
});
