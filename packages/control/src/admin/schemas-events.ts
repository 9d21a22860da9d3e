import { z } from 'zod';
import type * as contract from './contract.ts';
import { SCHEMAS } from './schemas.ts';

/** The schemas of answers about events. */

const count = z.int().min(0);
const text = z.string();
const timeMs = z.int().meta({ description: 'Milliseconds since 1970.' });

const gaps: z.ZodType<contract.EventGaps> = named(
  'EventGaps',
  z.strictObject({ unreadable: z.array(text), outOfTimeBeforeMs: timeMs.nullable() }),
);

export const eventsAnswer: z.ZodType<contract.EventsAnswer> = named(
  'Events',
  z.strictObject({ events: z.array(z.record(text, z.unknown())), next: text.nullable(), gaps }),
);

export const eventsTopAnswer: z.ZodType<contract.EventsTopAnswer> = named(
  'EventsTop',
  z.strictObject({
    values: z.array(z.strictObject({ value: z.union([text, z.number(), z.boolean()]), events: count })),
    events: count,
    without: count,
    isExact: z.boolean(),
    gaps,
  }),
);

const sums = { events: count, bytesIn: count, bytesOut: count, durations: z.array(count) };

export const eventsOverviewAnswer: z.ZodType<contract.EventsOverviewAnswer> = named(
  'EventsOverview',
  z.strictObject({
    stepMs: count,
    steps: z.array(z.strictObject({ startMs: timeMs, events: count, denied: count, failed: count, bytesOut: count })),
    groups: z.array(
      z.strictObject({
        kind: text,
        listener: text,
        route: text,
        verdict: text,
        reason: text,
        statusClass: count,
        ...sums,
      }),
    ),
    total: z.strictObject(sums),
    durationBoundsMs: z.array(count),
    gaps,
  }),
);

function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  SCHEMAS.add(schema, { id });
  return schema;
}
