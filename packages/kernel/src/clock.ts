/** Time as a parameter: nothing below the composition root reads a clock of its own. */
export interface Clock {
  /** Milliseconds since 1970, for what people read. May jump. */
  wallMs(): number;
  /** Milliseconds that never go back, with fractions, for measuring and deadlines. */
  monotonicMs(): number;
}

/** A clock that stands still until it is moved; for tests and replays. */
export class ManualClock implements Clock {
  #wallMs: number;
  #monotonicMs = 0;

  constructor(wallMs = 1_700_000_000_000) {
    this.#wallMs = wallMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Moves both times forward. `ms` is not negative. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }
}
