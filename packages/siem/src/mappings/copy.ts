import { type EventRecord, type FieldValue, readerOf } from '../record.ts';
import type { Field, Kind } from '../schema/field.ts';
import { EVENT_SCHEMA } from '../schema/schema.ts';

/** An event in the words of another schema: plain data, ready for JSON. */
export type MappedEvent = Readonly<Record<string, unknown>>;

/** One being filled. */
export type Draft = Record<string, unknown>;

/** Says a value as the other schema wants it at this place; undefined: it has no place there. */
export type Convert = (value: FieldValue, path: string) => unknown;

/**
 * Copies what the schema names for ECS or OCSF: for each kind, a list of readers made once. What the log leaves out because it
 * is usual is said, for others do not know what is usual here.
 */
export function copier(
  names: 'ecs' | 'ocsf',
  convert: Convert,
): (kind: Kind, record: EventRecord, draft: Draft) => void {
  const steps = new Map(Object.entries(EVENT_SCHEMA.kinds).map(([kind, fields]) => [kind, stepsOf(fields, names)]));
  return (kind, record, draft) => {
    for (const { read, path, keys } of steps.get(kind) ?? []) {
      const value = read(record);
      const converted = value === undefined ? undefined : convert(value, path);
      if (converted !== undefined) place(draft, keys, converted);
    }
  };
}

interface Step {
  readonly read: (record: EventRecord) => FieldValue | undefined;
  readonly path: string;
  readonly keys: readonly string[];
}

function stepsOf(fields: readonly Field[], names: 'ecs' | 'ocsf'): readonly Step[] {
  return fields.flatMap((field) => {
    const path = field[names];
    return path === undefined ? [] : [{ read: readerOf(field.name), path, keys: path.split('.') }];
  });
}

/** Puts a value at a path of members. */
export function place(draft: Draft, keys: readonly string[], value: unknown): void {
  let target = draft;
  for (const key of keys.slice(0, -1)) {
    const member = target[key];
    if (isDraft(member)) target = member;
    else {
      const created: Draft = {};
      target[key] = created;
      target = created;
    }
  }
  target[keys.at(-1) ?? ''] = value;
}

function isDraft(value: unknown): value is Draft {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Of a list the first element. */
export function scalarOf(value: FieldValue): string | number | boolean | undefined {
  return typeof value === 'object' ? value[0] : value;
}
