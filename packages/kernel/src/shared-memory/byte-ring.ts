import { Buffer } from 'node:buffer';
import { allocateBlock, BLOCK_WORDS, LINE_WORDS, openBlock, powerOfTwoFrom, requireWhole, shapeOf } from './block.ts';
import { writeContent } from './write-content.ts';

export interface ByteRingOptions {
  /** Size of the ring in bytes, rounded up to a power of two. 4,096 to 134,217,728. */
  readonly bytes: number;
  /**
   * For each class of record, from the least important (class 0) on, the share of the ring that may be full when a record of
   * the class is still taken: above 0, at most 1. `[0.75, 1]` keeps a quarter for class 1. 1 to 16 classes.
   */
  readonly shares: readonly number[];
}

/** Gets one record: its bytes are `memory[start]` to `memory[end - 1]`, and only during the call. */
export type RecordReader = (
  memory: Uint8Array<SharedArrayBuffer>,
  start: number,
  end: number,
  recordClass: number,
) => void;

/**
 * A bounded ring of byte records from one thread to another, in shared memory: events on their way from a worker to the
 * control plane.
 *
 * One thread writes and one thread reads. Writing never blocks and never throws: a record that finds no room is dropped and
 * counted by its class, and classes have reserves, so that a flood of access lines cannot push out evidence. A record is
 * visible when it is complete: the writer may die at any instruction, and another one may then go on with the same ring.
 */
export class ByteRing {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #memory: Buffer<SharedArrayBuffer>;
  readonly #capacity: number;
  readonly #limits: readonly number[];

  /** Memory for one ring. @throws RangeError for options out of their range. */
  static allocate({ bytes, shares }: ByteRingOptions): SharedArrayBuffer {
    requireWhole('bytes', bytes, [RING_BYTES_MIN, RING_BYTES_MAX]);
    requireWhole('number of shares', shares.length, [1, RECORD_CLASSES_MAX]);
    const capacity = powerOfTwoFrom(bytes);
    const buffer = allocateBlock('byte-ring', [capacity, shares.length], DATA_WORD * 4 + capacity);
    const words = new Int32Array(buffer);
    for (const [index, share] of shares.entries()) {
      if (!(share > 0 && share <= 1)) throw new RangeError(`share ${share} is not above 0 and at most 1`);
      words[LIMIT_WORD + index] = Math.floor((capacity * share) / 4) * 4;
    }
    return buffer;
  }

  /** The ring in `buffer`; both sides construct one over the same memory. @throws TypeError when it holds none. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = openBlock(buffer, 'byte-ring');
    this.#capacity = shapeOf(this.#words, 0);
    this.#limits = [...this.#words.subarray(LIMIT_WORD, LIMIT_WORD + shapeOf(this.#words, 1))];
    this.#memory = Buffer.from(buffer, DATA_WORD * 4, this.#capacity);
  }

  /**
   * Writes one record, text as UTF-8; false when there was no room for it, which is counted. Writer only.
   *
   * The reader is woken when it waits, and only then: a busy writer costs no system call for each record.
   */
  write(content: string | Uint8Array, recordClass: number): boolean {
    const words = this.#words;
    const limit = this.#limits[recordClass];
    if (limit === undefined) return this.write(content, 0);
    const tail = Atomics.load(words, TAIL_WORD);
    const offset = tail & (this.#capacity - 1);
    const toEnd = this.#capacity - offset;
    const room = limit - ((tail - Atomics.load(words, HEAD_WORD)) >>> 0);
    // A record lies in one piece. Until the tail moves, everything written here is free memory, whatever happens to us.
    let skipped = 0;
    let length = this.#put(content, offset, Math.min(room, toEnd));
    if (length < 0 && room > toEnd) {
      skipped = toEnd;
      length = this.#put(content, 0, room - toEnd);
    }
    if (length < 0) {
      Atomics.add(words, DROPPED_WORD + recordClass, 1);
      return false;
    }
    if (skipped > 0) words[DATA_WORD + (offset >> 2)] = PADDING_CLASS << LENGTH_BITS;
    words[DATA_WORD + ((skipped > 0 ? 0 : offset) >> 2)] = (recordClass << LENGTH_BITS) | length;
    Atomics.store(words, TAIL_WORD, (tail + skipped + recordBytes(length)) | 0);
    if (Atomics.load(words, WAITING_WORD) !== 0) this.wake();
    return true;
  }

  /**
   * Hands over waiting records in order until they are all read or `bytesMax` bytes are passed; returns the bytes read. A
   * record that `onRecord` throws at is read too. Reader only.
   */
  drain(onRecord: RecordReader, bytesMax: number = Number.POSITIVE_INFINITY): number {
    const words = this.#words;
    const first = Atomics.load(words, HEAD_WORD);
    const tail = Atomics.load(words, TAIL_WORD);
    let head = first;
    let published = first;
    try {
      while (head !== tail && (head - first) >>> 0 < bytesMax) {
        const offset = head & (this.#capacity - 1);
        const header = words[DATA_WORD + (offset >> 2)] ?? 0;
        const length = header & LENGTH_MASK;
        const recordClass = header >>> LENGTH_BITS;
        if (recordClass === PADDING_CLASS) {
          head = (head + this.#capacity - offset) | 0;
          continue;
        }
        head = (head + recordBytes(length)) | 0;
        onRecord(this.#memory, offset + HEADER_BYTES, offset + HEADER_BYTES + length, recordClass);
        if ((head - published) >>> 0 >= PUBLISH_BYTES) {
          Atomics.store(words, HEAD_WORD, head);
          published = head;
        }
      }
    } finally {
      Atomics.store(words, HEAD_WORD, head);
    }
    return (head - first) >>> 0;
  }

  /**
   * A promise that resolves when there is something to read or somebody called `wake`; undefined when there already is.
   * Reader only, one at a time. A reader that pauses a little before it drains takes many records with one wake-up. When the
   * writer died, drain: it may have died between writing and waking. Waiting does not keep a process alive.
   */
  whenReadable(): Promise<unknown> | undefined {
    const words = this.#words;
    const seen = Atomics.load(words, SIGNAL_WORD);
    // We say that we wait and then look; the writer writes and then looks whether we wait. One of us sees the other. The number
    // is another one for each wait, so that a writer takes back only the one that it has answered.
    Atomics.store(words, WAITING_WORD, (seen << 1) | 1);
    if (this.waitingBytes > 0) {
      Atomics.store(words, WAITING_WORD, 0);
      return undefined;
    }
    const wait = Atomics.waitAsync(words, SIGNAL_WORD, seen);
    return wait.async ? wait.value : undefined;
  }

  /** Wakes the reader, for example so that it can end. Any thread. */
  wake(): void {
    const waiting = Atomics.load(this.#words, WAITING_WORD);
    Atomics.add(this.#words, SIGNAL_WORD, 1);
    Atomics.notify(this.#words, SIGNAL_WORD);
    // Last, so that after a writer that dies before this line the next one wakes the reader.
    Atomics.compareExchange(this.#words, WAITING_WORD, waiting, 0);
  }

  /** Bytes that wait to be read, headers and padding included. */
  get waitingBytes(): number {
    const head = Atomics.load(this.#words, HEAD_WORD);
    return (Atomics.load(this.#words, TAIL_WORD) - head) >>> 0;
  }

  /** Records of a class dropped since this was last asked. One thread asks and keeps the sum. */
  takeDropped(recordClass: number): number {
    return Atomics.exchange(this.#words, DROPPED_WORD + recordClass, 0) >>> 0;
  }

  /** Writes behind a header's place; the bytes of the content, or -1 when `space` is too small for both. */
  #put(content: string | Uint8Array, offset: number, space: number): number {
    if (space < HEADER_BYTES) return -1;
    return writeContent(content, this.#memory, offset + HEADER_BYTES, space - HEADER_BYTES);
  }
}

/** Ring sizes: one page, and what the length of a record can count. */
const RING_BYTES_MIN = 4096;
const RING_BYTES_MAX = 134_217_728;
const RECORD_CLASSES_MAX = 16;

/** A record: a word with class and length, its bytes, up to three bytes to the next word. */
const HEADER_BYTES = 4;
const LENGTH_BITS = 27;
const LENGTH_MASK = 2 ** LENGTH_BITS - 1;

/** A record that only fills the ring's end: the next one begins at its beginning. */
const PADDING_CLASS = 31;

/** A long drain gives memory back in steps of this size, so that the writer need not drop what would soon have room. */
const PUBLISH_BYTES = 32_768;

// The reader's and the writer's words stand on different cache lines.
const LIMIT_WORD = BLOCK_WORDS;
const HEAD_WORD = LIMIT_WORD + LINE_WORDS;
const WAITING_WORD = HEAD_WORD + 1;
const SIGNAL_WORD = HEAD_WORD + 2;
const TAIL_WORD = HEAD_WORD + LINE_WORDS;
const DROPPED_WORD = TAIL_WORD + LINE_WORDS;
const DATA_WORD = DROPPED_WORD + LINE_WORDS;

function recordBytes(length: number): number {
  return (HEADER_BYTES + length + 3) & ~3;
}
