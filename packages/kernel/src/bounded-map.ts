export interface BoundedMapOptions {
  /** Most entries kept. Integer, 1 or more. The least recently set or touched one leaves first. */
  readonly entriesMax: number;
}

/**
 * A map that an attacker cannot grow: when it is full the oldest entry leaves.
 *
 * `set` and `touch` make an entry the youngest; `get` does not, so that reading stays cheap.
 */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>();
  readonly #entriesMax: number;

  /** @throws RangeError when `entriesMax` is not a positive integer. */
  constructor(options: BoundedMapOptions) {
    if (!Number.isInteger(options.entriesMax) || options.entriesMax < 1) {
      throw new RangeError(`entriesMax ${options.entriesMax} is not a positive integer`);
    }
    this.#entriesMax = options.entriesMax;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  /** Like `get`, and makes the entry the youngest. */
  touch(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Stores an entry as the youngest; returns the entry that had to leave, if one had to. */
  set(key: K, value: V): readonly [K, V] | undefined {
    this.#entries.delete(key);
    let evicted: readonly [K, V] | undefined;
    if (this.#entries.size >= this.#entriesMax) {
      const oldest = this.#entries.entries().next();
      if (!oldest.done) {
        evicted = oldest.value;
        this.#entries.delete(evicted[0]);
      }
    }
    this.#entries.set(key, value);
    return evicted;
  }

  delete(key: K): boolean {
    return this.#entries.delete(key);
  }

  /** Oldest first. */
  entries(): IterableIterator<[K, V]> {
    return this.#entries.entries();
  }
}
