import type { Clock, EventLine } from '@sallyport/kernel';
import { WaitingLines } from '../sinks/waiting-lines.ts';
import { isSqliteError } from './day-schema.ts';
import { DamagedDayError } from './day-writer.ts';
import type { EventWriter } from './event-writer.ts';

export interface StoreSinkOptions {
  readonly writer: Pick<EventWriter, 'append'>;
  readonly clock: Clock;
  /** The store cannot write; told once until it can again. */
  readonly onFailure: (cause: unknown) => void;
  readonly onRecovery: () => void;
  /** Most UTF-16 units that wait. Default {@link STORE_WAITING_UNITS_MAX}. */
  readonly waitingUnitsMax?: number;
}

/** What became of events since the sink began. By class: innocent ones first. */
export interface StoreSinkCounts {
  readonly stored: number;
  readonly malformed: number;
  /** No room among those that wait: the store could not keep up, or failed. */
  readonly droppedOverflow: readonly [innocent: number, evidence: number];
  /** The quota is used up. */
  readonly droppedQuota: readonly [innocent: number, evidence: number];
  readonly failedBatches: number;
}

/**
 * The store of events as a sink, in the thread that has it: writing is synchronous, so it happens when `pass` is called. When
 * the store cannot write it is left alone for a while; events wait, and what has no room is dropped by class.
 */
export class StoreSink {
  readonly #options: StoreSinkOptions;
  readonly #waiting: WaitingLines;
  readonly #droppedQuota: [number, number] = [0, 0];
  #stored = 0;
  #malformed = 0;
  #failedBatches = 0;
  #isFailing = false;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: StoreSinkOptions) {
    this.#options = options;
    this.#waiting = new WaitingLines(options.waitingUnitsMax ?? STORE_WAITING_UNITS_MAX);
  }

  offer(lines: readonly EventLine[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const line of lines) this.#waiting.offer(line, nowMs);
  }

  counts(): StoreSinkCounts {
    const [innocent, evidence] = this.#waiting.dropped;
    const [innocentOverQuota, evidenceOverQuota] = this.#droppedQuota;
    return {
      stored: this.#stored,
      malformed: this.#malformed,
      droppedOverflow: [innocent, evidence],
      droppedQuota: [innocentOverQuota, evidenceOverQuota],
      failedBatches: this.#failedBatches,
    };
  }

  /** Stores what waits, at most one batch, unless the store rests. True when there is more to be stored at once. */
  pass(): boolean {
    if (this.#waiting.length === 0 || this.#options.clock.monotonicMs() < this.#restUntilMs) return false;
    return this.#store(this.#waiting.first(BATCH_UNITS)) && this.#waiting.length > 0;
  }

  /** Stores all that waits, whether the store rests or not; what cannot be stored is dropped and counted. */
  finish(): void {
    this.#restUntilMs = Number.NEGATIVE_INFINITY;
    while (this.pass());
    for (const line of this.#waiting.remove(this.#waiting.length)) this.#waiting.drop(line);
  }

  #store(batch: readonly EventLine[]): boolean {
    const { writer, clock, onFailure, onRecovery } = this.#options;
    try {
      const { stored, malformed, innocentOverQuota, evidenceOverQuota } = writer.append(batch);
      this.#stored += stored;
      this.#malformed += malformed;
      this.#droppedQuota[0] += innocentOverQuota;
      this.#droppedQuota[1] += evidenceOverQuota;
    } catch (cause) {
      this.#failedBatches += 1;
      // A batch that can never be stored must not keep all that come behind it from it.
      if (!(isSqliteError(cause) || cause instanceof DamagedDayError)) {
        this.#malformed += this.#waiting.remove(batch.length).length;
      }
      if (!this.#isFailing) onFailure(cause);
      this.#isFailing = true;
      this.#restUntilMs = clock.monotonicMs() + REST_MS;
      return false;
    }
    this.#waiting.remove(batch.length);
    if (this.#isFailing) onRecovery();
    this.#isFailing = false;
    return true;
  }
}

/** What is parsed and written at once: some thousand events. */
const BATCH_UNITS = 2_097_152;

/** What may wait while the store fails or is busy: as much as two rings hold. */
const STORE_WAITING_UNITS_MAX = 16_777_216;

/** A disk that is full is not asked all the time: each try opens the file anew, and decisions wait for the same thread. */
const REST_MS = 2_000;
