import { pack, unpack } from './packed.ts';
import {
  decodeShared,
  encodeShared,
  type NumberedValues,
  type SharedColumn,
  type ValueNumbers,
} from './shared-column.ts';

/** What a field of one event can be: JSON without null. Nested objects are fields of their own. */
export type StoredValue = string | number | boolean | readonly unknown[];

/** One field of many events in a row, as it lies in the store. */
export interface EncodedColumn {
  readonly kind: ColumnKind;
  /** The distinct values; empty for numbers. */
  readonly dictionary: Uint8Array;
  /** Which of them each event has, or the numbers; empty when all events have the one value there is. */
  readonly rows: Uint8Array;
}

/** Stored by their place: kinds are added at the end. */
export const COLUMN_KINDS = ['dictionary', 'numbers', 'shared'] as const;
export type ColumnKind = (typeof COLUMN_KINDS)[number];

/** One field of many events in a row, to be read. */
export type Column = DictionaryColumn | NumberColumn | SharedColumn;

export interface DictionaryColumn {
  readonly kind: 'dictionary';
  readonly values: readonly StoredValue[];
  /** One more than the index of the event's value, 0 when it has none; undefined: every event has the first value. */
  readonly codes: Uint16Array | undefined;
}

export interface NumberColumn {
  readonly kind: 'numbers';
  /** NaN where an event has none. */
  readonly numbers: Float64Array;
}

/** Gathers one field of the events of a segment, in their order. */
export class ColumnBuilder {
  readonly #values: StoredValue[] = [];
  readonly #codeOf = new Map<string | number | boolean, number>();
  readonly #codes: Uint16Array;
  #isNumeric = true;
  #isTextual = true;
  #present = 0;

  /** @throws RangeError for more events than a code can tell apart from none. */
  constructor(rowsMax: number) {
    if (rowsMax > ROWS_MAX) throw new RangeError(`a column has at most ${ROWS_MAX} events`);
    this.#codes = new Uint16Array(rowsMax);
  }

  /** The value of event `row`; each row once. */
  set(row: number, value: StoredValue): void {
    const key = keyOf(value);
    let code = this.#codeOf.get(key);
    if (code === undefined) {
      code = this.#values.push(value);
      this.#codeOf.set(key, code);
      this.#isNumeric &&= typeof value === 'number';
      this.#isTextual &&= typeof value === 'string';
    }
    this.#codes[row] = code;
    this.#present += 1;
  }

  /** The column of the first `rows` events. Texts that other segments have as well are stored as the numbers that `shared` has for them. */
  encode(rows: number, shared?: () => ValueNumbers): EncodedColumn {
    const codes = this.#codes.subarray(0, rows);
    if (shared !== undefined && this.#isShareable()) {
      const dictionary = encodeShared(this.#values.map(String), shared());
      return { kind: 'shared', dictionary, rows: pack(encodeCodes(codes, this.#values.length)) };
    }
    if (this.#isNumeric && this.#values.length > NUMBERS_FROM) {
      const numbers = encodeNumbers(codes, this.#values.map(Number), this.#present);
      if (numbers !== undefined) return { kind: 'numbers', dictionary: NONE, rows: pack(numbers) };
    }
    const dictionary = pack(Buffer.from(JSON.stringify(this.#values)));
    const isConstant = this.#values.length === 1 && this.#present === rows;
    return { kind: 'dictionary', dictionary, rows: isConstant ? NONE : pack(encodeCodes(codes, this.#values.length)) };
  }

  /** Few values are read in no time, and what nearly every event has for itself, no other segment has. */
  #isShareable(): boolean {
    const distinct = this.#values.length;
    return this.#isTextual && distinct >= SHARED_FROM && distinct <= this.#present * SHARED_DISTINCT_SHARE;
  }
}

/**
 * Reads a column of `rows` events; `shared` are the values of its field that have numbers.
 * @throws RangeError | SyntaxError when it is damaged.
 */
export function decodeColumn(
  { kind, dictionary, rows: encoded }: EncodedColumn,
  rows: number,
  shared?: () => NumberedValues,
): Column {
  if (kind === 'numbers') return { kind, numbers: decodeNumbers(unpack(encoded), rows) };
  if (kind === 'shared') {
    if (shared === undefined) throw new RangeError('the values of a column are not there');
    return decodeShared(dictionary, shared(), (distinct) => decodeCodes(unpack(encoded), rows, distinct));
  }
  const values: unknown = JSON.parse(unpack(dictionary).toString('utf8'));
  if (!Array.isArray(values)) throw new RangeError('a dictionary is a list');
  const codes = encoded.length === 0 ? undefined : decodeCodes(unpack(encoded), rows, values.length);
  return { kind, values, codes };
}

/** The value of one event; undefined when it has none. */
export function valueAt(column: Column, row: number): StoredValue | undefined {
  if (column.kind === 'numbers') {
    const number = column.numbers[row] ?? Number.NaN;
    return Number.isNaN(number) ? undefined : number;
  }
  const code = column.codes === undefined ? 1 : (column.codes[row] ?? 0);
  return column.kind === 'shared' ? column.textOf(code) : column.values[code - 1];
}

/** Texts, numbers and lists are told apart, whatever characters they have: a list begins with the mark and a bracket. */
function keyOf(value: StoredValue): string | number | boolean {
  if (typeof value === 'object') return `${LIST_MARK}${JSON.stringify(value)}`;
  return typeof value === 'string' && value.startsWith(LIST_MARK) ? `${LIST_MARK}.${value}` : value;
}

/** A code has sixteen bits, and 0 is taken. */
const ROWS_MAX = 65_535;

/** Below that many distinct numbers a dictionary is smaller. */
const NUMBERS_FROM = 256;

/** Below that many distinct texts a dictionary is as quick. */
const SHARED_FROM = 256;

/** Addresses of many players are new in eight of ten events; ids of requests are in all of them. */
const SHARED_DISTINCT_SHARE = 0.9;
const LIST_MARK = '\u0000';
const NONE = new Uint8Array(0);

/** One byte for each event where that is enough; otherwise all low bytes, then all high bytes, which compress better apart. */
function encodeCodes(codes: Uint16Array, distinct: number): Uint8Array {
  if (distinct < 256) return Uint8Array.from(codes);
  const bytes = new Uint8Array(codes.length * 2);
  for (const [row, code] of codes.entries()) {
    bytes[row] = code & 0xff;
    bytes[codes.length + row] = code >>> 8;
  }
  return bytes;
}

function decodeCodes(bytes: Buffer, rows: number, distinct: number): Uint16Array {
  const isWide = distinct >= 256;
  if (bytes.length !== (isWide ? rows * 2 : rows)) throw new RangeError('a column has another number of events');
  if (!isWide) return new Uint16Array(bytes);
  const codes = new Uint16Array(rows);
  for (let row = 0; row < rows; row += 1) codes[row] = (bytes[row] ?? 0) | ((bytes[rows + row] ?? 0) << 8);
  return codes;
}

/**
 * Numbers as whole ones times a power of ten, each as the difference to the one before, in four planes of bytes: times and
 * sequences become nearly nothing. Undefined when they are no such numbers.
 */
function encodeNumbers(codes: Uint16Array, values: readonly number[], present: number): Uint8Array | undefined {
  const exponent = EXPONENTS.find((tried) => values.every((value) => isWholeAt(value, tried)));
  if (exponent === undefined) return undefined;
  const scale = 10 ** exponent;
  const mask = present === codes.length ? 0 : Math.ceil(codes.length / 8);
  const bytes = Buffer.alloc(NUMBERS_HEAD_BYTES + mask + present * 4);
  bytes[0] = exponent;
  bytes[1] = mask === 0 ? 0 : 1;
  const planes = NUMBERS_HEAD_BYTES + mask;
  let before: number | undefined;
  let at = 0;
  for (const [row, code] of codes.entries()) {
    if (code === 0) continue;
    if (mask > 0)
      bytes[NUMBERS_HEAD_BYTES + (row >>> 3)] = (bytes[NUMBERS_HEAD_BYTES + (row >>> 3)] ?? 0) | (1 << (row & 7));
    const whole = Math.round((values[code - 1] ?? 0) * scale);
    if (before === undefined) bytes.writeDoubleLE(whole, 2);
    const difference = whole - (before ?? whole);
    if (Math.abs(difference) > DIFFERENCE_MAX) return undefined;
    // The sign goes to the lowest bit, so that small differences have small bytes whatever their sign (zigzag).
    const folded = difference < 0 ? -difference * 2 - 1 : difference * 2;
    for (let plane = 0; plane < 4; plane += 1) bytes[planes + plane * present + at] = (folded >>> (plane * 8)) & 0xff;
    before = whole;
    at += 1;
  }
  return bytes;
}

function decodeNumbers(bytes: Buffer, rows: number): Float64Array {
  const scale = 10 ** (bytes[0] ?? 0);
  const mask = bytes[1] === 0 ? 0 : Math.ceil(rows / 8);
  const planes = NUMBERS_HEAD_BYTES + mask;
  const present = (bytes.length - planes) / 4;
  if (!Number.isInteger(present) || present < 0 || present > rows)
    throw new RangeError('a column of numbers is damaged');
  const numbers = new Float64Array(rows).fill(Number.NaN);
  let whole = present === 0 ? 0 : bytes.readDoubleLE(2);
  let at = 0;
  for (let row = 0; row < rows && at < present; row += 1) {
    if (mask > 0 && ((bytes[NUMBERS_HEAD_BYTES + (row >>> 3)] ?? 0) & (1 << (row & 7))) === 0) continue;
    const plane = planes + at;
    const low = (bytes[plane] ?? 0) | ((bytes[plane + present] ?? 0) << 8);
    const folded = low | ((bytes[plane + present * 2] ?? 0) << 16) | ((bytes[plane + present * 3] ?? 0) << 24);
    // The lowest bit is the sign, also of a number whose highest bit is set.
    whole += (folded >>> 1) ^ -(folded & 1);
    numbers[row] = whole / scale;
    at += 1;
  }
  return numbers;
}

function isWholeAt(value: number, exponent: number): boolean {
  const scale = 10 ** exponent;
  const whole = Math.round(value * scale);
  return Number.isSafeInteger(whole) && whole / scale === value;
}

/** Thousandths are as exact as the gateway measures. */
const EXPONENTS: readonly number[] = [0, 1, 2, 3];
/** The exponent, whether some have none, the first number. */
const NUMBERS_HEAD_BYTES = 10;
/** Folded it has to fit into four bytes. */
const DIFFERENCE_MAX = 2_147_483_647;
