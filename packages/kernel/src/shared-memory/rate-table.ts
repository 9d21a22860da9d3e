import { allocateBlock, openBlock, requireWhole, shapeOf } from './block.ts';
import {
  ABSENT,
  ATTEMPTS_MAX,
  BUCKET_ENTRIES,
  bucketsFor,
  bytesOfBuckets,
  KeyBuckets,
  LOCKED,
  PAUSES_MAX,
  preferredEntry,
  type TableMember,
} from './key-buckets.ts';
import { KeyedHash } from './keyed-hash.ts';
import { TickClock, tickFor } from './tick-clock.ts';

export interface RateTableOptions {
  /** Keys in use at the same time that the table is made for. 1 to 1,000,000. */
  readonly keysMax: number;
  /** The longest time that a limit of this table takes to forget everything: interval times burst. 1 ms to 31 days. */
  readonly horizonMicros: number;
}

export interface RateOptions {
  /** Which limit this is, 0 to 2^32 - 1: the same key is another one in each space. */
  readonly space: number;
  /** Time for which one unit counts: 600,000 for 100 a minute. At least a tick of the table. */
  readonly intervalMicros: number;
  /** Units that may come at once. 1 or more. */
  readonly burst: number;
}

/**
 * Rates by key in shared memory, exact for all threads together: the generic cell rate algorithm (GCRA).
 *
 * Of each key one number is kept, the time at which it owes nothing any more (its *theoretical arrival time*). A unit moves
 * it by the interval, and is refused when it would then be more than `burst` intervals away.
 *
 * **What an attacker gains by filling the table: nothing.** A new key gets an entry that owes nothing, and when its bucket has
 * none, the one that owes least, *with its debt*. A key that comes back after its entry was taken therefore owes at least
 * what it would owe if it had been kept: all entries of its bucket owed as much or more when it lost its own, and an entry's
 * time only ever grows. So a blocked key is never the first to go, no key is ever reset, and the price of a table that is too
 * small is that new keys are limited earlier than they should be; {@link takeovers} counts how often. This holds among limits
 * with the same interval times burst; one that forgets much later than the others deserves a table of its own.
 */
export class SharedRateTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #buckets: KeyBuckets;
  readonly #clock: TickClock;
  readonly #hashKey: Uint8Array;

  /** Memory for one table. @throws RangeError for options out of their range. */
  static allocate({ keysMax, horizonMicros }: RateTableOptions): SharedArrayBuffer {
    requireWhole('keysMax', keysMax, [1, RATE_KEYS_MAX]);
    requireWhole('horizonMicros', horizonMicros, [1000, RATE_HORIZON_MAX]);
    const buckets = bucketsFor(keysMax, SHARE);
    const bytes = bytesOfBuckets({ buckets, payloadWords: PAYLOAD_WORDS });
    return allocateBlock('rate-table', [buckets, tickFor(horizonMicros, HORIZON_TICKS)], bytes);
  }

  /** The table in `buffer`. @throws TypeError when it holds none; RangeError for a slot that is none. */
  constructor(buffer: SharedArrayBuffer, member: TableMember) {
    this.buffer = buffer;
    this.#hashKey = member.hashKey;
    this.#words = openBlock(buffer, 'rate-table');
    this.#clock = new TickClock(shapeOf(this.#words, 1), EPOCH_TICKS);
    const shape = { buckets: shapeOf(this.#words, 0), payloadWords: PAYLOAD_WORDS };
    this.#buckets = new KeyBuckets(this.#words, member.slot, shape);
  }

  /** A limit over this table. @throws RangeError when the table cannot hold it. */
  limit(options: RateOptions): Rate {
    const tick = this.#clock.tickMicros;
    requireWhole('space', options.space, [0, 2 ** 32 - 1]);
    requireWhole('burst', options.burst, [1, HORIZON_TICKS]);
    requireWhole('intervalMicros', options.intervalMicros, [tick, HORIZON_TICKS * tick]);
    // Rounded up, so that never more than the limit passes; by less than a tick, and not at all where a tick is a microsecond.
    const step = Math.ceil(options.intervalMicros / tick);
    requireWhole('interval times burst, in ticks,', step * options.burst, [1, HORIZON_TICKS]);
    const hash = new KeyedHash(this.#hashKey, options.space);
    return new Rate(this, { hash, step, capacity: step * options.burst });
  }

  /** How often a new key took over the debt of another one, by all threads: above zero, the table is too small. */
  get takeovers(): number {
    return Atomics.load(this.#words, TAKEOVERS) >>> 0;
  }

  /** Lets others use what a thread held when it died. What it had counted stays: rates are about the past. */
  clearSlot(slot: number): void {
    this.#buckets.freeLocks(slot);
  }

  /** See {@link Rate.take}. */
  take(key: string, limit: CompiledRate, cost: number, nowMicros: number): number | undefined {
    const words = this.#words;
    const buckets = this.#buckets;
    const clock = this.#clock;
    clock.set(nowMicros);
    buckets.locate(key, limit.hash);
    const { bucket } = buckets.place;
    let pauses = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX && pauses < PAUSES_MAX; attempt += 1) {
      const entry = this.#entryOf(bucket, limit.capacity);
      if (entry === LOCKED) {
        pauses += 1;
        continue;
      }
      const at = buckets.payload(bucket, entry);
      // A plain read: what is not so any more fails in the exchange, and is read again before it refuses.
      const seen = words[at] ?? 0;
      const debt = Math.max(0, (seen - clock.ticks) | 0);
      const after = debt + cost * limit.step;
      if (after > limit.capacity) {
        if (Atomics.load(words, at) !== seen) continue;
        if (buckets.isHeld(entry)) return (after - limit.capacity) * clock.tickMicros;
        buckets.pause(bucket);
        pauses += 1;
        continue;
      }
      if (Atomics.compareExchange(words, at, seen, (clock.ticks + after) | 0) !== seen) continue;
      if (buckets.isHeld(entry)) return 0;
      const isHeld = buckets.settled(entry);
      if (isHeld !== false) return isHeld ? 0 : undefined;
    }
    return undefined;
  }

  /** See {@link Rate.remaining}. */
  remaining(key: string, limit: CompiledRate, nowMicros: number): number {
    this.#clock.set(nowMicros);
    this.#buckets.locate(key, limit.hash);
    const { bucket } = this.#buckets.place;
    // When the bucket cannot be tidied, everything in it is as good as over.
    const entry = this.#isTidied(bucket) ? this.#buckets.find() : ABSENT;
    const debt = entry === ABSENT ? 0 : this.#debt(bucket, entry);
    return Math.floor(Math.max(0, limit.capacity - debt) / limit.step);
  }

  /** The entry of the located key, found or made; `LOCKED` when somebody holds the bucket. */
  #entryOf(bucket: number, capacity: number): number {
    if (!this.#isTidied(bucket)) return LOCKED;
    const known = this.#buckets.find();
    if (known !== ABSENT) return known;
    if (!this.#buckets.lock(bucket)) return LOCKED;
    let entry = this.#buckets.find();
    if (entry === ABSENT) entry = this.#takeLeast(bucket, capacity);
    this.#buckets.unlock(bucket);
    return entry;
  }

  /** Tidies a bucket of which nobody has thought in this epoch; false when somebody holds it. */
  #isTidied(bucket: number): boolean {
    // A plain read: an epoch that is not so any more only leads to the lock.
    const age = (this.#clock.epoch - (this.#words[this.#buckets.bucketWord(bucket)] ?? 0)) | 0;
    // A clock a little behind the one that tidied last: nothing is older than that one saw.
    if (age <= 0) return true;
    if (!this.#buckets.lock(bucket)) return false;
    this.#tidy(bucket);
    this.#buckets.unlock(bucket);
    return true;
  }

  /** Gives the entry that owes least to the located key. */
  #takeLeast(bucket: number, capacity: number): number {
    const buckets = this.#buckets;
    const from = preferredEntry(buckets.place.tag);
    let least = from;
    let leastDebt = Number.POSITIVE_INFINITY;
    for (let step = 0; step < BUCKET_ENTRIES && leastDebt > 0; step += 1) {
      const entry = (from + step) % BUCKET_ENTRIES;
      const debt = buckets.isNameless(bucket, entry) ? 0 : this.#debt(bucket, entry);
      if (debt < leastDebt) [least, leastDebt] = [entry, debt];
    }
    buckets.mark(bucket, least);
    if (leastDebt > 0) {
      // Others may have added to it until it was marked.
      leastDebt = this.#debt(bucket, least);
      Atomics.add(this.#words, TAKEOVERS, 1);
    }
    // No key can owe more than its own limit's capacity, so a debt of another limit is cut to it.
    const at = buckets.payload(bucket, least);
    Atomics.store(this.#words, at, (this.#clock.ticks + Math.min(leastDebt, capacity)) | 0);
    buckets.rename(least);
    return least;
  }

  /** Once in an epoch: entries that owe nothing lose their names, so that no time gets too old to be told from the future. */
  #tidy(bucket: number): void {
    const at = this.#buckets.bucketWord(bucket);
    const isAllOver = this.#clock.epoch - Atomics.load(this.#words, at) >= EPOCHS_REMEMBERED;
    for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
      if (!isAllOver && this.#debt(bucket, entry) > 0) continue;
      this.#buckets.mark(bucket, entry);
      if (isAllOver || this.#debt(bucket, entry) === 0) this.#buckets.empty(bucket, entry);
      else this.#buckets.unmark(bucket, entry);
    }
    Atomics.store(this.#words, at, this.#clock.epoch);
  }

  #debt(bucket: number, entry: number): number {
    const seen = Atomics.load(this.#words, this.#buckets.payload(bucket, entry));
    return Math.max(0, (seen - this.#clock.ticks) | 0);
  }
}

/** One limit over a {@link SharedRateTable}. */
export class Rate {
  readonly #table: SharedRateTable;
  readonly #compiled: CompiledRate;

  constructor(table: SharedRateTable, compiled: CompiledRate) {
    this.#table = table;
    this.#compiled = compiled;
  }

  /**
   * Takes units of a key; all of them or none.
   *
   * @param nowMicros from a clock that all threads share and that does not go back, 0 to 2^53.
   * @returns 0 when they were taken; otherwise the microseconds after which they could be (without an end when `cost` is
   *   more than the burst, which never passes); undefined when the table cannot say, because a thread died holding a part
   *   of it and has not been cleared away.
   */
  take(key: string, nowMicros: number, cost = 1): number | undefined {
    if (cost * this.#compiled.step > this.#compiled.capacity) return Number.POSITIVE_INFINITY;
    return this.#table.take(key, this.#compiled, cost, nowMicros);
  }

  /** Units that could be taken now. */
  remaining(key: string, nowMicros: number): number {
    return this.#table.remaining(key, this.#compiled, nowMicros);
  }
}

/** A limit in ticks of its table. */
export interface CompiledRate {
  readonly hash: KeyedHash;
  readonly step: number;
  readonly capacity: number;
}

/** Of the entries, in use at `keysMax` keys. */
const SHARE = 1 / 4;

const RATE_KEYS_MAX = 1_000_000;
/** 31 days: the longest period that people put into a limit. */
const RATE_HORIZON_MAX = 2_678_400_000_000;

// An entry's time is at most the horizon ahead, and a bucket is tidied when an epoch has passed: see `#tidy`. After four
// epochs without anybody everything in it is over, because the last use was before the end of the first one.
const HORIZON_TICKS = 2 ** 30;
const EPOCH_TICKS = 2 ** 29;
const EPOCHS_REMEMBERED = 4;

const PAYLOAD_WORDS = 1;

/** The word behind the block's shape. */
const TAKEOVERS = 8;
