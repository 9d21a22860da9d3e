import fc from 'fast-check';
import type { StoredEvent } from '../../src/events/flat-fields.ts';

export const T0: number = Date.parse('2026-11-28T10:00:00.000Z');

/** An exchange as its line says it; every one has another request id. */
export function exchange(index: number, fields: Readonly<Record<string, unknown>> = {}): StoredEvent {
  return {
    level: 'info',
    time: new Date(T0 + index * 7).toISOString(),
    kind: 'exchange',
    requestId: `request-${index}`,
    client: `203.0.113.${index % 200}`,
    method: 'GET',
    host: 'example.com',
    path: `/pages/${index % 50}`,
    status: 200,
    verdict: 'pass',
    listener: 'web',
    route: 'all',
    bytesOut: 1_000 + (index % 977),
    durationMs: (index * 37) % 1_000 === 0 ? 0.5 : ((index * 37) % 9_973) / 1_000,
    stageUs: { lists: index % 7, waf: 100 + (index % 301) },
    node: 'n1',
    boot: 'b1',
    sequence: index,
    ...fields,
  };
}

export function lineOf(event: StoredEvent): string {
  return `${JSON.stringify(event)}\n`;
}

/** Anything an event could be, names that collide with those of JavaScript included. */
export function anyEvent(): fc.Arbitrary<StoredEvent> {
  const name = fc.oneof(fc.stringMatching(/^[a-zA-Z_]{1,8}$/), fc.constantFrom('__proto__', 'constructor', 'toString'));
  const leaf = fc.oneof(
    fc.string(),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
    fc.integer({ min: -1e6, max: 1e6 }).map((value) => value / 1_000),
    fc.array(fc.oneof(fc.string(), fc.integer()), { maxLength: 3 }),
    fc.array(fc.record({ id: fc.integer(), text: fc.string() }), { maxLength: 2 }),
  );
  const inner = fc.dictionary(name, leaf, { minKeys: 1, maxKeys: 4 });
  const fields = fc.dictionary(name, fc.oneof({ weight: 5, arbitrary: leaf }, { weight: 1, arbitrary: inner }), {
    maxKeys: 8,
  });
  return fc
    .tuple(fields, fc.integer({ min: 0, max: 86_399_999 }))
    .map(([event, ms]) => ({ ...event, time: new Date(T0 + ms).toISOString() }));
}
