import type { DatabaseSync } from 'node:sqlite';
import { type EventRecord, predicateOf, type Query, valueOf } from '@sallyport/siem';
import { valueAt } from './column.ts';
import { openDayForReading } from './day-schema.ts';
import { eventsOf } from './day-writer.ts';
import { type StoredEvent, timeOf } from './flat-fields.ts';
import { eventsIn, type Mask, maskOf, SegmentField, type ValueCounter } from './mask.ts';
import { type Moment, momentOf, sourceText } from './moment-order.ts';
import { type RollupKey, rollupKeyOf } from './rollup.ts';
import { type Segment, type SegmentPlace, SegmentTable } from './segment-reader.ts';

/** Events that happened in a time, inclusive on both sides. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A part of a day that is looked at in one go: a segment, or what is not in one yet. */
export interface Part {
  readonly fromMs: number;
  readonly toMs: number;
  /** Where the events are that satisfy the query, and when they happened. @throws Error when it is damaged. */
  matches(query: Query, span: Span): readonly Found[];
  /** @throws Error when it is damaged. */
  count(counting: { readonly query: Query; readonly span: Span; readonly field: string }, on: Counter): void;
}

/** An event that was found, and how to get all of it. */
export interface Found {
  readonly moment: Moment;
  readonly part: Part & { eventsAt(rows: readonly number[]): readonly StoredEvent[] };
  readonly row: number;
}

export interface Counter extends ValueCounter {
  /** Events that satisfy the query, and those of them without the field. */
  events(events: number, without: number): void;
}

export interface RollupRow {
  readonly startMs: number;
  readonly key: RollupKey;
  readonly events: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durations: readonly number[];
}

/** Reads the file of one day as it was at one moment, whatever is written meanwhile. Close it soon: it keeps the log from being cut. */
export class DayReader {
  readonly #database: DatabaseSync;
  readonly #segments: SegmentTable;

  /** @throws Error when the file cannot be read. */
  constructor(path: string) {
    this.#database = openDayForReading(path);
    try {
      // All that follows sees one state: events move from the tail into segments.
      this.#database.exec('BEGIN');
      this.#segments = new SegmentTable(this.#database);
    } catch (cause) {
      this.#database.close();
      throw cause;
    }
  }

  /** The parts with events in a time, the last ones first. */
  parts(span: Span): readonly Part[] {
    const segments = this.#segments
      .places(span.fromMs, span.toMs)
      .map((place) => new SegmentPart(this.#segments, place));
    const tail = this.#tail();
    const isInside = tail !== undefined && tail.toMs >= span.fromMs && tail.fromMs <= span.toMs;
    return [...(isInside ? [tail] : []), ...segments].toSorted((one, other) => other.toMs - one.toMs);
  }

  rollups(grainMs: number, { fromMs, toMs }: Span): readonly RollupRow[] {
    const rows = this.#database
      .prepare(
        'SELECT start_ms, rollup_key.key AS name, events, bytes_in, bytes_out, durations FROM rollup JOIN rollup_key ON rollup_key.id = rollup.key WHERE grain_ms = ? AND start_ms BETWEEN ? AND ?',
      )
      .all(grainMs, fromMs, toMs);
    return rows.map((row) => ({
      startMs: Number(row['start_ms']),
      key: rollupKeyOf(String(row['name'])),
      events: Number(row['events']),
      bytesIn: Number(row['bytes_in']),
      bytesOut: Number(row['bytes_out']),
      durations: numbersOf(String(row['durations'])),
    }));
  }

  close(): void {
    this.#database.close();
  }

  #tail(): TailPart | undefined {
    const rows = this.#database.prepare('SELECT lines FROM tail ORDER BY id').all();
    const events = rows.flatMap(({ lines }) => eventsOf(lines));
    return events.length === 0 ? undefined : new TailPart(events);
  }
}

class SegmentPart implements Part {
  readonly #table: SegmentTable;
  readonly #place: SegmentPlace;

  constructor(table: SegmentTable, place: SegmentPlace) {
    this.#table = table;
    this.#place = place;
  }

  get fromMs(): number {
    return this.#place.fromMs;
  }

  get toMs(): number {
    return this.#place.toMs;
  }

  matches(query: Query, span: Span): readonly Found[] {
    const segment = this.#table.open(this.#place);
    const mask = this.#mask(segment, query, span);
    if (!mask.includes(1)) return [];
    const [time, node, boot, sequence] = ['time', 'node', 'boot', 'sequence'].map((name) => segment.column(name));
    const found: Found[] = [];
    for (let row = mask.indexOf(1); row >= 0; row = mask.indexOf(1, row + 1)) {
      const at = (column: typeof time): unknown => (column === undefined ? undefined : valueAt(column, row));
      const moment = {
        timeMs: Number(at(time)),
        source: sourceText(at(node), at(boot)),
        sequence: Number(at(sequence) ?? 0),
      };
      found.push({ moment, part: this, row });
    }
    return found;
  }

  count({ query, span, field }: Parameters<Part['count']>[0], on: Counter): void {
    const segment = this.#table.open(this.#place);
    const mask = this.#mask(segment, query, span);
    if (!mask.includes(1)) return;
    const without = new SegmentField(segment, field).count(mask, on);
    on.events(eventsIn(mask), without);
  }

  eventsAt(rows: readonly number[]): readonly StoredEvent[] {
    return this.#table.eventsAt(this.#place, rows);
  }

  #mask(segment: Segment, query: Query, { fromMs, toMs }: Span): Mask {
    const mask = maskOf(query, segment);
    if (this.fromMs >= fromMs && this.toMs <= toMs) return mask;
    const time = segment.column('time');
    return mask.map((bit, row) => {
      const timeMs = bit === 0 || time === undefined ? Number.NaN : Number(valueAt(time, row));
      return timeMs >= fromMs && timeMs <= toMs ? 1 : 0;
    });
  }
}

/** Events that are not in a segment yet. */
class TailPart implements Part {
  readonly fromMs: number;
  readonly toMs: number;
  readonly #events: readonly EventRecord[];

  constructor(events: readonly EventRecord[]) {
    this.#events = events;
    const times = events.map(timeOf);
    this.fromMs = times.reduce((one, other) => Math.min(one, other), Number.POSITIVE_INFINITY);
    this.toMs = times.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY);
  }

  matches(query: Query, span: Span): readonly Found[] {
    const holds = this.#predicate(query, span);
    return this.#events.flatMap((event, row) => (holds(event) ? [{ moment: momentOf(event), part: this, row }] : []));
  }

  count({ query, span, field }: Parameters<Part['count']>[0], on: Counter): void {
    const holds = this.#predicate(query, span);
    let events = 0;
    let without = 0;
    for (const event of this.#events) {
      if (!holds(event)) continue;
      events += 1;
      const value = valueOf(event, field);
      if (value === undefined) without += 1;
      else on.value(value, 1);
    }
    on.events(events, without);
  }

  eventsAt(rows: readonly number[]): readonly StoredEvent[] {
    return rows.map((row) => {
      const event = this.#events[row];
      if (event === undefined) throw new RangeError(`there is no event ${row}`);
      return event;
    });
  }

  #predicate(query: Query, { fromMs, toMs }: Span): (event: EventRecord) => boolean {
    const holds = predicateOf(query);
    return (event) => {
      const timeMs = timeOf(event);
      return timeMs >= fromMs && timeMs <= toMs && holds(event);
    };
  }
}

function numbersOf(text: string): readonly number[] {
  const numbers: unknown = JSON.parse(text);
  return Array.isArray(numbers) ? numbers.map(Number) : [];
}
