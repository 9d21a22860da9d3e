import type { Clock } from '@sallyport/kernel';

/** The clock of the machine, or one with hands of your own. For programs that have no reason to give another. */
export function systemClock(hands: Partial<Clock> = {}): Clock {
  return {
    wallMs: hands.wallMs ?? Date.now,
    monotonicMs: hands.monotonicMs ?? performance.now.bind(performance),
  };
}
