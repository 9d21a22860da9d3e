import type { BreakerConfig } from '@sallyport/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Breaker, CLOSED, decide, settle } from '../../src/upstream/breaker.ts';
import { CountWindow } from '../../src/upstream/count-window.ts';
import { RETRIES_FLOOR, RetryBudget } from '../../src/upstream/retry-budget.ts';

const CONFIG: BreakerConfig = { errorRatio: 0.5, requestsMin: 10, windowMs: 10_000, openMs: 5_000 };

function breaker(): { readonly breaker: Breaker; readonly changes: string[] } {
  const changes: string[] = [];
  return { breaker: new Breaker(CONFIG, (kind) => changes.push(kind)), changes };
}

function settleMany(subject: Breaker, outcomes: string, nowMs: number): void {
  for (const outcome of outcomes) subject.settle(outcome === '+' ? 'success' : 'failure', false, nowMs);
}

describe('the circuit breaker', () => {
  it('opens at its ratio, and not before it has seen enough', () => {
    const { breaker: subject, changes } = breaker();
    settleMany(subject, '-----++++', 0);
    expect(subject.admit(0)).toBe('pass');
    settleMany(subject, '-', 0);
    expect(subject.admit(0)).toBe('refuse');
    expect(changes).toEqual(['open']);
  });

  it('stays closed one failure below its ratio', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '++++++----', 0);
    expect(subject.admit(0)).toBe('pass');
  });

  it('forgets what is older than its window', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '---------', 0);
    settleMany(subject, '-', 10_000);
    expect(subject.admit(10_000)).toBe('pass');
  });

  it('lets one probe through when its time is over, and closes when it is answered', () => {
    const { breaker: subject, changes } = breaker();
    settleMany(subject, '----------', 0);
    expect(subject.admit(4_999)).toBe('refuse');
    expect(subject.wouldAdmit(5_000)).toBe(true);
    expect(subject.admit(5_000)).toBe('probe');
    expect(subject.admit(5_000)).toBe('refuse');
    subject.settle('success', true, 5_100);
    expect(subject.admit(5_100)).toBe('pass');
    expect(changes).toEqual(['open', 'half-open', 'closed']);
    settleMany(subject, '-', 5_200);
    expect(subject.state).toBe(CLOSED);
  });

  it('opens again when the probe fails', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '----------', 0);
    subject.admit(5_000);
    subject.settle('failure', true, 6_000);
    expect(subject.admit(10_999)).toBe('refuse');
    expect(subject.admit(11_000)).toBe('probe');
  });

  it('sends the next probe at once when one learnt nothing', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '----------', 0);
    subject.admit(5_000);
    subject.settle('none', true, 5_001);
    expect(subject.admit(5_001)).toBe('probe');
  });

  it('does not let a probe that a client sends slowly lock everybody else out', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '----------', 0);
    expect(subject.admit(5_000)).toBe('probe');
    expect(subject.admit(9_999)).toBe('refuse');
    expect(subject.admit(10_000)).toBe('probe');
  });

  it('is not moved by requests from before it opened', () => {
    const { breaker: subject } = breaker();
    settleMany(subject, '----------', 0);
    settleMany(subject, '+++++', 1_000);
    expect(subject.admit(1_000)).toBe('refuse');
    subject.admit(5_000);
    settleMany(subject, '+', 5_000);
    expect(subject.state.kind).toBe('half-open');
  });

  it('decides and settles without changing what it is given', () => {
    const open = Object.freeze({ kind: 'open', untilMs: 100 } as const);
    expect(decide(open, CONFIG, 99)).toEqual({ admission: 'refuse', state: open });
    expect(decide(open, CONFIG, 100)).toEqual({ admission: 'probe', state: { kind: 'half-open', untilMs: 5_100 } });
    const seen = { outcome: 'failure', isProbe: false, requests: 10, failures: 5 } as const;
    expect(settle(CLOSED, seen, CONFIG, 7)).toEqual({ kind: 'open', untilMs: 5_007 });
  });
});

describe('a window of counts', () => {
  it('holds what was counted in the last tenths of its time, and nothing else', () => {
    const steps = fc.array(fc.tuple(fc.nat(3_000), fc.boolean()), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (rows) => {
        const window = new CountWindow(10_000);
        const events: { bucket: number; isMarked: boolean }[] = [];
        let nowMs = 0;
        for (const [passed, isMarked] of rows) {
          nowMs += passed;
          if (isMarked) window.addMarked(nowMs);
          else window.add(nowMs);
          events.push({ bucket: Math.floor(nowMs / 1_000), isMarked });
          const recent = events.filter(({ bucket }) => bucket > Math.floor(nowMs / 1_000) - 10);
          expect(window.marked).toBe(recent.filter((event) => event.isMarked).length);
          expect(window.total).toBe(recent.filter((event) => !event.isMarked).length);
        }
      }),
    );
  });
});

describe('the retry budget', () => {
  it.each([
    [0, 1_000, 0],
    [0.2, 0, RETRIES_FLOOR],
    [0.2, 100, 20],
    [1, 100, 100],
  ])('with ratio %d allows after %d requests %d retries', (ratio, requests, retries) => {
    const budget = new RetryBudget(ratio);
    for (let count = 0; count < requests; count += 1) budget.onRequest(0);
    let spent = 0;
    while (spent < 1_000 && budget.spend(0)) spent += 1;
    expect(spent).toBe(retries);
  });
});
