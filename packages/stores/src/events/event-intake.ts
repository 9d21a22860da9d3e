import type { ByteRing, EventLine, LineSink } from '@sallyport/kernel';

export interface EventIntakeOptions {
  /** One for each worker and one for the main thread. */
  readonly rings: readonly ByteRing[];
  readonly sinks: readonly Pick<LineSink, 'offer'>[];
}

/**
 * Takes events out of the rings and offers each of them to every sink. The rings are always emptied: a sink that fails or cannot keep
 * up takes nothing from the others. What finds no room in a ring, because this thread is busy, is dropped by class and counted.
 */
export class EventIntake {
  readonly #options: EventIntakeOptions;
  readonly #memories = new WeakMap<ArrayBufferLike, Buffer>();
  readonly #dropped: [innocent: number, evidence: number] = [0, 0];

  constructor(options: EventIntakeOptions) {
    this.#options = options;
  }

  /** No room in a ring, by class: innocent ones first. */
  get dropped(): readonly [innocent: number, evidence: number] {
    const [innocent, evidence] = this.#dropped;
    return [innocent, evidence];
  }

  /** Takes what the rings hold, at most one batch. True when there is more to be taken at once. */
  pass(): boolean {
    const batch: EventLine[] = [];
    let bytes = 0;
    for (const ring of this.#options.rings) {
      const room = BATCH_BYTES - bytes;
      if (room <= 0) break;
      // As the ring counts them, with what stands around each line: otherwise a ring that holds more would seem to be empty.
      bytes += ring.drain((memory, start, end, recordClass) => {
        const line = this.#buffer(memory).toString('utf8', start, end);
        batch.push({ line, isInnocent: recordClass === INNOCENT });
      }, room);
    }
    for (const ring of this.#options.rings) {
      this.#dropped[0] += ring.takeDropped(INNOCENT);
      this.#dropped[1] += ring.takeDropped(KEPT);
    }
    if (batch.length > 0) for (const sink of this.#options.sinks) sink.offer(batch);
    return bytes >= BATCH_BYTES;
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

/** What is taken at once: some thousand events. */
const BATCH_BYTES = 2_097_152;
