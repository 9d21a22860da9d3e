import { type EventRecord, type FieldValue, readerOf } from '../record.ts';
import { EVENT_SCHEMA, isKind } from '../schema/schema.ts';
import { scalarOf } from './copy.ts';

/**
 * The names that Sigma rules of the categories `webserver` and `proxy` use, with their values in a record. There is no
 * `cs-uri-query`, no `cs-user-agent`, no cookie and no referrer: events keep none of them.
 */
export function sigmaFields(record: EventRecord): Readonly<Record<string, string | number | boolean>> {
  const kind = record['kind'];
  const steps = isKind(kind) ? (STEPS.get(kind) ?? []) : [];
  const fields: Record<string, string | number | boolean> = {};
  for (const { read, names } of steps) {
    const value = read(record);
    const scalar = value === undefined ? undefined : scalarOf(value);
    if (scalar === undefined) continue;
    for (const name of names) fields[name] = name === 'cs-version' ? `HTTP/${String(scalar)}` : scalar;
  }
  return fields;
}

const STEPS: ReadonlyMap<string, readonly Step[]> = new Map(
  Object.entries(EVENT_SCHEMA.kinds).map(([kind, fields]) => [
    kind,
    fields.flatMap(({ name, sigma }) => (sigma === undefined ? [] : [{ read: readerOf(name), names: sigma }])),
  ]),
);

interface Step {
  readonly read: (record: EventRecord) => FieldValue | undefined;
  readonly names: readonly string[];
}
