import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, EventLine, LineSink, LineSinkCounts, SinkDriver } from '@sallyport/kernel';
import type { EventRecord } from '@sallyport/siem';
import { type WaitingLine, WaitingLines } from './waiting-lines.ts';

export interface BufferedSinkOptions {
  readonly driver: SinkDriver;
  readonly clock: Clock;
  /** Which events; undefined: all. */
  readonly selects?: ((record: EventRecord) => boolean) | undefined;
  /** In which form; undefined: as they are. */
  readonly format?: ((record: EventRecord) => unknown) | undefined;
  /** The place fails; told once until it has recovered. */
  readonly onFailure: (cause: unknown) => void;
  /** It works again; with what was dropped meanwhile. */
  readonly onRecovery: (dropped: number) => void;
  /** How long a place that fails is left alone, in milliseconds. Default 2,000. */
  readonly restMs?: number;
  /** How long the end waits for what is on its way, in milliseconds. Default 2,000. */
  readonly closeMs?: number;
  /** Most UTF-16 units that wait. Default {@link SINK_WAITING_UNITS_MAX}. */
  readonly waitingUnitsMax?: number;
}

/**
 * Everything about a sink that does not depend on its place: lines wait in bounded memory, go to the driver in batches and in
 * order, and a place that is full, slow or gone costs nothing but its own lines.
 */
export class BufferedSink implements LineSink {
  readonly #options: BufferedSinkOptions;
  readonly #waiting: WaitingLines;
  readonly #closing = new AbortController();
  #running: Promise<void> | undefined;
  #written = 0;
  #writtenBytes = 0;
  #malformed = 0;
  #isFailing = false;
  #droppedBeforeFailure = 0;

  constructor(options: BufferedSinkOptions) {
    this.#options = options;
    this.#waiting = new WaitingLines(options.waitingUnitsMax ?? SINK_WAITING_UNITS_MAX);
  }

  offer(lines: readonly EventLine[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const line of lines) this.#take(line, nowMs);
    this.#start();
  }

  counts(): LineSinkCounts {
    const [innocent, evidence] = this.#waiting.dropped;
    return {
      written: this.#written,
      writtenBytes: this.#writtenBytes,
      dropped: [innocent, evidence],
      malformed: this.#malformed,
      waiting: this.#waiting.length,
      lagMs: this.#waiting.lagMs(this.#options.clock.monotonicMs()),
      isFailing: this.#isFailing,
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const deadline = new AbortController();
    const isOver = pause(this.#options.closeMs ?? CLOSE_MS, true, { signal: deadline.signal }).catch(() => true);
    const isLate = await Promise.race([this.#finish(), isOver]);
    deadline.abort();
    if (isLate) for (const line of this.#waiting.remove(this.#waiting.length)) this.#waiting.drop(line);
  }

  /** False: nothing waits any more. */
  async #finish(): Promise<boolean> {
    await this.#running;
    // A place that had failed gets one more chance.
    this.#start();
    await this.#running;
    try {
      await this.#options.driver.close();
    } catch (cause) {
      this.#fail(cause);
    }
    return this.#waiting.length > 0;
  }

  #take(line: EventLine, nowMs: number): void {
    const { selects, format } = this.#options;
    // The record is made only where it is needed: most sinks take lines as they are.
    const isRoomy = this.#waiting.hasRoom(line);
    if (selects === undefined && (format === undefined || !isRoomy)) return this.#waiting.offer(line, nowMs);
    const record = recordOf(line.line);
    if (record === undefined) {
      this.#malformed += 1;
      return;
    }
    if (selects?.(record) === false) return;
    const text = format === undefined || !isRoomy ? line.line : `${JSON.stringify(format(record))}\n`;
    this.#waiting.offer({ line: text, isInnocent: line.isInnocent }, nowMs);
  }

  #start(): void {
    if (this.#running !== undefined || this.#waiting.length === 0) return;
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (await this.#write(this.#waiting.first(BATCH_UNITS))) continue;
      if (this.#closing.signal.aborted) return;
      await this.#rest();
    }
  }

  /** False: nothing of it was written. */
  async #write(batch: readonly WaitingLine[]): Promise<boolean> {
    try {
      const taken = await this.#options.driver.write(batch.map(({ line }) => line));
      for (const { line } of this.#waiting.remove(taken)) {
        this.#written += 1;
        this.#writtenBytes += Buffer.byteLength(line);
      }
    } catch (cause) {
      this.#fail(cause);
      return false;
    }
    if (this.#isFailing) this.#options.onRecovery(this.#droppedInAll() - this.#droppedBeforeFailure);
    this.#isFailing = false;
    return true;
  }

  #fail(cause: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#droppedBeforeFailure = this.#droppedInAll();
    this.#options.onFailure(cause);
  }

  #droppedInAll(): number {
    const [innocent, evidence] = this.#waiting.dropped;
    return innocent + evidence;
  }

  async #rest(): Promise<void> {
    const { restMs = REST_MS } = this.#options;
    // The end of the process does not wait for it.
    await pause(restMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
  }
}

/** What may wait for one place: some ten thousand events. */
const SINK_WAITING_UNITS_MAX = 16_777_216;

/** One write: many lines with one call, and less than the smallest file that is rotated. */
const BATCH_UNITS = 262_144;

/** A disk that is full is not asked all the time. */
const REST_MS = 2_000;

/** A place that hangs must not keep the gateway from ending. */
const CLOSE_MS = 2_000;

function recordOf(line: string): EventRecord | undefined {
  try {
    const record: unknown = JSON.parse(line);
    return typeof record === 'object' && record !== null && !Array.isArray(record) ? { ...record } : undefined;
  } catch {
    return undefined;
  }
}
