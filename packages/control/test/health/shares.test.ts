import type { ServiceShare, ServiceStatus } from '@sallyport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, HOUR_MS, uptimeSince, withStay } from '../../src/health/shares.ts';

const HOURS = { lengthMs: HOUR_MS, sharesMax: 48 };

describe('shares of a day', () => {
  it('are counted apart on both sides of midnight', () => {
    const stay = { status: 'down', fromMs: DAY_MS - 10, toMs: DAY_MS + 5 } as const;
    expect(withStay([], stay, { lengthMs: DAY_MS, sharesMax: 90 })).toEqual([
      { startMs: 0, upMs: 0, degradedMs: 0, downMs: 10 },
      { startMs: DAY_MS, upMs: 0, degradedMs: 0, downMs: 5 },
    ]);
  });

  it('leave out what is not known', () => {
    expect(withStay([], { status: 'unknown', fromMs: 0, toMs: 5 }, HOURS)).toEqual([]);
  });

  it('make no hour longer than it is when the clock is set back', () => {
    const whole = withStay([], { status: 'up', fromMs: 0, toMs: HOUR_MS }, HOURS);
    expect(withStay(whole, { status: 'down', fromMs: 10, toMs: 20 }, HOURS)).toEqual(whole);
  });

  it('stay in their order and within their number, and add up, whatever comes', () => {
    const status = fc.constantFrom<ServiceStatus>('up', 'degraded', 'down', 'unknown');
    const stays = fc.array(fc.record({ status, fromMs: fc.nat(400 * HOUR_MS), ms: fc.nat(60 * HOUR_MS) }));
    const property = fc.property(stays, (list) => {
      let shares: readonly ServiceShare[] = [];
      for (const { status: held, fromMs, ms } of list) {
        shares = withStay(shares, { status: held, fromMs, toMs: fromMs + ms }, HOURS);
      }
      const starts = shares.map(({ startMs }) => startMs);
      expect(starts).toEqual([...new Set(starts)].toSorted((left, right) => left - right));
      expect(starts.length).toBeLessThanOrEqual(48);
      for (const { upMs, degradedMs, downMs } of shares) {
        expect(Math.min(upMs, degradedMs, downMs)).toBeGreaterThanOrEqual(0);
        expect(upMs + degradedMs + downMs).toBeLessThanOrEqual(HOUR_MS);
      }
    });
    fc.assert(property, { numRuns: 200 });
  });

  it('say which share of the known time it answered, slowly or not', () => {
    const shares = [
      { startMs: 0, upMs: 0, degradedMs: 0, downMs: 100 },
      { startMs: HOUR_MS, upMs: 50, degradedMs: 25, downMs: 25 },
    ];
    expect([uptimeSince(shares, 0), uptimeSince(shares, HOUR_MS), uptimeSince(shares, 2 * HOUR_MS)]).toEqual([
      0.375,
      0.75,
      undefined,
    ]);
  });
});
