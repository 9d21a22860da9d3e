import type { Clock } from './clock.ts';

/**
 * The wall clock for whoever deletes what is old: it never goes further than this process has run since it began. A clock that is set
 * wrongly for a moment, by a hand or a broken time server, would otherwise make everything old at once.
 */
export class SteadyTime {
  readonly #clock: Clock;
  readonly #aheadMs: number;

  /** `floorMs`: a moment of the wall clock that has surely been, for machines that begin with a clock that knows nothing. */
  constructor(clock: Clock, floorMs: number = Number.NEGATIVE_INFINITY) {
    this.#clock = clock;
    this.#aheadMs = Math.max(clock.wallMs(), floorMs) - clock.monotonicMs();
  }

  nowMs(): number {
    return Math.min(this.#clock.wallMs(), this.#clock.monotonicMs() + this.#aheadMs + CORRECTION_MS);
  }

  /** How much further the wall clock is than it can be; 0: it is not. */
  get leapMs(): number {
    return this.#clock.wallMs() - this.nowMs();
  }
}

/** Clocks are corrected by so much, and nothing is kept for shorter than that. */
const CORRECTION_MS = 3_600_000;
