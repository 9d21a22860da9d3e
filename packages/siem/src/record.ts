import type { ImpliedValue } from './schema/field.ts';
import { EVENT_SCHEMA } from './schema/schema.ts';

/** What a query compares: a value of one field. */
export type FieldValue = string | number | boolean | readonly (string | number)[];

/** An event as its line in the log says it, parsed. What is empty or usual is left out of it. */
export type EventRecord = Readonly<Record<string, unknown>>;

/**
 * The value of the field with a dotted name; undefined when the record says nothing about it. What the line leaves out because
 * it is usual (`whenAbsent` in the schema) has its value here. Below a list of objects, the values of all of them.
 */
export function valueOf(record: EventRecord, name: string): FieldValue | undefined {
  return (READERS.get(name) ?? makeReader(name))(record);
}

/** The same for many records: the name is looked up once. */
export function readerOf(name: string): Reader {
  return READERS.get(name) ?? makeReader(name);
}

type Reader = (record: EventRecord) => FieldValue | undefined;

function makeReader(name: string): Reader {
  const path = name.split('.');
  const implied = impliedByKind(name);
  const [first = ''] = path;
  return (record) => {
    const value = path.length === 1 ? scalarOrList(own(record, first)) : valueAt(record, path);
    return value ?? (implied === undefined ? undefined : impliedIn(record, implied));
  };
}

type Implied = ReadonlyMap<unknown, ImpliedValue>;

/** What the absence of a field means, by the kind of event; undefined when it means nothing in any. */
export function impliedByKind(name: string): Implied | undefined {
  const entries = Object.entries(EVENT_SCHEMA.kinds).flatMap(([kind, fields]) => {
    const whenAbsent = fields.find((field) => field.name === name)?.whenAbsent;
    return whenAbsent === undefined ? [] : [[kind, whenAbsent] as const];
  });
  return entries.length === 0 ? undefined : new Map(entries);
}

function impliedIn(record: EventRecord, implied: Implied): FieldValue | undefined {
  const value = implied.get(own(record, 'kind'));
  if (value === undefined) return undefined;
  return 'is' in value ? value.is : scalarOrList(own(record, value.sameAs));
}

/** Only what the line itself says: `constructor` is no field. */
function own(object: object, key: string): unknown {
  return Object.hasOwn(object, key) ? Reflect.get(object, key) : undefined;
}

function valueAt(record: EventRecord, path: readonly string[]): FieldValue | undefined {
  let value: unknown = record;
  for (let at = 0; at < path.length; at += 1) {
    if (Array.isArray(value)) return listOf(valuesBelow(value, path.slice(at)));
    if (!isObject(value)) return undefined;
    value = own(value, path[at] ?? '');
  }
  return scalarOrList(value);
}

/** What stands at a path below each element, lists on the way gone into. */
function valuesBelow(elements: readonly unknown[], path: readonly string[]): readonly unknown[] {
  let values = elements;
  for (const key of path) values = values.map((value) => (isObject(value) ? own(value, key) : undefined)).flat();
  return values;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function scalarOrList(value: unknown): FieldValue | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return Array.isArray(value) ? listOf(value) : undefined;
}

/** Undefined for an empty list: the line leaves empty ones out. */
function listOf(values: readonly unknown[]): readonly (string | number)[] | undefined {
  const list = values.filter((value) => typeof value === 'string' || typeof value === 'number');
  return list.length === 0 ? undefined : list;
}

/** Of every field that the schema names: mappings and stores read the same ones again and again. */
const READERS: ReadonlyMap<string, Reader> = new Map(
  Object.values(EVENT_SCHEMA.kinds)
    .flat()
    .map(({ name }) => [name, makeReader(name)]),
);
