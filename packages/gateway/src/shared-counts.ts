/** Counts by key that all data planes of a node keep together, exactly. */
export interface SharedCounts {
  /**
   * Counts one more of `key` when it then has at most `max`, and returns what gives it back, to be called once. Undefined when
   * it has as many as it may, or when there is no room for another key; nothing was counted then.
   */
  acquire(key: string, max: number): (() => void) | undefined;
}

/** For a data plane that is alone. */
export class LocalCounts implements SharedCounts {
  readonly #counts = new Map<string, number>();

  acquire(key: string, max: number): (() => void) | undefined {
    const count = this.#counts.get(key) ?? 0;
    if (count >= max) return undefined;
    this.#counts.set(key, count + 1);
    return () => {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left > 0) this.#counts.set(key, left);
      else this.#counts.delete(key);
    };
  }
}
