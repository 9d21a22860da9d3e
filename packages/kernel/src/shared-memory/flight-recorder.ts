import { Buffer } from 'node:buffer';
import { allocateBlock, BLOCK_WORDS, openBlock, requireWhole, shapeOf } from './block.ts';
import { writeBeginning } from './write-content.ts';

export interface FlightRecorderOptions {
  /** Inputs that can be in judgement at the same moment and are all kept; beyond it the oldest one is overwritten. 1 to 1,024. */
  readonly cells: number;
  /** Bytes kept of one input, its beginning. 64 to 65,536. */
  readonly inputBytes: number;
}

/** An input that was in judgement when the recorder was read. */
export interface RecordedInput {
  /** Counts the inputs of this recorder: the highest one began last. Modulo 2^30. */
  readonly sequence: number;
  /** A copy. It is what a client sent, secrets included: keep it aside, show it to nobody else. */
  readonly bytes: Uint8Array;
  readonly isTruncated: boolean;
}

/**
 * The inputs that a worker is judging, in shared memory: written before judgement and cleared after, so that the thread
 * which finds the worker dead or hanging can read what it was busy with. One worker writes.
 */
export class FlightRecorder {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #memory: Buffer;
  readonly #cells: number;
  readonly #inputBytes: number;

  /** Memory for one recorder. @throws RangeError for options out of their range. */
  static allocate({ cells, inputBytes }: FlightRecorderOptions): SharedArrayBuffer {
    requireWhole('cells', cells, [1, RECORDER_CELLS_MAX]);
    requireWhole('inputBytes', inputBytes, [RECORDED_BYTES_MIN, RECORDED_BYTES_MAX]);
    const data = FIRST_CELL + cells * CELL_WORDS;
    return allocateBlock('flight-recorder', [cells, inputBytes], data * 4 + cells * inputBytes);
  }

  /** The recorder in `buffer`. @throws TypeError when it holds none. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#words = openBlock(buffer, 'flight-recorder');
    this.#cells = shapeOf(this.#words, 0);
    this.#inputBytes = shapeOf(this.#words, 1);
    this.#memory = Buffer.from(buffer, (FIRST_CELL + this.#cells * CELL_WORDS) * 4);
  }

  /** Keeps the beginning of an input, and returns the ticket with which more is appended and all is cleared. */
  begin(content: string | Uint8Array): number {
    const words = this.#words;
    const sequence = (Atomics.add(words, SEQUENCE, 1) + 1) & SEQUENCE_MASK;
    const cell = this.#cellFor(sequence);
    // A cell without a sequence is empty, so a half-written one is never read as somebody else's.
    Atomics.store(words, cell + OWNER, 0);
    Atomics.store(words, cell + LENGTH, 0);
    Atomics.store(words, cell + TRUNCATED, 0);
    Atomics.store(words, cell + OWNER, sequence + 1);
    this.#write(cell, content);
    return cell * (SEQUENCE_MASK + 1) + sequence;
  }

  /** Keeps more of an input, for example its body after its head. */
  append(ticket: number, content: string | Uint8Array): void {
    const cell = this.#ownCell(ticket);
    if (cell !== undefined) this.#write(cell, content);
  }

  /** The judgement is over. Nothing happens when newer inputs have taken the place. */
  end(ticket: number): void {
    const cell = this.#ownCell(ticket);
    if (cell !== undefined) Atomics.store(this.#words, cell + OWNER, 0);
  }

  /** What is in judgement, newest first. Any thread; exact when the worker has ended. */
  read(): readonly RecordedInput[] {
    const words = this.#words;
    const inputs: RecordedInput[] = [];
    for (let index = 0; index < this.#cells; index += 1) {
      const cell = FIRST_CELL + index * CELL_WORDS;
      const owner = Atomics.load(words, cell + OWNER);
      if (owner === 0) continue;
      const length = Math.min(Atomics.load(words, cell + LENGTH), this.#inputBytes);
      const bytes = Uint8Array.from(this.#memory.subarray(index * this.#inputBytes, index * this.#inputBytes + length));
      const isTruncated = Atomics.load(words, cell + TRUNCATED) !== 0;
      // The worker lives and has gone on meanwhile: these bytes may be of two inputs.
      if (Atomics.load(words, cell + OWNER) !== owner) continue;
      inputs.push({ sequence: owner - 1, bytes, isTruncated });
    }
    const last = Atomics.load(words, SEQUENCE);
    const ageOf = ({ sequence }: RecordedInput): number => (last - sequence) & SEQUENCE_MASK;
    return inputs.toSorted((one, other) => ageOf(one) - ageOf(other));
  }

  /** Empties the recorder for a replacement. Only after the worker has ended. */
  clear(): void {
    for (let index = 0; index < this.#cells; index += 1) {
      Atomics.store(this.#words, FIRST_CELL + index * CELL_WORDS + OWNER, 0);
    }
  }

  /** An empty cell, or the one with the oldest input. */
  #cellFor(sequence: number): number {
    let oldest = FIRST_CELL;
    let oldestAge = -1;
    for (let step = 0; step < this.#cells; step += 1) {
      const cell = FIRST_CELL + ((sequence + step) % this.#cells) * CELL_WORDS;
      const owner = Atomics.load(this.#words, cell + OWNER);
      if (owner === 0) return cell;
      const age = (sequence - (owner - 1)) & SEQUENCE_MASK;
      if (age > oldestAge) [oldest, oldestAge] = [cell, age];
    }
    return oldest;
  }

  #ownCell(ticket: number): number | undefined {
    const cell = Math.floor(ticket / (SEQUENCE_MASK + 1));
    const sequence = ticket % (SEQUENCE_MASK + 1);
    return Atomics.load(this.#words, cell + OWNER) === sequence + 1 ? cell : undefined;
  }

  #write(cell: number, content: string | Uint8Array): void {
    const words = this.#words;
    const length = Atomics.load(words, cell + LENGTH);
    const at = ((cell - FIRST_CELL) / CELL_WORDS) * this.#inputBytes + length;
    const written = writeBeginning(content, this.#memory, at, this.#inputBytes - length);
    Atomics.store(words, cell + LENGTH, length + written);
    // Every unit of a text takes a byte at least; whether a text of other characters was cut shows in its bytes.
    if (written < content.length || isCut(content, written)) Atomics.store(words, cell + TRUNCATED, 1);
  }
}

/** True when UTF-8 of the whole text is longer than what was written. Texts that fit as they are need no second look. */
function isCut(content: string | Uint8Array, written: number): boolean {
  return typeof content === 'string' && written !== content.length && Buffer.byteLength(content, 'utf8') > written;
}

const RECORDER_CELLS_MAX = 1024;
const RECORDED_BYTES_MIN = 64;
const RECORDED_BYTES_MAX = 65_536;

const SEQUENCE_MASK = 2 ** 30 - 1;

const SEQUENCE = BLOCK_WORDS;
const FIRST_CELL = BLOCK_WORDS + 1;

// A cell: the sequence number plus one of its input, or 0; bytes kept; whether there were more.
const OWNER = 0;
const LENGTH = 1;
const TRUNCATED = 2;
const CELL_WORDS = 3;
