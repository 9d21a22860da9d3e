import { describe, expect, it } from 'vitest';
import { BackOff } from '../../src/planes/back-off.ts';

describe('the pause before something that failed is tried again', () => {
  it('doubles with every failure, up to the longest', () => {
    const backOff = new BackOff({ firstMs: 50, longestMs: 300, calmMs: 1_000 });
    expect([0, 1, 2, 3, 4, 5].map((nowMs) => backOff.next(nowMs))).toEqual([50, 100, 200, 300, 300, 300]);
  });

  it('begins again when it has gone well for longer than the calm', () => {
    const backOff = new BackOff({ firstMs: 50, longestMs: 300, calmMs: 1_000 });
    expect([backOff.next(0), backOff.next(0)]).toEqual([50, 100]);
    expect(backOff.next(1_000), 'at the calm').toBe(200);
    expect(backOff.next(2_001), 'one millisecond beyond').toBe(50);
  });

  it('stays at the longest after more failures than numbers can double', () => {
    const backOff = new BackOff({ firstMs: 50, longestMs: 30_000, calmMs: 60_000 });
    for (let failure = 0; failure < 5_000; failure += 1) backOff.next(failure);
    expect(backOff.next(5_000)).toBe(30_000);
  });
});
