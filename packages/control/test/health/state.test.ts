import type { ServiceResult, ServiceStatus } from '@sallyport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterCheck,
  FLAPPING_CHANGES,
  forgotten,
  type HealthState,
  isFlapping,
  unknownState,
} from '../../src/health/state.ts';

const THRESHOLDS = { failuresToDown: 3, successesToUp: 2 };

const OUTCOMES: Readonly<Record<string, ServiceResult['outcome']>> = { g: 'good', s: 'slow', b: 'bad' };

/** The states after each of some checks: `g` good, `s` slow, `b` bad. */
function statesAfter(checks: string, thresholds = THRESHOLDS): readonly HealthState[] {
  let state = unknownState(0);
  return Array.from(checks, (check, index) => {
    state = afterCheck(state, { outcome: OUTCOMES[check] ?? 'bad', nowMs: (index + 1) * 1_000 }, thresholds);
    return state;
  });
}

describe('the state of a service (part of R2.23)', () => {
  it.each<readonly [string, string, ServiceStatus]>([
    ['is known after one good answer', 'g', 'up'],
    ['is not known after fewer failures than it takes', 'bb', 'unknown'],
    ['is down after as many failures as it takes', 'bbb', 'down'],
    ['stays up while failures are not in a row', 'gbbgbbg', 'up'],
    ['goes down from up', 'gbbb', 'down'],
    ['stays down after one good answer', 'bbbg', 'down'],
    ['is up again after as many good ones as it takes', 'bbbgg', 'up'],
    ['stays down while good ones are not in a row', 'bbbgbgb', 'down'],
    ['is degraded after as many slow answers', 'gsss', 'degraded'],
    ['stays up while slow ones are not in a row', 'gssgss', 'up'],
    ['is up again when it is fast again', 'gsssgg', 'up'],
    ['stays degraded while it is only fast now and then', 'gsssgsg', 'degraded'],
    ['goes down from degraded', 'gsssbbb', 'down'],
    ['comes back as degraded where all answers are slow', 'bbbss', 'degraded'],
    ['comes back as up where one of them was not', 'bbbsg', 'up'],
  ])('%s (%s)', (_, checks, status) => {
    expect(statesAfter(checks).at(-1)?.status).toBe(status);
  });

  it('has the time of the check that changed it', () => {
    expect(statesAfter('gbbbb').map(({ sinceMs }) => sinceMs)).toEqual([1_000, 1_000, 1_000, 4_000, 4_000]);
  });

  it('flaps when it changes six times within an hour, and is calm an hour later', () => {
    const states = statesAfter('gbgbgb', { failuresToDown: 1, successesToUp: 1 });
    expect(states.map((state) => isFlapping(state, 6_000))).toEqual([false, false, false, false, false, true]);
    const last = states.at(-1) ?? unknownState(0);
    expect([isFlapping(last, 3_601_000), isFlapping(last, 3_601_001)]).toEqual([true, false]);
  });

  it('is unknown when nobody has looked for too long, and begins anew', () => {
    const up = statesAfter('gbb').at(-1) ?? unknownState(0);
    const unknown = forgotten(up, 1_000);
    expect(unknown).toMatchObject({ status: 'unknown', sinceMs: 1_000 });
    expect(afterCheck(unknown, { outcome: 'bad', nowMs: 9_000 }, THRESHOLDS).status).toBe('unknown');
    expect(forgotten(unknown, 5_000)).toBe(unknown);
  });

  it('never changes against the last checks, and holds no more than it must, whatever comes', () => {
    const checks = fc.array(fc.constantFrom('g', 's', 'b'), { maxLength: 200 });
    const threshold = fc.integer({ min: 1, max: 5 });
    const property = fc.property(checks, threshold, threshold, (outcomes, failuresToDown, successesToUp) => {
      const states = statesAfter(outcomes.join(''), { failuresToDown, successesToUp });
      for (const [index, { status, changedMs }] of states.entries()) {
        const before = states[index - 1]?.status ?? 'unknown';
        expect(changedMs.length).toBeLessThanOrEqual(FLAPPING_CHANGES);
        if (status === before) continue;
        const needed = status === 'down' || status === 'degraded' ? 1 : successesToUp;
        const last = outcomes.slice(0, index + 1);
        if (status === 'down') expect(last.slice(-failuresToDown)).toEqual(Array(failuresToDown).fill('b'));
        else expect(last.slice(before === 'unknown' ? -1 : -needed)).not.toContain('b');
      }
    });
    fc.assert(property, { numRuns: 300 });
  });
});
