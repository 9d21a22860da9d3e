import type { ByteRing } from '@sallyport/kernel';
import { isSqliteError } from './day-schema.ts';
import { DamagedDayError } from './day-writer.ts';
import type { EventWriter, ReceivedLine } from './event-writer.ts';

export interface EventIntakeOptions {
  /** One for each worker and one for the main thread. */
  readonly rings: readonly ByteRing[];
  readonly writer: Pick<EventWriter, 'append' | 'tidy'>;
  /** The store cannot write; told once until it can again. */
  readonly onFailure: (cause: unknown) => void;
  readonly onRecovery: () => void;
}

/** What became of events since the intake began. */
export interface IntakeCounts {
  readonly stored: number;
  readonly malformed: number;
  /** By class of the ring, the least important first: no room in the ring, because the store could not keep up. */
  readonly droppedOverflow: readonly number[];
  /** By class likewise: the quota is used up. */
  readonly droppedQuota: readonly number[];
  readonly failedBatches: number;
}

/**
 * Carries events from the rings into the store in batches. When the store cannot write, the batch in hand is kept and the
 * rings fill: they drop by class, innocent lines first, and count.
 */
export class EventIntake {
  readonly #counts: Counts = {
    stored: 0,
    malformed: 0,
    droppedOverflow: [0, 0],
    droppedQuota: [0, 0],
    failedBatches: 0,
  };
  readonly #options: EventIntakeOptions;
  readonly #memories = new WeakMap<ArrayBufferLike, Buffer>();
  #batch: ReceivedLine[] = [];
  #batchBytes = 0;
  #isFailing = false;

  constructor(options: EventIntakeOptions) {
    this.#options = options;
  }

  /** The batch in hand could not be stored: try again a while later. */
  get isFailing(): boolean {
    return this.#isFailing;
  }

  counts(): IntakeCounts {
    return structuredClone(this.#counts);
  }

  /** Takes what the rings hold, at most one batch, and stores it. True when there is more to be taken at once. */
  pass(): boolean {
    // After a failure the batch in hand comes first, alone.
    if (this.#batch.length === 0) this.#fill();
    this.#countDropped();
    if (this.#batch.length === 0) return false;
    const isWhole = this.#batchBytes >= BATCH_BYTES;
    return this.#store() && isWhole;
  }

  #fill(): void {
    for (const ring of this.#options.rings) {
      const room = BATCH_BYTES - this.#batchBytes;
      if (room <= 0) return;
      ring.drain((memory, start, end, recordClass) => {
        const line = this.#buffer(memory).toString('utf8', start, end);
        this.#batch.push({ line, isInnocent: recordClass === INNOCENT });
        this.#batchBytes += end - start;
      }, room);
    }
  }

  #store(): boolean {
    const { writer, onFailure, onRecovery } = this.#options;
    try {
      const { stored, malformed, innocentOverQuota, evidenceOverQuota } = writer.append(this.#batch);
      this.#counts.stored += stored;
      this.#counts.malformed += malformed;
      this.#drop(this.#counts.droppedQuota, INNOCENT, innocentOverQuota);
      this.#drop(this.#counts.droppedQuota, KEPT, evidenceOverQuota);
    } catch (cause) {
      this.#counts.failedBatches += 1;
      // A batch that can never be stored must not keep all that come behind it from it.
      if (!(isSqliteError(cause) || cause instanceof DamagedDayError)) this.#giveUp();
      if (!this.#isFailing) onFailure(cause);
      this.#isFailing = true;
      return false;
    }
    this.#batch = [];
    this.#batchBytes = 0;
    if (this.#isFailing) onRecovery();
    this.#isFailing = false;
    return true;
  }

  #giveUp(): void {
    this.#counts.malformed += this.#batch.length;
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #countDropped(): void {
    for (const ring of this.#options.rings) {
      this.#drop(this.#counts.droppedOverflow, INNOCENT, ring.takeDropped(INNOCENT));
      this.#drop(this.#counts.droppedOverflow, KEPT, ring.takeDropped(KEPT));
    }
  }

  #drop(counts: number[], recordClass: number, events: number): void {
    counts[recordClass] = (counts[recordClass] ?? 0) + events;
  }

  #buffer(memory: Uint8Array): Buffer {
    const known = this.#memories.get(memory.buffer);
    if (known !== undefined) return known;
    const made = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#memories.set(memory.buffer, made);
    return made;
  }
}

/** The classes of `RING_SHARES`. */
const INNOCENT = 0;
const KEPT = 1;

/** What is parsed, held and written at once: some thousand events. */
const BATCH_BYTES = 2_097_152;

interface Counts {
  stored: number;
  malformed: number;
  readonly droppedOverflow: number[];
  readonly droppedQuota: number[];
  failedBatches: number;
}
