import { allocateBlock, openBlock, powerOfTwoFrom, requireWhole, shapeOf } from './block.ts';
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

export interface WindowTableOptions {
  /** Keys in use at the same time that the table is made for. 1 to 1,000,000. */
  readonly keysMax: number;
  /** Length of the window. 1 ms to 31 days. */
  readonly windowMicros: number;
  /** The highest limit that this table can hold; rounded up to a power of two. 1 to 65,536. */
  readonly limitMax: number;
}

export interface WindowOptions {
  /** Which limit this is, 0 to 2^32 - 1: the same key is another one in each space. */
  readonly space: number;
  /** Units in a window, 1 to the table's `limitMax`. */
  readonly limit: number;
}

/**
 * Sliding windows by key in shared memory, exact to the request and for all threads together: "100 requests a minute".
 *
 * Of each key the times of its last units are kept in a ring, as many as the highest limit. A unit is admitted when the one
 * `limit` units ago is a whole window old. It takes its position in the ring by compare-and-swap on the place itself; the
 * count of positions is moved after that by whoever sees it first, so that a thread that dies in between holds up nobody.
 * Whether a place was already taken in this turn of the ring stands in its lowest bit.
 *
 * A key costs 4 bytes for each unit of `limitMax` and 12 more, and there are two entries for each of `keysMax`: 106 MB for
 * 100,000 keys of 100 a minute, 21 MB for 2,500 of 1,000. A rate needs 55 bytes for each key, whatever the limit, but admits
 * up to nearly twice the number in its first period.
 *
 * **What an attacker gains by filling the table: little.** A new key gets an entry with an empty window, and when its bucket
 * has none, the one with the fewest units, *with these units*. A blocked key loses its entry only when all fourteen of its
 * bucket are blocked, and then a blocked one's is what it gets when it comes back. Buckets are secret, so to get there for one
 * key, nearly all entries of the table have to be used up to their limits within one window. {@link takeovers} counts.
 */
export class SharedWindowTable {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #buckets: KeyBuckets;
  readonly #clock: TickClock;
  readonly #hashKey: Uint8Array;
  readonly #windowTicks: number;
  readonly #ringBits: number;
  readonly #ringMask: number;

  /** Memory for one table. @throws RangeError for options out of their range. */
  static allocate({ keysMax, windowMicros, limitMax }: WindowTableOptions): SharedArrayBuffer {
    requireWhole('keysMax', keysMax, [1, WINDOW_KEYS_MAX]);
    requireWhole('windowMicros', windowMicros, [1000, WINDOW_MICROS_MAX]);
    requireWhole('limitMax', limitMax, [1, WINDOW_LIMIT_MAX]);
    const tick = tickFor(windowMicros, WINDOW_TICKS);
    // Times are rounded down to ticks, so two of them are a tick more apart than the window before they surely are apart.
    const windowTicks = tick === 1 ? windowMicros : Math.ceil(windowMicros / tick) + 1;
    const ring = powerOfTwoFrom(limitMax);
    const shape = { buckets: bucketsFor(keysMax, SHARE), payloadWords: RING + ring };
    requireWhole('size in bytes', bytesOfBuckets(shape), [1, TABLE_BYTES_MAX]);
    return allocateBlock('window-table', [shape.buckets, tick, windowTicks, ring], bytesOfBuckets(shape));
  }

  /** The table in `buffer`. @throws TypeError when it holds none. */
  constructor(buffer: SharedArrayBuffer, member: TableMember) {
    this.buffer = buffer;
    this.#hashKey = member.hashKey;
    this.#words = openBlock(buffer, 'window-table');
    this.#clock = new TickClock(shapeOf(this.#words, 1), EPOCH_TICKS);
    this.#windowTicks = shapeOf(this.#words, 2);
    const ring = shapeOf(this.#words, 3);
    this.#ringBits = Math.log2(ring);
    this.#ringMask = ring - 1;
    const shape = { buckets: shapeOf(this.#words, 0), payloadWords: RING + ring };
    this.#buckets = new KeyBuckets(this.#words, member.slot, shape);
  }

  /** A limit over this table. @throws RangeError when the table cannot hold it. */
  limit({ space, limit }: WindowOptions): SlidingWindow {
    requireWhole('space', space, [0, 2 ** 32 - 1]);
    requireWhole('limit', limit, [1, this.#ringMask + 1]);
    return new SlidingWindow(this, new KeyedHash(this.#hashKey, space), limit);
  }

  /** How often a new key took over the units of another one, by all threads: above zero, the table is too small. */
  get takeovers(): number {
    return Atomics.load(this.#words, TAKEOVERS) >>> 0;
  }

  /** Lets others use what a thread held when it died. What it had counted stays: windows are about the past. */
  clearSlot(slot: number): void {
    this.#buckets.freeLocks(slot);
  }

  /** See {@link SlidingWindow.take}. */
  take(key: string, hash: KeyedHash, limit: number, nowMicros: number): number | undefined {
    const buckets = this.#buckets;
    this.#clock.set(nowMicros);
    buckets.locate(key, hash);
    const { bucket } = buckets.place;
    let pauses = 0;
    for (let attempt = 0; attempt < ATTEMPTS_MAX && pauses < PAUSES_MAX; attempt += 1) {
      const entry = this.#entryOf(bucket);
      if (entry === LOCKED) {
        pauses += 1;
        continue;
      }
      const waitTicks = this.#place(buckets.payload(bucket, entry), limit);
      if (waitTicks === LOST) continue;
      if (buckets.isHeld(entry)) return waitTicks * this.#clock.tickMicros;
      const isHeld = buckets.settled(entry);
      if (isHeld !== false) return isHeld ? waitTicks * this.#clock.tickMicros : undefined;
    }
    return undefined;
  }

  /** See {@link SlidingWindow.remaining}. */
  remaining(key: string, hash: KeyedHash, limit: number, nowMicros: number): number {
    this.#clock.set(nowMicros);
    this.#buckets.locate(key, hash);
    const { bucket } = this.#buckets.place;
    const entry = this.#isTidied(bucket) ? this.#buckets.find() : ABSENT;
    if (entry === ABSENT) return limit;
    return Math.max(0, limit - this.#count(this.#buckets.payload(bucket, entry)));
  }

  /** Puts one unit into a ring: 0, or the ticks after which there will be room, or `LOST` against another thread. */
  #place(at: number, limit: number): number {
    const words = this.#words;
    // Everything before the head was written before it; the rest are plain reads, and the exchange finds out what changed.
    const head = Atomics.load(words, at + HEAD);
    const base = words[at + BASE] ?? 0;
    const place = at + RING + (head & this.#ringMask);
    const before = words[place] ?? 0;
    const taken = ((head >>> this.#ringBits) & 1) ^ 1;
    if ((before & 1) === taken) {
      // Somebody has taken this position and not yet moved the head.
      Atomics.compareExchange(words, at + HEAD, head, (head + 1) | 0);
      return LOST;
    }
    if (((head - limit - base) | 0) >= 0) {
      const age = this.#age(at, head - limit);
      // While the head stands, nobody has written over the position that was looked at.
      if (age < this.#windowTicks) return Atomics.load(words, at + HEAD) === head ? this.#windowTicks - age : LOST;
    }
    // Times in a ring never go back, even where the clocks of two threads differ a little.
    const ahead = head === base ? 0 : Math.max(0, -this.#signedAge(at, head - 1));
    const after = ((this.#clock.ticks + ahead) << 1) | taken | 0;
    if (Atomics.compareExchange(words, place, before, after) !== before) return LOST;
    Atomics.compareExchange(words, at + HEAD, head, (head + 1) | 0);
    return 0;
  }

  /** The entry of the located key, found or made; `LOCKED` when somebody holds the bucket. */
  #entryOf(bucket: number): number {
    if (!this.#isTidied(bucket)) return LOCKED;
    const known = this.#buckets.find();
    if (known !== ABSENT) return known;
    if (!this.#buckets.lock(bucket)) return LOCKED;
    let entry = this.#buckets.find();
    if (entry === ABSENT) entry = this.#takeLeast(bucket);
    this.#buckets.unlock(bucket);
    return entry;
  }

  /** Gives the entry with the fewest units in the window to the located key. */
  #takeLeast(bucket: number): number {
    const buckets = this.#buckets;
    const from = preferredEntry(buckets.place.tag);
    let least = from;
    let leastUnits = Number.POSITIVE_INFINITY;
    let leastAge = 0;
    for (let step = 0; step < BUCKET_ENTRIES && leastUnits > 0; step += 1) {
      const entry = (from + step) % BUCKET_ENTRIES;
      const at = buckets.payload(bucket, entry);
      const units = buckets.isNameless(bucket, entry) ? 0 : this.#count(at);
      // Of equals the one that will be empty first.
      const age = units === 0 ? 0 : this.#age(at, Atomics.load(this.#words, at + HEAD) - 1);
      if (units < leastUnits || (units === leastUnits && age > leastAge)) {
        [least, leastUnits, leastAge] = [entry, units, age];
      }
    }
    const wasNameless = buckets.isNameless(bucket, least);
    buckets.mark(bucket, least);
    const at = buckets.payload(bucket, least);
    // Others may have added to it until it was marked.
    if (wasNameless || this.#count(at) === 0)
      Atomics.store(this.#words, at + BASE, Atomics.load(this.#words, at + HEAD));
    else Atomics.add(this.#words, TAKEOVERS, 1);
    buckets.rename(least);
    return least;
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

  /** Once in an epoch: times that left the window are forgotten, so that none gets too old to be told from the future. */
  #tidy(bucket: number): void {
    const words = this.#words;
    const epochAt = this.#buckets.bucketWord(bucket);
    const isAllOver = this.#clock.epoch - Atomics.load(words, epochAt) >= EPOCHS_REMEMBERED;
    for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) {
      this.#buckets.mark(bucket, entry);
      const at = this.#buckets.payload(bucket, entry);
      const head = Atomics.load(words, at + HEAD);
      const units = isAllOver ? 0 : this.#count(at);
      Atomics.store(words, at + BASE, (head - units) | 0);
      if (units === 0) this.#buckets.empty(bucket, entry);
      else this.#buckets.unmark(bucket, entry);
    }
    Atomics.store(words, epochAt, this.#clock.epoch);
  }

  /** Units in the window now: positions are ordered by time, so half of what is left is looked at no more each time. */
  #count(at: number): number {
    const head = Atomics.load(this.#words, at + HEAD);
    const kept = (head - Atomics.load(this.#words, at + BASE)) | 0;
    let from = 0;
    let to = Math.min(kept, this.#ringMask + 1);
    while (from < to) {
      const middle = (from + to + 1) >> 1;
      if (this.#age(at, head - middle) < this.#windowTicks) from = middle;
      else to = middle - 1;
    }
    return from;
  }

  #age(at: number, position: number): number {
    return Math.max(0, this.#signedAge(at, position));
  }

  /** Ticks since a position was taken, from -2^30 to 2^30. */
  #signedAge(at: number, position: number): number {
    const word = this.#words[at + RING + (position & this.#ringMask)] ?? 0;
    return (((this.#clock.ticks << 1) - (word & ~1)) | 0) >> 1;
  }
}

/** One limit over a {@link SharedWindowTable}. */
export class SlidingWindow {
  readonly #table: SharedWindowTable;
  readonly #hash: KeyedHash;
  readonly #limit: number;

  constructor(table: SharedWindowTable, hash: KeyedHash, limit: number) {
    this.#table = table;
    this.#hash = hash;
    this.#limit = limit;
  }

  /**
   * Takes one unit of a key: never more than `limit` within any window, and never fewer when they are asked for.
   *
   * @param nowMicros from a clock that all threads share and that does not go back, 0 to 2^53.
   * @returns 0 when it was taken; otherwise the microseconds after which one can be; undefined when the table cannot say,
   *   because a thread died holding a part of it and has not been cleared away.
   */
  take(key: string, nowMicros: number): number | undefined {
    return this.#table.take(key, this.#hash, this.#limit, nowMicros);
  }

  /** Units that could be taken now. */
  remaining(key: string, nowMicros: number): number {
    return this.#table.remaining(key, this.#hash, this.#limit, nowMicros);
  }
}

/** Of the entries, in use at `keysMax` keys: entries are large, and a full bucket costs a new key a few units only. */
const SHARE = 1 / 2;

const WINDOW_KEYS_MAX = 1_000_000;
/** 31 days: the longest period that people put into a limit. */
const WINDOW_MICROS_MAX = 2_678_400_000_000;
const WINDOW_LIMIT_MAX = 65_536;
/** Word indices and byte lengths of a block stay far below 2^31. */
const TABLE_BYTES_MAX = 1_073_741_824;

// A time is 31 bits, so ages are right up to 2^30 ticks. In the epoch of its tidying a bucket keeps times of at most a
// window before it; after three epochs without anybody everything is over, and until then nothing is older than four.
const WINDOW_TICKS = 2 ** 28;
const EPOCH_TICKS = 2 ** 28;
const EPOCHS_REMEMBERED = 3;

/** Another thread has got on instead. */
const LOST = -1;

// An entry: positions given so far, the first position that counts, and the ring of times.
const HEAD = 0;
const BASE = 1;
const RING = 2;

/** The word behind the block's shape. */
const TAKEOVERS = 8;
