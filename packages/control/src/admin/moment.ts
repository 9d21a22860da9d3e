import type { Clock } from '@sallyport/kernel';

/** A point in time on both clocks. */
export interface Moment {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export function now(clock: Clock): Moment {
  return { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
}

/**
 * Milliseconds since `moment`, on the clock that went further: the monotonic one stands still while a machine sleeps, and
 * the other may be set back. What ends too early can be had again; what ends too late cannot be taken back.
 */
export function elapsedMs(clock: Clock, moment: Moment): number {
  return Math.max(clock.wallMs() - moment.wallMs, clock.monotonicMs() - moment.monotonicMs);
}
