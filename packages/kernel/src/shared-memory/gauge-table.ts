import { allocateBlock, BLOCK_WORDS, LINE_WORDS, openBlock, powerOfTwoFrom, requireWhole, shapeOf } from './block.ts';
import { KeyedHash } from './keyed-hash.ts';

export interface GaugeTableOptions {
  /** Keys with a count above zero that the table is made for. 1 to 1,000,000. */
  readonly keysMax: number;
  /** Threads that count: each has a column. 1 to 64. */
  readonly slots: number;
}

export interface GaugeTableMember {
  /** Secret of the hash, the same in all threads: 16 random bytes. */
  readonly hashKey: Uint8Array;
  /** The column this thread counts in. One living thread for each. */
  readonly slot: number;
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
 * A key lives in one bucket of fifteen entries. A known key is counted without a lock. A new key takes its
 * bucket's lock for some hundred nanoseconds, and the entry of a key that fell to zero; when a bucket is full of keys that
 * are counted, the answer is `GAUGE_FULL` and never a wrong count. At `keysMax` keys a bucket is a quarter full.
 */
export class SharedGaugeTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #hash: KeyedHash;
  readonly #slot: number;
  readonly #slots: number;
  readonly #buckets: number;
  readonly #stride: number;

  /** Memory for one table. @throws RangeError for options out of their range. */
  static allocate({ keysMax, slots }: GaugeTableOptions): SharedArrayBuffer {
    requireWhole('keysMax', keysMax, [1, GAUGE_KEYS_MAX]);
    requireWhole('slots', slots, [1, GAUGE_SLOTS_MAX]);
    const buckets = powerOfTwoFrom(Math.ceil((keysMax * 4) / BUCKET_ENTRIES));
    return allocateBlock('gauge-table', [buckets, slots], (BLOCK_WORDS + buckets * strideOf(slots)) * 4);
  }

  /** The table in `buffer`. @throws TypeError when it holds none; RangeError for a slot it does not have. */
  constructor(buffer: SharedArrayBuffer, { hashKey, slot }: GaugeTableMember) {
    this.buffer = buffer;
    this.#words = openBlock(buffer, 'gauge-table');
    this.#buckets = shapeOf(this.#words, 0);
    this.#slots = shapeOf(this.#words, 1);
    requireWhole('slot', slot, [0, this.#slots - 1]);
    this.#slot = slot;
    this.#stride = strideOf(this.#slots);
    this.#hash = new KeyedHash(hashKey);
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
    this.#hash.of(key);
    const { low, high: rest } = this.#hash;
    const tag = tagOf(low);
    const bucket = this.#bucketOf(rest);
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const known = this.#find(bucket, tag, rest);
      const entry = known === ABSENT ? this.#insert(bucket, tag, rest) : known;
      if (entry === FULL) return GAUGE_FULL;
      if (entry === LOCKED) continue;
      if (this.#sum(bucket, entry) >= max) return GAUGE_REFUSED;
      const column = this.#columns(bucket, entry) + this.#slot;
      Atomics.add(this.#words, column, 1);
      // First counted, then checked that the entry is still the key's: who takes an entry away marks it and then sums.
      if (!this.#isHeld(bucket, entry, tag, rest)) {
        Atomics.sub(this.#words, column, 1);
        this.#pause(bucket);
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
    this.#hash.of(key);
    const { low, high: rest } = this.#hash;
    const bucket = this.#bucketOf(rest);
    const entry = this.#find(bucket, tagOf(low), rest);
    return entry === ABSENT ? 0 : this.#sum(bucket, entry);
  }

  /**
   * Removes everything that a thread counted, and whatever it left half done. Only after it has ended, and before its
   * replacement begins. @returns the sum that was removed.
   */
  clearColumn(slot: number): number {
    requireWhole('slot', slot, [0, this.#slots - 1]);
    const words = this.#words;
    let removed = 0;
    for (let bucket = BLOCK_WORDS; bucket < words.length; bucket += this.#stride) {
      for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
        const column = this.#columns(bucket, entry) + slot;
        if (Atomics.load(words, column) !== 0) removed += Atomics.exchange(words, column, 0);
      }
      // It died while it gave an entry a new name. Nobody was counted there, so whatever its name is now, it is free.
      if ((Atomics.load(words, bucket) & OWNER_MASK) === slot + 1) Atomics.store(words, bucket, 0);
    }
    return removed;
  }

  /** What one thread counts now, over all keys. Walks the whole table. */
  columnTotal(slot: number): number {
    requireWhole('slot', slot, [0, this.#slots - 1]);
    let total = 0;
    for (let bucket = BLOCK_WORDS; bucket < this.#words.length; bucket += this.#stride) {
      for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
        total += Atomics.load(this.#words, this.#columns(bucket, entry) + slot);
      }
    }
    return total;
  }

  /** The entry of a key, or `ABSENT`, which is certain only under the bucket's lock. */
  #find(bucket: number, tag: number, rest: number): number {
    const words = this.#words;
    for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
      if (words[bucket + TAGS + entry] === tag && words[bucket + RESTS + entry] === rest) return entry;
    }
    return ABSENT;
  }

  /** Makes an entry for a new key: a fresh one, or that of a key whose count is zero. `LOCKED`: try again. */
  #insert(bucket: number, tag: number, rest: number): number {
    const words = this.#words;
    const owner = this.#slot + 1;
    if (!this.#lock(bucket, owner)) return LOCKED;
    let entry = this.#find(bucket, tag, rest);
    if (entry === ABSENT) entry = this.#take(bucket, owner);
    if (entry !== FULL && this.#find(bucket, tag, rest) === ABSENT) {
      Atomics.store(words, bucket + TAGS + entry, 0);
      Atomics.store(words, bucket + RESTS + entry, rest);
      Atomics.store(words, bucket + TAGS + entry, tag);
    }
    Atomics.store(words, bucket, 0);
    return entry;
  }

  /** Marks an entry that nobody is counted in, so that nobody can be counted in it any more. */
  #take(bucket: number, owner: number): number {
    for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
      if (this.#sum(bucket, entry) > 0) continue;
      Atomics.store(this.#words, bucket, owner | ((entry + 1) << MARK_SHIFT));
      if (this.#sum(bucket, entry) === 0) return entry;
    }
    return FULL;
  }

  #lock(bucket: number, owner: number): boolean {
    for (let spin = 0; spin < SPINS_MAX; spin += 1) {
      if (Atomics.compareExchange(this.#words, bucket, 0, owner) === 0) return true;
    }
    this.#pause(bucket);
    return false;
  }

  /** Waits a little for whoever holds the bucket: it was interrupted within some hundred nanoseconds, or it died there. */
  #pause(bucket: number): void {
    const seen = Atomics.load(this.#words, bucket);
    if (seen !== 0) Atomics.wait(this.#words, bucket, seen, PAUSE_MS);
  }

  /** The order of these reads matters: a mark is gone only after the name has changed. */
  #isHeld(bucket: number, entry: number, tag: number, rest: number): boolean {
    const words = this.#words;
    if (Atomics.load(words, bucket) >> MARK_SHIFT === entry + 1) return false;
    return Atomics.load(words, bucket + TAGS + entry) === tag && Atomics.load(words, bucket + RESTS + entry) === rest;
  }

  #sum(bucket: number, entry: number): number {
    const from = this.#columns(bucket, entry);
    let sum = 0;
    for (let slot = 0; slot < this.#slots; slot += 1) sum += Atomics.load(this.#words, from + slot);
    return sum;
  }

  #bucketOf(rest: number): number {
    return BLOCK_WORDS + (rest & (this.#buckets - 1)) * this.#stride;
  }

  #columns(bucket: number, entry: number): number {
    return bucket + COLUMNS + entry * this.#slots;
  }
}

const GAUGE_KEYS_MAX = 1_000_000;
const GAUGE_SLOTS_MAX = 64;

/** Attempts of one `acquire`, and tries at a lock in each. */
const ATTEMPTS_MAX = 32;
const SPINS_MAX = 200;
const PAUSE_MS = 1;

// A bucket: on its first cache line the lock and one half of the names, on the second the other half, then the columns.
const BUCKET_ENTRIES = 15;
const TAGS = 1;
const RESTS = LINE_WORDS;
const COLUMNS = LINE_WORDS * 2;

// The lock: who holds it, and behind that the entry that is being renamed.
const OWNER_MASK = 0xff;
const MARK_SHIFT = 8;

// What is not an entry.
const ABSENT = -1;
const FULL = -2;
const LOCKED = -3;

/** Words of a bucket, in whole cache lines. */
function strideOf(slots: number): number {
  return Math.ceil((COLUMNS + BUCKET_ENTRIES * slots) / LINE_WORDS) * LINE_WORDS;
}

/** Half of a key's name; zero is an entry that never had one. */
function tagOf(low: number): number {
  return low === 0 ? 1 : low;
}
