import type { Clock } from '@sallyport/kernel';

/**
 * How many wrong credentials are looked at. Right ones cost nothing here: nobody can keep an administrator out by failing
 * on purpose, because a token that is known is judged by itself.
 */
export class FailureBudget {
  readonly #clock: Clock;
  #left = CREDENTIAL_FAILURES_MAX;
  #countedMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#countedMs = clock.monotonicMs();
  }

  /** Counts a failure. False: there were too many. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const regained = (nowMs - this.#countedMs) / FAILURE_REGAIN_MS;
    this.#left = Math.min(CREDENTIAL_FAILURES_MAX, this.#left + regained);
    this.#countedMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

/** Failures in a row that are answered with a reason: mistakes of people, not the search of a machine. */
const CREDENTIAL_FAILURES_MAX = 20;

/** After this time one more is allowed. */
export const FAILURE_REGAIN_MS = 3_000;
