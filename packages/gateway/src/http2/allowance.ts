import type { BurstRate } from '@sallyport/kernel';

/** Counts against a rate. Time comes in from outside. */
export class Allowance {
  readonly #rate: BurstRate;
  #left: number;
  #sinceMs: number;

  constructor(rate: BurstRate, nowMs: number) {
    this.#rate = rate;
    this.#left = rate.burst;
    this.#sinceMs = nowMs;
  }

  /** False: it happened too often. */
  spend(nowMs: number): boolean {
    const earned = ((nowMs - this.#sinceMs) / 1_000) * this.#rate.perSecond;
    this.#sinceMs = nowMs;
    this.#left = Math.min(this.#rate.burst, this.#left + earned) - 1;
    return this.#left >= 0;
  }

  /** Something was done that makes `count` more of it sensible. Never more than the burst is saved up. */
  grant(count: number): void {
    this.#left = Math.min(this.#rate.burst, this.#left + count);
  }
}
