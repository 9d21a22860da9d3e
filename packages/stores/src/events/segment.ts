import { ColumnBuilder, type EncodedColumn } from './column.ts';
import { forEachField, type StoredEvent, timeOf } from './flat-fields.ts';
import type { ValueNumbers } from './shared-column.ts';

/** Many events in a row, field by field. */
export interface EncodedSegment {
  readonly events: number;
  /** Of the first and the last of them in time, milliseconds since 1970. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly columns: ReadonlyMap<string, EncodedColumn>;
}

/** Gathers events until they are a segment. */
export class SegmentBuilder {
  readonly #eventsMax: number;
  readonly #columns = new Map<string, ColumnBuilder>();
  #events = 0;
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.NEGATIVE_INFINITY;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  get events(): number {
    return this.#events;
  }

  get isFull(): boolean {
    return this.#events >= this.#eventsMax;
  }

  /** Takes an event that says when it happened. @throws RangeError when the segment is full. */
  add(event: StoredEvent): void {
    if (this.isFull) throw new RangeError('the segment is full');
    const row = this.#events;
    forEachField(event, (name, value) => this.#column(name)?.set(row, value));
    const timeMs = timeOf(event);
    this.#fromMs = Math.min(this.#fromMs, timeMs);
    this.#toMs = Math.max(this.#toMs, timeMs);
    this.#events += 1;
  }

  /** `shared`: numbers for the texts of a field. */
  encode(shared?: (name: string) => ValueNumbers): EncodedSegment {
    const columns = new Map<string, EncodedColumn>();
    for (const [name, column] of this.#columns) {
      columns.set(name, column.encode(this.#events, shared === undefined ? undefined : () => shared(name)));
    }
    return { events: this.#events, fromMs: this.#fromMs, toMs: this.#toMs, columns };
  }

  #column(name: string): ColumnBuilder | undefined {
    const known = this.#columns.get(name);
    if (known !== undefined) return known;
    if (this.#columns.size >= FIELDS_MAX) return undefined;
    const column = new ColumnBuilder(this.#eventsMax);
    this.#columns.set(name, column);
    return column;
  }
}

/** Names of fields come from our own code and configuration; a field beyond is not kept, rather than the whole event lost. */
const FIELDS_MAX = 1_000;
