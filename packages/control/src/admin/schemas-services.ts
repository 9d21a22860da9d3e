import { z } from 'zod';
import type * as contract from './contract.ts';
import { SCHEMAS } from './schemas.ts';

/** The schemas of answers about services. */

const text = z.string();
const timeMs = z.int().min(0).meta({ description: 'Milliseconds since 1970.' });
const ms = z.number().min(0);
const share = z.number().min(0).max(1);
const status = z.enum(['unknown', 'up', 'degraded', 'down']);
const stage = z.enum(['three-weeks', 'week', 'day', 'ended']).nullable();
// Certificates without an end name the year 9999, and wrong ones anything.
const certificate = { endsMs: z.int(), stage };

const check: z.ZodType<contract.ServiceCheckRecord> = named(
  'ServiceCheck',
  z.strictObject({ timeMs, outcome: z.enum(['good', 'slow', 'bad']), code: text, detail: text, durationMs: ms }),
);

const service: z.ZodType<contract.ServiceRecord> = named(
  'Service',
  z.strictObject({
    name: text,
    kind: z.enum(['http', 'tcp', 'tls', 'websocket', 'redis', 'postgres', 'dns']),
    target: text,
    status,
    sinceMs: timeMs,
    isFlapping: z.boolean(),
    lastCheck: check.nullable(),
    certificate: z.strictObject(certificate).nullable(),
    uptime: z.strictObject({ day: share.nullable(), month: share.nullable() }),
  }),
);

export const servicesAnswer: z.ZodType<contract.ServicesAnswer> = named(
  'Services',
  z.strictObject({
    services: z.array(service),
    certificates: z.array(z.strictObject({ listener: text, names: text, ...certificate })),
  }),
);

export const serviceHistoryAnswer: z.ZodType<contract.ServiceHistoryAnswer> = named(
  'ServiceHistory',
  z.strictObject({
    service,
    checks: z.array(check),
    changes: z.array(z.strictObject({ timeMs, from: status, to: status, code: text, detail: text })),
    days: z.array(z.strictObject({ startMs: timeMs, upMs: ms, degradedMs: ms, downMs: ms })),
  }),
);

function named<Schema extends z.ZodType>(id: string, schema: Schema): Schema {
  SCHEMAS.add(schema, { id });
  return schema;
}
