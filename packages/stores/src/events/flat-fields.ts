import type { StoredValue } from './column.ts';

/** An event as the line in which it came: an object of JSON. */
export type StoredEvent = Readonly<Record<string, unknown>>;

/**
 * Every field of an event with its dotted name; what is null or an empty object is left out. The time becomes milliseconds
 * since 1970, which compare and compress as they should.
 */
export function forEachField(event: StoredEvent, onField: (name: string, value: StoredValue) => void): void {
  for (const [name, value] of Object.entries(event)) {
    if (name === TIME && typeof value === 'string') onField(TIME, Date.parse(value));
    else visit(name, value, onField, 1);
  }
}

/** The event back from its fields. */
export function eventOf(fields: Iterable<readonly [string, StoredValue]>): StoredEvent {
  const event: Record<string, unknown> = {};
  for (const [name, value] of fields) {
    if (name === TIME && typeof value === 'number') event[TIME] = new Date(value).toISOString();
    else place(event, name.split('.'), value);
  }
  return event;
}

/** When it happened, milliseconds since 1970; NaN when it does not say. */
export function timeOf(event: StoredEvent): number {
  const { time } = event;
  return typeof time === 'string' ? Date.parse(time) : Number.NaN;
}

function visit(name: string, value: unknown, onField: (name: string, value: StoredValue) => void, depth: number): void {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      onField(name, value);
      return;
    case 'object':
      if (value === null) return;
      if (Array.isArray(value)) onField(name, value);
      // Deeper than any event of ours: as a text it is kept all the same.
      else if (depth >= DEPTH_MAX) onField(name, [value]);
      else for (const [part, inner] of Object.entries(value)) visit(`${name}.${part}`, inner, onField, depth + 1);
      return;
    case 'undefined':
    case 'function':
    case 'symbol':
    case 'bigint':
      return;
  }
}

function place(event: Record<string, unknown>, path: readonly string[], value: StoredValue): void {
  let target = event;
  for (const part of path.slice(0, -1)) {
    const inner = Object.hasOwn(target, part) ? target[part] : undefined;
    if (isObject(inner)) target = inner;
    else {
      const made: Record<string, unknown> = {};
      define(target, part, made);
      target = made;
    }
  }
  define(target, path.at(-1) ?? '', value);
}

/** `__proto__` is a name like any other. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const TIME = 'time';
const DEPTH_MAX = 4;
