/**
 * How long to wait before something that failed is tried again: at once the first time, then twice as long each time, until it
 * has gone well for a while.
 */
export class BackOff {
  readonly #firstMs: number;
  readonly #longestMs: number;
  readonly #calmMs: number;
  #failures = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor({ firstMs, longestMs, calmMs }: { firstMs: number; longestMs: number; calmMs: number }) {
    this.#firstMs = firstMs;
    this.#longestMs = longestMs;
    this.#calmMs = calmMs;
  }

  /** It has failed at `nowMs` (monotonic): how many milliseconds to wait. */
  next(nowMs: number): number {
    if (nowMs - this.#lastMs > this.#calmMs) this.#failures = 0;
    this.#lastMs = nowMs;
    this.#failures += 1;
    return Math.min(this.#longestMs, this.#firstMs * 2 ** (this.#failures - 1));
  }
}
