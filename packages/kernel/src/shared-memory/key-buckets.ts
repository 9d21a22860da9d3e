import { BLOCK_WORDS, LINE_WORDS, requireWhole } from './block.ts';
import type { KeyedHash } from './keyed-hash.ts';

/** What a thread brings to a table that it shares. */
export interface TableMember {
  /** Secret of the hash, the same in all threads: 16 random bytes. */
  readonly hashKey: Uint8Array;
  /** The place of this thread, 0 to 63. One living thread for each place. */
  readonly slot: number;
}

/** Where a key is, or would be: words of {@link KeyBuckets.place}. */
export interface KeyPlace {
  /** First word of its bucket, which is the bucket's lock. */
  bucket: number;
  /** 63 bits of its hash: 31 that are not all zero, and 32. */
  tag: number;
  rest: number;
}

/**
 * The part that all shared tables have: entries by key, in buckets, in shared memory.
 *
 * A key belongs to one bucket and lies in any of its {@link BUCKET_ENTRIES} entries. Whoever finds it there works on the
 * entry's payload by compare-and-swap, without a lock, and looks afterwards whether the entry still is the key's
 * ({@link isHeld}). Giving an entry to another key needs the bucket's lock, which is held for some hundred nanoseconds by
 * a thread that names itself in it: when that thread dies there, {@link freeLocks} lets the bucket go on.
 */
export class KeyBuckets {
  /** The key that was located last. */
  readonly place: KeyPlace = { bucket: 0, tag: 0, rest: 0 };
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #owner: number;
  readonly #count: number;
  readonly #entryWords: number;
  readonly #stride: number;

  constructor(words: Int32Array<SharedArrayBuffer>, slot: number, shape: BucketShape) {
    requireWhole('slot', slot, [0, SLOTS_MAX - 1]);
    this.#words = words;
    this.#owner = slot + 1;
    this.#count = shape.buckets;
    this.#entryWords = 1 + shape.payloadWords;
    this.#stride = strideOf(shape);
  }

  /** Hashes a key and says where it belongs, in {@link place}. */
  locate(key: string, hash: KeyedHash): void {
    hash.of(key);
    const { low, high } = hash;
    this.place.bucket = BLOCK_WORDS + Math.floor(((high >>> 0) * this.#count) / 2 ** 32) * this.#stride;
    this.place.tag = low & ~MARK || 1;
    this.place.rest = high;
  }

  /**
   * The entry of the located key, or `ABSENT`, which is certain only under the bucket's lock. These are plain reads, a tenth
   * of the price: an entry that is not the key's any more is found out by `isHeld`.
   */
  find(): number {
    const words = this.#words;
    const { bucket, tag, rest } = this.place;
    let entry = preferredEntry(tag);
    for (let step = 0; step < BUCKET_ENTRIES; step += 1) {
      if (words[bucket + TAGS + entry] === tag && words[bucket + LINE_WORDS + entry * this.#entryWords] === rest) {
        return entry;
      }
      entry = entry === BUCKET_ENTRIES - 1 ? 0 : entry + 1;
    }
    return ABSENT;
  }

  /**
   * True when the entry is still the located key's and nobody is about to take it away. Asked after a change of its payload:
   * who takes an entry away marks its name before looking at the payload, so either he has seen the change or it is
   * answered here with false. That the name could be another one with the same 31 bits is as good as impossible.
   */
  isHeld(entry: number): boolean {
    return Atomics.load(this.#words, this.place.bucket + TAGS + entry) === this.place.tag;
  }

  /**
   * Like {@link isHeld}, after whoever marked the entry has decided about it: true when it stayed the key's, false when it is
   * somebody else's now, undefined when nobody decides, because he died.
   */
  settled(entry: number): boolean | undefined {
    const { bucket, tag } = this.place;
    for (let attempt = 0; attempt < PAUSES_MAX; attempt += 1) {
      if (Atomics.load(this.#words, bucket + TAGS + entry) !== (tag | MARK)) return this.isHeld(entry);
      this.pause(bucket);
    }
    return undefined;
  }

  /** True for an entry without a name: never used, or emptied. */
  isNameless(bucket: number, entry: number): boolean {
    return (Atomics.load(this.#words, bucket + TAGS + entry) & ~MARK) === 0;
  }

  /** A word of the bucket itself, for its user; on the cache line of lock and tags. */
  bucketWord(bucket: number): number {
    return bucket + 1;
  }

  /** First word of an entry's payload. */
  payload(bucket: number, entry: number): number {
    return bucket + LINE_WORDS + entry * this.#entryWords + 1;
  }

  /** Takes a bucket's lock; false when somebody else keeps it, after having waited a little. */
  lock(bucket: number): boolean {
    for (let spin = 0; spin < SPINS_MAX; spin += 1) {
      if (Atomics.compareExchange(this.#words, bucket, 0, this.#owner) === 0) return true;
    }
    this.pause(bucket);
    return false;
  }

  unlock(bucket: number): void {
    Atomics.store(this.#words, bucket, 0);
  }

  /** Says that an entry may be taken from its key; before its payload is looked at, and under the lock. */
  mark(bucket: number, entry: number): void {
    Atomics.or(this.#words, bucket + TAGS + entry, MARK);
  }

  /** Leaves a marked entry to its key. */
  unmark(bucket: number, entry: number): void {
    Atomics.and(this.#words, bucket + TAGS + entry, ~MARK);
  }

  /** Gives a marked entry of its bucket to the located key. */
  rename(entry: number): void {
    const { bucket, tag, rest } = this.place;
    Atomics.store(this.#words, bucket + TAGS + entry, 0);
    Atomics.store(this.#words, bucket + LINE_WORDS + entry * this.#entryWords, rest);
    Atomics.store(this.#words, bucket + TAGS + entry, tag);
  }

  /** Takes the name of a marked entry away. */
  empty(bucket: number, entry: number): void {
    Atomics.store(this.#words, bucket + TAGS + entry, 0);
  }

  /** Waits a little for whoever holds the bucket: it was interrupted within some hundred nanoseconds, or it died there. */
  pause(bucket: number): void {
    const seen = Atomics.load(this.#words, bucket);
    if (seen !== 0) Atomics.wait(this.#words, bucket, seen, PAUSE_MS);
  }

  /**
   * Frees what a thread held when it died. An entry that it was about to take away stays with its key; one that it was
   * renaming belongs to nobody and is used up like any other.
   */
  freeLocks(slot: number): void {
    for (let bucket = this.first; bucket < this.end; bucket += this.#stride) {
      if (Atomics.load(this.#words, bucket) !== slot + 1) continue;
      for (let entry = 0; entry < BUCKET_ENTRIES; entry += 1) this.unmark(bucket, entry);
      this.unlock(bucket);
    }
  }

  /** Walks over buckets: from `first`, in steps of `stride`, to before `end`. */
  get first(): number {
    return BLOCK_WORDS;
  }

  get stride(): number {
    return this.#stride;
  }

  get end(): number {
    return BLOCK_WORDS + this.#count * this.#stride;
  }
}

export interface BucketShape {
  readonly buckets: number;
  /** Words of each entry. */
  readonly payloadWords: number;
}

/** Threads that share a table: every thread is a column of a gauge, which is summed for each count. */
export const SLOTS_MAX = 64;

/** Entries of a bucket: their tags fill a cache line together with the lock and the user's word. */
export const BUCKET_ENTRIES = 14;

/** What is not an entry: nothing found; no place for it; somebody holds the bucket. */
export const ABSENT = -1;
export const FULL = -2;
export const LOCKED = -3;

/** Times that one operation waits for a lock before it gives up. */
export const PAUSES_MAX = 32;

/** Times that one operation loses against others, each of which has got on meanwhile, before it gives up. */
export const ATTEMPTS_MAX = 10_000;

const SPINS_MAX = 200;
const PAUSE_MS = 1;
const TAGS = 2;

/** In a tag: its entry may be taken from its key. */
const MARK = -(2 ** 31);

/**
 * Buckets of which `keysMax` keys fill a share of the entries. A key then finds its bucket full of others with a probability
 * (Poisson) of 2 in 10^5 when the share is a quarter, and of 1 in 100 when it is a half.
 */
export function bucketsFor(keysMax: number, share: number): number {
  return Math.ceil(keysMax / share / BUCKET_ENTRIES);
}

/** Bytes of a block with these buckets. */
export function bytesOfBuckets(shape: BucketShape): number {
  return (BLOCK_WORDS + shape.buckets * strideOf(shape)) * 4;
}

/** Where a search begins. New keys are put as near to it as possible, so that most are found at once. */
export function preferredEntry(tag: number): number {
  return ((tag >>> 16) * BUCKET_ENTRIES) >>> 16;
}

/** A bucket: a line of lock, word and tags, then for each entry the rest of its key's hash and its payload. */
function strideOf({ payloadWords }: BucketShape): number {
  return Math.ceil((LINE_WORDS + BUCKET_ENTRIES * (1 + payloadWords)) / LINE_WORDS) * LINE_WORDS;
}
