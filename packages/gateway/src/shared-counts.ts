/**
 * Counts by key that all data planes of a node keep together, exactly. A key is counted once for each `add` and given back
 * by one `remove`.
 */
export interface SharedCounts {
  /** Counts one more and answers the new total; undefined when there is no room for another key, and nothing was counted. */
  add(key: string): number | undefined;
  remove(key: string): void;
}

/** For a data plane that is alone. */
export class LocalCounts implements SharedCounts {
  readonly #counts = new Map<string, number>();

  add(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }

  remove(key: string): void {
    const left = (this.#counts.get(key) ?? 1) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}
