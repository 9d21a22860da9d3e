import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { COLUMN_KINDS, type Column, decodeColumn, type EncodedColumn, valueAt } from './column.ts';
import { eventOf, type StoredEvent } from './flat-fields.ts';
import { pack, unpack } from './packed.ts';
import { SharedValuesReader } from './shared-values.ts';

/** Where a segment is, and when its events happened. */
export interface SegmentPlace {
  readonly id: number;
  readonly events: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The segments of one file. */
export class SegmentTable {
  readonly #columns: StatementSync;
  readonly #column: StatementSync;
  readonly #places: StatementSync;
  readonly #fields = new Map<string, number>();
  readonly #shared: SharedValuesReader;

  constructor(database: DatabaseSync) {
    this.#shared = new SharedValuesReader(database);
    this.#places = database.prepare(
      'SELECT id, events, from_ms, to_ms FROM segment WHERE to_ms >= ? AND from_ms <= ? ORDER BY to_ms DESC',
    );
    this.#column = database.prepare(
      'SELECT kind, dictionary, rows FROM segment_column WHERE segment = ? AND field = ?',
    );
    this.#columns = database.prepare(
      'SELECT field, name, kind, dictionary, rows FROM segment_column JOIN field ON field.id = field WHERE segment = ? ORDER BY field',
    );
    for (const { id, name } of database.prepare('SELECT id, name FROM field').all()) {
      this.#fields.set(String(name), Number(id));
    }
  }

  /** Segments with events in a time, the last ones first. */
  places(fromMs: number, toMs: number): readonly SegmentPlace[] {
    return this.#places.all(fromMs, toMs).map((row) => ({
      id: Number(row['id']),
      events: Number(row['events']),
      fromMs: Number(row['from_ms']),
      toMs: Number(row['to_ms']),
    }));
  }

  open(place: SegmentPlace): Segment {
    return new Segment(place, {
      encoded: (name) => this.#read(place, name),
      decode: (name, encoded) => this.#decode(this.#fields.get(name), encoded, place),
    });
  }

  /** Whole events of a segment, by their place in it. @throws Error when it is damaged. */
  eventsAt(place: SegmentPlace, rows: readonly number[]): readonly StoredEvent[] {
    const columns = this.#columns
      .all(place.id)
      .map((row) => [String(row['name']), this.#decode(Number(row['field']), encodedOf(row), place)] as const);
    return rows.map((row) =>
      eventOf(
        columns.flatMap(([name, column]) => {
          const value = valueAt(column, row);
          return value === undefined ? [] : [[name, value] as const];
        }),
      ),
    );
  }

  #decode(field: number | undefined, encoded: EncodedColumn, { events }: SegmentPlace): Column {
    return decodeColumn(encoded, events, field === undefined ? undefined : () => this.#shared.of(field));
  }

  #read(place: SegmentPlace, name: string): EncodedColumn | undefined {
    const field = this.#fields.get(name);
    const row = field === undefined ? undefined : this.#column.get(place.id, field);
    return row === undefined ? undefined : encodedOf(row);
  }
}

/** How the columns of a segment are read. */
interface ColumnSource {
  readonly encoded: (name: string) => EncodedColumn | undefined;
  readonly decode: (name: string, encoded: EncodedColumn) => Column;
}

/** One segment, of which a column is read when it is asked for. */
export class Segment {
  readonly place: SegmentPlace;
  readonly #source: ColumnSource;
  readonly #encoded = new Map<string, EncodedColumn | undefined>();
  readonly #columns = new Map<string, Column | undefined>();

  constructor(place: SegmentPlace, source: ColumnSource) {
    this.place = place;
    this.#source = source;
  }

  get events(): number {
    return this.place.events;
  }

  /** Undefined when no event has the field. @throws Error when it is damaged. */
  column(name: string): Column | undefined {
    if (!this.#columns.has(name)) {
      const encoded = this.#encodedOf(name);
      this.#columns.set(name, encoded === undefined ? undefined : this.#source.decode(name, encoded));
    }
    return this.#columns.get(name);
  }

  /**
   * True when surely no event has the text as its value, or in its list: the bytes of the dictionary are searched, which costs a
   * tenth of reading it. @throws Error when it is damaged.
   */
  lacks(name: string, text: string): boolean {
    const encoded = this.#encodedOf(name);
    if (encoded === undefined || encoded.kind !== 'dictionary') return false;
    const dictionary = unpack(encoded.dictionary);
    // Whoever reads the column next has it unpacked.
    this.#encoded.set(name, { ...encoded, dictionary: pack(dictionary, 'plain') });
    return !dictionary.includes(JSON.stringify(text));
  }

  #encodedOf(name: string): EncodedColumn | undefined {
    if (!this.#encoded.has(name)) this.#encoded.set(name, this.#source.encoded(name));
    return this.#encoded.get(name);
  }
}

function encodedOf(row: Readonly<Record<string, unknown>>): EncodedColumn {
  const { kind, dictionary, rows } = row;
  const name = COLUMN_KINDS[Number(kind)];
  if (name === undefined || !(dictionary instanceof Uint8Array) || !(rows instanceof Uint8Array)) {
    throw new RangeError('a column is of no kind that is known');
  }
  return { kind: name, dictionary, rows };
}
