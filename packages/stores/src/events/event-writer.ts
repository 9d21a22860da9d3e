import { mkdirSync } from 'node:fs';
import { type Clock, type EventLine, SteadyTime } from '@sallyport/kernel';
import { DayReader } from './day-reader.ts';
import { isCorruption } from './day-schema.ts';
import { DamagedDayError, DayWriter, parsedEvent, type ReceivedEvent } from './day-writer.ts';
import { bytesOf, DAY_MS, type DayFile, dayFile, dayFiles, moveAside, removeDay } from './event-files.ts';
import { timeOf } from './flat-fields.ts';
import { LongRollups } from './long-rollups.ts';
import { HOUR_MS } from './rollup.ts';

export interface EventWriterOptions {
  /** Made for its owner alone where it is missing. */
  readonly folder: string;
  readonly clock: Clock;
  /** Whole days that are kept beside the present one. 1 to 3,650. */
  readonly retentionDays: number;
  /** Bytes that all files together may take. When the present day alone takes more, only evidence is stored. */
  readonly quotaBytes: number;
  /** Something an operator has to know, in words. */
  readonly onProblem: (problem: string) => void;
  readonly segmentEvents?: number;
}

export interface Appended {
  readonly stored: number;
  /** Left out because the quota is used up. */
  readonly innocentOverQuota: number;
  readonly evidenceOverQuota: number;
  /** Lines that are no events: a bug of ours. */
  readonly malformed: number;
}

/** Writes events into a file for each day, and keeps to what was agreed on time and space. One process writes a folder. */
export class EventWriter {
  readonly #options: EventWriterOptions;
  #file: DayFile | undefined;
  #day: DayWriter | undefined;
  readonly #steady: SteadyTime;
  #usage: 'within' | 'over' | 'far-over' = 'within';
  #isLeapTold = false;

  /** @throws Error when the folder cannot be made. */
  constructor(options: EventWriterOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    // Whatever the clock says: there has been the day of the last file.
    this.#steady = new SteadyTime(options.clock, dayFiles(options.folder).at(-1)?.startMs);
  }

  /**
   * Makes a batch durable, all of it or nothing. @throws Error when the disk is full or fails: the same batch may be tried
   * again, and the file is opened anew then.
   */
  append(lines: readonly EventLine[]): Appended {
    const batch: ReceivedEvent[] = [];
    let malformed = 0;
    let innocentOverQuota = 0;
    let evidenceOverQuota = 0;
    for (const { line, isInnocent } of lines) {
      if (isInnocent && this.#usage !== 'within') innocentOverQuota += 1;
      else if (this.#usage === 'far-over') evidenceOverQuota += 1;
      else {
        const received = receivedEvent(line);
        if (received === undefined) malformed += 1;
        else batch.push(received);
      }
    }
    if (batch.length > 0) {
      try {
        this.#today().append(batch);
      } catch (cause) {
        this.#abandon(cause);
        throw cause;
      }
    }
    return { stored: batch.length, innocentOverQuota, evidenceOverQuota, malformed };
  }

  /** Removes what is older or more than agreed. Call now and then. */
  tidy(): void {
    const { folder, clock, retentionDays, quotaBytes, onProblem } = this.#options;
    const nowMs = clock.wallMs();
    const keptFromMs = this.#steady.nowMs() - (retentionDays + 1) * DAY_MS;
    this.#tellLeap();
    const files = dayFiles(folder).map((file) => ({ ...file, bytes: bytesOf(file.path) }));
    let all = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, startMs, bytes } of files) {
      if (path === this.#file?.path || startMs >= dayFile(folder, nowMs).startMs) continue;
      const isOld = startMs < keptFromMs;
      if (!isOld && all <= quotaBytes) continue;
      if (!isOld)
        onProblem(
          `events of ${dayText(startMs)} are deleted before their time: the quota of ${quotaBytes} bytes is used up`,
        );
      this.#keepCounts({ path, startMs });
      removeDay(path);
      all -= bytes;
    }
    const before = this.#usage;
    this.#usage = all <= quotaBytes ? 'within' : all <= quotaBytes * FAR_OVER ? 'over' : 'far-over';
    if (this.#usage !== before && this.#usage !== 'within') {
      const what = this.#usage === 'over' ? 'exchanges that pass are not' : 'nothing is';
      onProblem(`${what} stored any more: the events of today take ${all} bytes, and the quota is ${quotaBytes}`);
    }
  }

  #tellLeap(): void {
    const { leapMs } = this.#steady;
    if (leapMs > 0 && !this.#isLeapTold) {
      const hours = Math.ceil(leapMs / HOUR_MS);
      this.#options.onProblem(
        `the clock went ${hours} hours further than this process has run: until it is set back, or the next start, no day is deleted for its age by that`,
      );
    }
    this.#isLeapTold = leapMs > 0;
  }

  /** A day that is to be deleted leaves its counts. Where it cannot, it is deleted all the same: that was agreed, and the disk may be full. */
  #keepCounts(file: DayFile): void {
    const { folder, onProblem } = this.#options;
    try {
      const reader = new DayReader(file.path);
      try {
        const rows = reader.rollups(HOUR_MS, { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER });
        const counts = LongRollups.forWriting(folder);
        try {
          counts.keep(file, rows, this.#steady.nowMs());
        } finally {
          counts.close();
        }
      } finally {
        reader.close();
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      onProblem(`how many events there were on ${dayText(file.startMs)} cannot be kept: ${why}`);
    }
  }

  close(): void {
    this.#day?.close();
    this.#day = undefined;
    this.#file = undefined;
  }

  #today(): DayWriter {
    const { folder, clock, segmentEvents = SEGMENT_EVENTS } = this.#options;
    const file = dayFile(folder, clock.wallMs());
    if (this.#day !== undefined && this.#file?.path === file.path) return this.#day;
    const last = this.#day;
    this.#day = undefined;
    try {
      last?.seal();
    } finally {
      last?.close();
    }
    this.#file = file;
    this.#day = new DayWriter({ path: file.path, segmentEvents });
    return this.#day;
  }

  /** The next batch begins with an opened file. One that is damaged makes room for a new one. */
  #abandon(cause: unknown): void {
    const { clock, onProblem } = this.#options;
    const path = this.#file?.path;
    try {
      this.close();
    } catch {
      // It had failed before; what counts is that it is opened anew.
    }
    if (path === undefined || !(cause instanceof DamagedDayError || isCorruption(cause))) return;
    onProblem(`${path} is damaged and was moved to ${moveAside(path, clock.wallMs())}; events go into a new file`);
  }
}

/** Large enough that columns compress well, small enough that what is not in a segment yet is quick to read. */
const SEGMENT_EVENTS = 16_384;

/** Evidence may take that many times the quota before it is left out as well: a full disk would end more than the store. */
const FAR_OVER = 1.25;

function receivedEvent(line: string): ReceivedEvent | undefined {
  try {
    const event = parsedEvent(line);
    return Number.isNaN(timeOf(event)) ? undefined : { event, line };
  } catch {
    return undefined;
  }
}

function dayText(startMs: number): string {
  return new Date(startMs).toISOString().slice(0, 10);
}
