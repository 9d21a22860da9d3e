import {
  type FieldValue,
  fieldNamed,
  type ImpliedValue,
  impliedByKind,
  type Query,
  type QueryLeaf,
  valueOf,
  valuePredicateOf,
} from '@sallyport/siem';
import { type Column, type StoredValue, valueAt } from './column.ts';
import type { Segment } from './segment-reader.ts';
import type { NumberedValues, SharedColumn } from './shared-column.ts';

/** For each event of a segment 1 when it satisfies the query, and 0 otherwise. */
export type Mask = Uint8Array;

/** Adds up values of a field. */
export interface ValueCounter {
  value(value: FieldValue, events: number): void;
  /** By code: `column.textOf(code)` was seen in `counts[code]` events. */
  shared(column: SharedColumn, counts: Uint32Array): void;
}

/**
 * Which events of a segment satisfy a query: the same as its predicate says of each event, but every distinct value of a field
 * is looked at once, and fields that decide nothing any more are not read. @throws Error when a column is damaged.
 */
export function maskOf(query: Query, segment: Segment): Mask {
  switch (query.kind) {
    case 'all':
      return new Uint8Array(segment.events).fill(1);
    case 'and': {
      const mask = new Uint8Array(segment.events).fill(1);
      for (const part of query.parts.toSorted((one, other) => costOf(one) - costOf(other))) {
        if (!mask.includes(1)) break;
        const other = maskOf(part, segment);
        for (let row = 0; row < mask.length; row += 1) mask[row] = (mask[row] ?? 0) & (other[row] ?? 0);
      }
      return mask;
    }
    case 'or': {
      const mask = new Uint8Array(segment.events);
      for (const part of query.parts) {
        const other = maskOf(part, segment);
        for (let row = 0; row < mask.length; row += 1) mask[row] = (mask[row] ?? 0) | (other[row] ?? 0);
      }
      return mask;
    }
    case 'not':
      return maskOf(query.part, segment).map((bit) => 1 - bit);
    case 'compare':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'in':
    case 'network':
    case 'exists': {
      // Most questions are about one client or one request, and most segments have nothing of it.
      if (
        isTextEquality(query) &&
        impliedByKind(query.field) === undefined &&
        segment.lacks(query.field, query.value)
      ) {
        return new Uint8Array(segment.events);
      }
      return new SegmentField(segment, query.field).mask(query);
    }
  }
}

/** What it costs to find out, roughly: fields with few values are read in no time, and what they exclude needs no other look. */
function costOf(query: Query): number {
  switch (query.kind) {
    case 'all':
      return 0;
    case 'and':
    case 'or':
      return query.parts.reduce((sum, part) => sum + costOf(part), 0);
    case 'not':
      return costOf(query.part);
    case 'compare':
    case 'contains':
    case 'startsWith':
    case 'endsWith':
    case 'in':
    case 'network':
    case 'exists':
      return fieldNamed(query.field)?.isLowCardinality === true ? 1 : MANY_VALUES_COST;
  }
}

const MANY_VALUES_COST = 100;

/** One field of a segment as queries see it: what events leave out because it is usual is there as well. */
export class SegmentField {
  readonly #segment: Segment;
  readonly #column: Column | undefined;
  /** The field is inside of what the column holds. */
  readonly #isInner: boolean;
  readonly #view: (value: StoredValue) => FieldValue | undefined;
  readonly #implied: ReadonlyMap<unknown, ImpliedValue> | undefined;

  constructor(segment: Segment, name: string) {
    this.#segment = segment;
    this.#implied = impliedByKind(name);
    const { column, inner } = columnOf(segment, name);
    this.#column = column;
    this.#isInner = inner !== '';
    this.#view = viewOf(name, inner);
  }

  /** Which events have a value that satisfies the leaf. */
  mask(leaf: QueryLeaf): Mask {
    const holds = valuePredicateOf(leaf);
    const mask = new Uint8Array(this.#segment.events);
    const column = this.#column;
    if (column?.kind === 'shared') {
      if (!this.#isInner) maskShared(column, leaf, mask);
    } else if (column?.kind === 'numbers') {
      for (let row = 0; row < mask.length; row += 1) {
        const value = this.#at(row);
        if (value !== undefined && holds(value)) mask[row] = 1;
      }
    } else if (column !== undefined) {
      // By code; the first is that of events without a value.
      const verdicts = Uint8Array.of(0, ...column.values.map((value) => (this.#holdsFor(value, holds) ? 1 : 0)));
      const { codes } = column;
      if (codes === undefined) mask.fill(verdicts[1] ?? 0);
      else if (verdicts.includes(1)) spread(verdicts, codes, mask);
    }
    this.#forImplied((row, value) => {
      if (holds(value)) mask[row] = 1;
    });
    return mask;
  }

  /** Adds up how many events of the mask have each value; returns how many have none. */
  count(mask: Mask, on: ValueCounter): number {
    const column = this.#column;
    let seen = 0;
    if (column?.kind === 'shared') {
      if (!this.#isInner) seen = countShared(column, mask, on);
    } else if (column?.kind === 'numbers') {
      for (let row = 0; row < mask.length; row += 1) {
        const value = mask[row] === 1 ? this.#at(row) : undefined;
        if (value === undefined) continue;
        on.value(value, 1);
        seen += 1;
      }
    } else if (column !== undefined) {
      const counts = new Uint32Array(column.values.length + 1);
      for (let row = 0; row < mask.length; row += 1) {
        if (mask[row] !== 1) continue;
        const code = column.codes === undefined ? 1 : (column.codes[row] ?? 0);
        counts[code] = (counts[code] ?? 0) + 1;
      }
      for (const [index, stored] of column.values.entries()) {
        const events = counts[index + 1] ?? 0;
        const value = events > 0 ? this.#view(stored) : undefined;
        if (value === undefined) continue;
        on.value(value, events);
        seen += events;
      }
    }
    this.#forImplied((row, value) => {
      if (mask[row] !== 1) return;
      on.value(value, 1);
      seen += 1;
    });
    return eventsIn(mask) - seen;
  }

  #at(row: number): FieldValue | undefined {
    const value = this.#column === undefined ? undefined : valueAt(this.#column, row);
    return value === undefined ? undefined : this.#view(value);
  }

  #holdsFor(stored: StoredValue, holds: (value: FieldValue) => boolean): boolean {
    const value = this.#view(stored);
    return value !== undefined && holds(value);
  }

  /** The events that have no value of their own, but one that their absence means. */
  #forImplied(onRow: (row: number, value: FieldValue) => void): void {
    if (this.#implied === undefined) return;
    const kinds = this.#segment.column('kind');
    if (kinds === undefined) return;
    for (let row = 0; row < this.#segment.events; row += 1) {
      if (this.#at(row) !== undefined) continue;
      const implied = this.#implied.get(valueAt(kinds, row));
      if (implied === undefined) continue;
      const value = 'is' in implied ? implied.is : this.#other(implied.sameAs, row);
      if (value !== undefined) onRow(row, value);
    }
  }

  #other(name: string, row: number): FieldValue | undefined {
    const column = this.#segment.column(name);
    const value = column === undefined ? undefined : valueAt(column, row);
    return value === undefined ? undefined : viewOf(name, '')(value);
  }
}

/** How many events a mask holds. */
export function eventsIn(mask: Mask): number {
  let events = 0;
  for (let row = 0; row < mask.length; row += 1) events += mask[row] ?? 0;
  return events;
}

function spread(verdicts: Uint8Array, codes: Uint16Array, mask: Mask): void {
  for (let row = 0; row < mask.length; row += 1) mask[row] = verdicts[codes[row] ?? 0] ?? 0;
}

/** Which texts of a file satisfy a leaf, by number less one: each is looked at once, however many segments have it. */
const VERDICTS = new WeakMap<QueryLeaf, WeakMap<NumberedValues, Uint8Array>>();
const UNKNOWN = 0;
const NO = 1;
const YES = 2;

function verdictsOf(leaf: QueryLeaf, shared: NumberedValues): Uint8Array {
  const ofLeaf = VERDICTS.get(leaf) ?? new WeakMap<NumberedValues, Uint8Array>();
  VERDICTS.set(leaf, ofLeaf);
  const verdicts = ofLeaf.get(shared) ?? new Uint8Array(shared.count);
  ofLeaf.set(shared, verdicts);
  return verdicts;
}

function maskShared(column: SharedColumn, leaf: QueryLeaf, mask: Mask): void {
  if (isTextEquality(leaf)) return maskEqual(column, leaf.value, mask);
  const { numbers, shared } = column;
  const holds = valuePredicateOf(leaf);
  const known = verdictsOf(leaf, shared);
  const verdicts = new Uint8Array(numbers.length);
  let isAny = false;
  for (let code = 1; code < numbers.length; code += 1) {
    const place = (numbers[code] ?? 0) - 1;
    let verdict = known[place] ?? UNKNOWN;
    if (verdict === UNKNOWN) {
      verdict = holds(column.textOf(code) ?? '') ? YES : NO;
      if (place >= 0) known[place] = verdict;
    }
    if (verdict !== YES) continue;
    verdicts[code] = 1;
    isAny = true;
  }
  if (isAny) spread(verdicts, column.codes, mask);
}

/** One text has one number at most, which costs less to find than all texts cost to read. */
function maskEqual(column: SharedColumn, text: string, mask: Mask): void {
  const { numbers, shared } = column;
  const wanted = shared.numberOf(text);
  for (let code = 1; code < numbers.length; code += 1) {
    const number = numbers[code] ?? 0;
    if (number === 0 ? column.textOf(code) !== text : number !== wanted) continue;
    // No other code stands for it.
    const verdicts = new Uint8Array(numbers.length);
    verdicts[code] = 1;
    return spread(verdicts, column.codes, mask);
  }
}

function countShared(column: SharedColumn, mask: Mask, on: ValueCounter): number {
  const { codes, numbers } = column;
  const counts = new Uint32Array(numbers.length);
  let seen = 0;
  for (let row = 0; row < mask.length; row += 1) {
    const code = mask[row] === 1 ? (codes[row] ?? 0) : 0;
    if (code === 0) continue;
    counts[code] = (counts[code] ?? 0) + 1;
    seen += 1;
  }
  on.shared(column, counts);
  return seen;
}

function isTextEquality(leaf: QueryLeaf): leaf is Extract<QueryLeaf, { kind: 'compare' }> & { readonly value: string } {
  return leaf.kind === 'compare' && leaf.operator === '=' && typeof leaf.value === 'string' && leaf.field !== 'time';
}

/** A field inside a list of objects is in the column of the list. */
function columnOf(segment: Segment, name: string): { readonly column: Column | undefined; readonly inner: string } {
  const own = segment.column(name);
  if (own !== undefined) return { column: own, inner: '' };
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
    const outer = segment.column(name.slice(0, dot));
    if (outer !== undefined) return { column: outer, inner: name.slice(dot) };
  }
  return { column: undefined, inner: '' };
}

/** How queries see what is stored: times as their text, and of lists of objects the wanted member of each. */
function viewOf(name: string, inner: string): (value: StoredValue) => FieldValue | undefined {
  return (value) => {
    if (typeof value === 'object') return valueOf({ list: value }, `list${inner}`);
    if (inner !== '') return undefined;
    return name === 'time' && typeof value === 'number' ? new Date(value).toISOString() : value;
  };
}
