import { allocateBlock, openBlock, requireWhole, shapeOf } from './block.ts';
import {
  ABSENT,
  ATTEMPTS_MAX,
  BUCKET_ENTRIES,
  bucketsFor,
  bytesOfBuckets,
  FULL,
  KeyBuckets,
  LOCKED,
  PAUSES_MAX,
  preferredEntry,
  SLOTS_MAX,
  type TableMember,
} from './key-buckets.ts';
import { KeyedHash } from './keyed-hash.ts';

export interface GaugeTableOptions {
  /** Keys with a count above zero that the table is made for. 1 to 1,000,000. */
  readonly keysMax: number;
  /** Threads that count: each has a column. 1 to 64. */
  readonly slots: number;
}

/** `acquire`: the key has as many as it may have. */
export const GAUGE_REFUSED = -1;
/** `acquire`: the key is new and there is no place for it. The caller decides; nothing was counted. */
export const GAUGE_FULL = -2;

/**
 * Exact counts by key in shared memory, which several threads add to and take from: open connections of a client.
 *
 * The count of a key is the sum over its columns, and only a column's own thread writes to it. A thread that dies takes
 * nothing along: its column is cleared, exactly, and kept for its replacement.
 *
 * A known key is counted without a lock. A new key takes the entry of one that fell to zero; when its bucket is full of keys
 * that are counted, the answer is `GAUGE_FULL` and never a wrong count. At `keysMax` keys a bucket is a quarter full.
 */
export class SharedGaugeTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #buckets: KeyBuckets;
  readonly #hash: KeyedHash;
  readonly #slot: number;
  readonly #slots: number;

  /** Memory for one table. @throws RangeError for options out of their range. */
  static allocate({ keysMax, slots }: GaugeTableOptions): SharedArrayBuffer {
    requireWhole('keysMax', keysMax, [1, GAUGE_KEYS_MAX]);
    requireWhole('slots', slots, [1, SLOTS_MAX]);
    const buckets = bucketsFor(keysMax, SHARE);
    return allocateBlock('gauge-table', [buckets, slots], bytesOfBuckets({ buckets, payloadWords: slots }));
  }

  /** The table in `buffer`. @throws TypeError when it holds none; RangeError for a slot it does not have. */
  constructor(buffer: SharedArrayBuffer, member: TableMember) {
    this.buffer = buffer;
    this.#words = openBlock(buffer, 'gauge-table');
    this.#slots = shapeOf(this.#words, 1);
    requireWhole('slot', member.slot, [0, this.#slots - 1]);
    this.#slot = member.slot;
    this.#hash = new KeyedHash(member.hashKey);
    const shape = { buckets: shapeOf(this.#words, 0), payloadWords: this.#slots };
    this.#buckets = new KeyBuckets(this.#words, member.slot, shape);
  }

  /**
   * Counts one more of `key` when it then has at most `max`, and returns a handle for {@link release}, zero or more.
   *
   * The count is never above `max`, whatever others do at the same moment. At the limit two attempts at the same moment
   * may see one another, and then one of them is refused although the other one's count ends at once.
   *
   * @returns a handle, or `GAUGE_REFUSED`, or `GAUGE_FULL`.
   */
  acquire(key: string, max: number): number {
    const buckets = this.#buckets;
    buckets.locate(key, this.#hash);
    const { bucket } = buckets.place;
    let pauses = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX && pauses < PAUSES_MAX; attempt += 1) {
      const known = buckets.find();
      const entry = known === ABSENT ? this.#insert(bucket) : known;
      if (entry === FULL) return GAUGE_FULL;
      if (entry === LOCKED) {
        pauses += 1;
        continue;
      }
      if (this.#sum(bucket, entry) >= max) return GAUGE_REFUSED;
      const column = buckets.payload(bucket, entry) + this.#slot;
      Atomics.add(this.#words, column, 1);
      if (!buckets.isHeld(entry)) {
        Atomics.sub(this.#words, column, 1);
        buckets.pause(bucket);
        pauses += 1;
        continue;
      }
      // First counted, then summed: of those who race for the last place, the last one to count sees all others.
      if (this.#sum(bucket, entry) <= max) return column;
      Atomics.sub(this.#words, column, 1);
    }
    return GAUGE_FULL;
  }

  /** Takes back what `acquire` counted. @throws RangeError when there is nothing to take back: a handle counts once. */
  release(handle: number): void {
    if (Atomics.sub(this.#words, handle, 1) > 0) return;
    Atomics.add(this.#words, handle, 1);
    throw new RangeError(`handle ${handle} counts nothing`);
  }

  /** How many of `key` are counted now, by all threads. */
  count(key: string): number {
    this.#buckets.locate(key, this.#hash);
    const entry = this.#buckets.find();
    return entry === ABSENT ? 0 : this.#sum(this.#buckets.place.bucket, entry);
  }

  /**
   * Removes everything that a thread counted, and whatever it left half done. Only after it has ended, and before its
   * replacement begins. @returns the sum that was removed.
   */
  clearColumn(slot: number): number {
    requireWhole('slot', slot, [0, this.#slots - 1]);
    const { first, end, stride } = this.#buckets;
    let removed = 0;
    for (let bucket = first; bucket < end; bucket += stride) {
      for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
        const column = this.#buckets.payload(bucket, entry) + slot;
        if (Atomics.load(this.#words, column) !== 0) removed += Atomics.exchange(this.#words, column, 0);
      }
    }
    this.#buckets.freeLocks(slot);
    return removed;
  }

  /** What one thread counts now, over all keys. Walks the whole table. */
  columnTotal(slot: number): number {
    requireWhole('slot', slot, [0, this.#slots - 1]);
    const { first, end, stride } = this.#buckets;
    let total = 0;
    for (let bucket = first; bucket < end; bucket += stride) {
      for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
        total += Atomics.load(this.#words, this.#buckets.payload(bucket, entry) + slot);
      }
    }
    return total;
  }

  /** Finds or makes the entry of the located key. */
  #insert(bucket: number): number {
    const buckets = this.#buckets;
    if (!buckets.lock(bucket)) return LOCKED;
    let entry = buckets.find();
    if (entry === ABSENT) {
      entry = this.#takeUncounted(bucket);
      if (entry !== FULL) buckets.rename(entry);
    }
    buckets.unlock(bucket);
    return entry;
  }

  /** Marks an entry that nobody is counted in: from then on nobody can be. */
  #takeUncounted(bucket: number): number {
    const from = preferredEntry(this.#buckets.place.tag);
    for (let step = 0; step < BUCKET_ENTRIES; step += 1) {
      const entry = (from + step) % BUCKET_ENTRIES;
      if (this.#sum(bucket, entry) > 0) continue;
      this.#buckets.mark(bucket, entry);
      if (this.#sum(bucket, entry) === 0) return entry;
      this.#buckets.unmark(bucket, entry);
    }
    return FULL;
  }

  #sum(bucket: number, entry: number): number {
    const from = this.#buckets.payload(bucket, entry);
    let sum = 0;
    for (let slot = 0; slot < this.#slots; slot += 1) sum += Atomics.load(this.#words, from + slot);
    return sum;
  }
}

/** Of the entries, in use at `keysMax` keys. */
const SHARE = 1 / 4;

const GAUGE_KEYS_MAX = 1_000_000;
