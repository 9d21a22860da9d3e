/** So many messages in any hour: a sliding window, exact to the message. */
export class Budget {
  readonly #hourlyMax: number;
  #spentMs: readonly number[] = [];

  constructor(hourlyMax: number) {
    this.#hourlyMax = hourlyMax;
  }

  /** When messages of the last hour were sent, the oldest first; at most as many as are allowed. */
  get spentMs(): readonly number[] {
    return this.#spentMs;
  }

  left(nowMs: number): number {
    this.#spentMs = this.#spentMs.filter((ms) => ms > nowMs - HOUR_MS);
    return Math.max(0, this.#hourlyMax - this.#spentMs.length);
  }

  spend(nowMs: number): void {
    this.#spentMs = [...this.#spentMs, nowMs];
  }

  /** What an earlier process has sent. */
  restore(spentMs: readonly number[]): void {
    this.#spentMs = spentMs.toSorted((one, other) => one - other).slice(-this.#hourlyMax);
  }
}

const HOUR_MS = 3_600_000;
