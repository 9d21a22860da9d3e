import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { COLUMN_KINDS } from './column.ts';
import { isSqliteError, openDayForWriting } from './day-schema.ts';
import { type StoredEvent, timeOf } from './flat-fields.ts';
import { pack, unpack } from './packed.ts';
import { HOUR_MS, keyText, MINUTE_MS, OTHER_KEY, ROLLUP_KEYS_MAX, Rollup, type RollupCell } from './rollup.ts';
import { type EncodedSegment, SegmentBuilder } from './segment.ts';
import { SharedValuesWriter } from './shared-values.ts';

export interface DayWriterOptions {
  readonly path: string;
  /** Events in a segment; fewer make fresh events quicker to read, more make old ones smaller. */
  readonly segmentEvents: number;
}

/** An event and the line in which it came. */
export interface ReceivedEvent {
  readonly event: StoredEvent;
  readonly line: string;
}

/**
 * Writes the events of one day. Each batch is one transaction, and what it held is there whatever happens afterwards. At
 * first events lie as they came; when there are enough of them they become a segment, in one transaction as well, so that
 * a reader sees each of them exactly once.
 */
export class DayWriter {
  readonly #database: DatabaseSync;
  readonly #segmentEvents: number;
  readonly #statements: Statements;
  readonly #fields = new Map<string, number>();
  readonly #rollupKeys = new Map<string, number>();
  readonly #shared: SharedValuesWriter;
  #builder: SegmentBuilder;
  #batches = 0;
  /** Of the batches in the builder. */
  #firstId = 0;
  #lastId = 0;

  /** @throws Error when the file cannot be opened or is damaged. */
  constructor({ path, segmentEvents }: DayWriterOptions) {
    this.#database = openDayForWriting(path);
    this.#segmentEvents = segmentEvents;
    try {
      this.#statements = prepare(this.#database);
      this.#shared = new SharedValuesWriter(this.#database);
      for (const { id, name } of this.#statements.fields.all()) this.#fields.set(String(name), Number(id));
      for (const { id, key } of this.#statements.rollupKeys.all()) this.#rollupKeys.set(String(key), Number(id));
      this.#builder = this.#builderOfTail();
    } catch (cause) {
      this.#database.close();
      throw isSqliteError(cause) ? cause : new DamagedDayError(path, { cause });
    }
  }

  /** Events that are not in a segment yet. */
  get tailEvents(): number {
    return this.#builder.events;
  }

  /** Makes a batch durable, all of it or, with an error, nothing. Each event says when it happened. @throws Error of SQLite. */
  append(batch: readonly ReceivedEvent[]): void {
    for (let from = 0; from < batch.length; ) {
      const room = Math.max(this.#segmentEvents - this.#builder.events, 1);
      const part = batch.slice(from, from + room);
      this.#appendPart(part);
      from += part.length;
      if (this.#builder.events >= this.#segmentEvents || this.#batches >= TAIL_BATCHES_MAX) this.seal();
    }
  }

  /** Makes a segment of what is not in one yet. @throws Error of SQLite; then everything is as before. */
  seal(): void {
    if (this.#builder.events === 0) return;
    this.#inTransaction(() => {
      if (!this.#isTailOurs()) this.#builder = this.#builderOfTail();
      this.#insertSegment(this.#builder.encode((name) => this.#shared.of(this.#field(name))));
      this.#shared.store();
      this.#statements.clearTail.run();
    });
    this.#builder = new SegmentBuilder(this.#segmentEvents);
    this.#batches = 0;
  }

  close(): void {
    this.#database.close();
  }

  #appendPart(part: readonly ReceivedEvent[]): void {
    const minutes = new Rollup(MINUTE_MS);
    const hours = new Rollup(HOUR_MS);
    let fromMs = Number.POSITIVE_INFINITY;
    let toMs = Number.NEGATIVE_INFINITY;
    for (const { event } of part) {
      minutes.add(event);
      hours.add(event);
      fromMs = Math.min(fromMs, timeOf(event));
      toMs = Math.max(toMs, timeOf(event));
    }
    const lines = pack(Buffer.from(part.map(({ line }) => line).join('')));
    let id = 0;
    this.#inTransaction(() => {
      id = Number(this.#statements.insertTail.run(part.length, fromMs, toMs, lines).lastInsertRowid);
      for (const cell of minutes.cells()) this.#count(MINUTE_MS, cell);
      for (const cell of hours.cells()) this.#count(HOUR_MS, cell);
    });
    for (const { event } of part) this.#builder.add(event);
    this.#batches += 1;
    if (this.#batches === 1) this.#firstId = id;
    this.#lastId = id;
  }

  #count(grainMs: number, { startMs, key, events, bytesIn, bytesOut, durations }: RollupCell): void {
    const id = this.#rollupKey(keyText(key));
    const known = this.#statements.rollup.get(grainMs, startMs, id);
    const before: unknown = known === undefined ? [] : JSON.parse(String(known['durations']));
    const sums = Array.isArray(before)
      ? durations.map((count, place) => count + Number(before[place] ?? 0))
      : durations;
    this.#statements.setRollup.run(
      grainMs,
      startMs,
      id,
      events + Number(known?.['events'] ?? 0),
      bytesIn + Number(known?.['bytes_in'] ?? 0),
      bytesOut + Number(known?.['bytes_out'] ?? 0),
      JSON.stringify(sums),
    );
  }

  #rollupKey(key: string): number {
    const known = this.#rollupKeys.get(key);
    if (known !== undefined) return known;
    const other = keyText(OTHER_KEY);
    if (this.#rollupKeys.size >= ROLLUP_KEYS_MAX && key !== other) return this.#rollupKey(other);
    const id = Number(this.#statements.insertRollupKey.get(key)?.['id']);
    this.#rollupKeys.set(key, id);
    return id;
  }

  #insertSegment({ events, fromMs, toMs, columns }: EncodedSegment): void {
    const segment = this.#statements.insertSegment.run(events, fromMs, toMs).lastInsertRowid;
    for (const [name, { kind, dictionary, rows }] of columns) {
      const field = this.#field(name);
      this.#statements.insertColumn.run(field, segment, COLUMN_KINDS.indexOf(kind), dictionary, rows);
    }
  }

  #field(name: string): number {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const id = Number(this.#statements.insertField.get(name)?.['id']);
    this.#fields.set(name, id);
    return id;
  }

  #inTransaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      // What was numbered within the transaction is not there.
      this.#shared.forget();
      this.#fields.clear();
      this.#rollupKeys.clear();
      for (const { id, name } of this.#statements.fields.all()) this.#fields.set(String(name), Number(id));
      for (const { id, key } of this.#statements.rollupKeys.all()) this.#rollupKeys.set(String(key), Number(id));
      throw cause;
    }
  }

  /**
   * While one process takes over from another one both write. Ids are never used twice and whoever makes a segment takes all
   * batches, so what is in the builder is the tail when it begins, ends and counts the same.
   */
  #isTailOurs(): boolean {
    const { batches, first, last } = this.#statements.tailState.get() ?? {};
    return batches === this.#batches && first === this.#firstId && last === this.#lastId;
  }

  /** After a restart, or whatever ended the last one: what it had not put into a segment. */
  #builderOfTail(): SegmentBuilder {
    const rows = this.#statements.tail.all();
    const batches = rows.map(({ lines }) => eventsOf(lines));
    const events = batches.flat();
    const builder = new SegmentBuilder(Math.max(this.#segmentEvents, events.length));
    for (const event of events) builder.add(event);
    this.#batches = batches.length;
    this.#firstId = Number(rows[0]?.['id'] ?? 0);
    this.#lastId = Number(rows.at(-1)?.['id'] ?? 0);
    return builder;
  }
}

/** What lies in the file is not what was written. */
export class DamagedDayError extends Error {
  override readonly name = 'DamagedDayError';

  constructor(path: string, options: ErrorOptions) {
    super(`${path} is damaged`, options);
  }
}

/** The events of a batch as it lies in the store. @throws Error when it is damaged. */
export function eventsOf(lines: unknown): readonly StoredEvent[] {
  if (!(lines instanceof Uint8Array)) throw new RangeError('a batch is bytes');
  return unpack(lines)
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map(parsedEvent);
}

/** @throws SyntaxError | RangeError when the line is no object. */
export function parsedEvent(line: string): StoredEvent {
  const event: unknown = JSON.parse(line);
  if (typeof event !== 'object' || event === null || Array.isArray(event))
    throw new RangeError('an event is an object');
  return { ...event };
}

/** With few events a second each batch is one: a reader should not have to open thousands of them. */
const TAIL_BATCHES_MAX = 1_024;

type Statements = ReturnType<typeof prepare>;

function prepare(database: DatabaseSync): Readonly<Record<StatementName, StatementSync>> {
  return {
    fields: database.prepare('SELECT id, name FROM field'),
    insertField: database.prepare(
      // The process from which another one takes over may have named it.
      'INSERT INTO field (name) VALUES (?) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id',
    ),
    insertSegment: database.prepare('INSERT INTO segment (events, from_ms, to_ms) VALUES (?, ?, ?)'),
    insertColumn: database.prepare(
      'INSERT INTO segment_column (field, segment, kind, dictionary, rows) VALUES (?, ?, ?, ?, ?)',
    ),
    tail: database.prepare('SELECT id, lines FROM tail ORDER BY id'),
    tailState: database.prepare('SELECT count(*) AS batches, min(id) AS first, max(id) AS last FROM tail'),
    insertTail: database.prepare('INSERT INTO tail (events, from_ms, to_ms, lines) VALUES (?, ?, ?, ?)'),
    clearTail: database.prepare('DELETE FROM tail'),
    rollupKeys: database.prepare('SELECT id, key FROM rollup_key'),
    insertRollupKey: database.prepare(
      'INSERT INTO rollup_key (key) VALUES (?) ON CONFLICT (key) DO UPDATE SET key = excluded.key RETURNING id',
    ),
    rollup: database.prepare('SELECT * FROM rollup WHERE grain_ms = ? AND start_ms = ? AND key = ?'),
    setRollup: database.prepare(
      'INSERT OR REPLACE INTO rollup (grain_ms, start_ms, key, events, bytes_in, bytes_out, durations) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ),
  };
}

type StatementName =
  | 'fields'
  | 'insertField'
  | 'insertSegment'
  | 'insertColumn'
  | 'tail'
  | 'tailState'
  | 'insertTail'
  | 'clearTail'
  | 'rollupKeys'
  | 'insertRollupKey'
  | 'rollup'
  | 'setRollup';
