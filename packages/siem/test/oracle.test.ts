import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventRecord, parseQuery, predicateOf, printQuery, type Query } from '../src/index.ts';
import { query } from './arbitrary-query.ts';

// A second reading of the language, as plain as it can be written: sets of integers for networks, lower case for letters.

type Scalar = string | number | boolean;

function isTrue(one: Query, values: (name: string) => readonly Scalar[]): boolean {
  switch (one.kind) {
    case 'all':
      return true;
    case 'and':
      return !one.parts.some((part) => !isTrue(part, values));
    case 'or':
      return one.parts.filter((part) => isTrue(part, values)).length > 0;
    case 'not':
      return !isTrue(one.part, values);
    case 'exists':
      return values(one.field).length > 0;
    case 'in':
      return values(one.field).some((value) => one.values.some((listed) => listed === value));
    case 'network':
      return values(one.field).some((value) => typeof value === 'string' && isWithin(value, one.network));
    case 'contains':
      return texts(one.field, values).some((value) => value.includes(lower(one.text)));
    case 'startsWith':
      return texts(one.field, values).some((value) => value.startsWith(lower(one.text)));
    case 'endsWith':
      return texts(one.field, values).some((value) => value.endsWith(lower(one.text)));
    case 'compare':
      return values(one.field).some((value) => compares(value, one.operator, one.value));
  }
}

function texts(name: string, values: (name: string) => readonly Scalar[]): readonly string[] {
  return values(name)
    .filter((value) => typeof value === 'string')
    .map(lower);
}

function lower(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function compares(value: Scalar, operator: string, wanted: Scalar): boolean {
  if (operator === '=') return value === wanted;
  if (operator === '!=') return value !== wanted;
  if (typeof value !== typeof wanted || typeof value === 'boolean') return false;
  const sign = value < wanted ? -1 : value > wanted ? 1 : 0;
  return { '<': sign < 0, '<=': sign <= 0, '>': sign > 0, '>=': sign >= 0 }[operator] ?? false;
}

/** The few texts that records below have, with their bits written out. */
const BITS: Readonly<Record<string, string>> = {
  '10.0.0.0/8': '4:00001010',
  '10.1.2.3': '4:00001010000000010000001000000011',
  '192.0.2.1': '4:11000000000000000000001000000001',
  '192.0.2.1/32': '4:11000000000000000000001000000001',
  '2001:db8::/32': '6:00100000000000010000110110111000',
  '2001:db8::/64': `6:00100000000000010000110110111000${'0'.repeat(32)}`,
  '2001:db8::1': `6:00100000000000010000110110111000${'0'.repeat(95)}1`,
  '::/0': '6:',
};

function isWithin(value: string, network: string): boolean {
  return (BITS[value] ?? 'none').startsWith(BITS[network] ?? 'unknown');
}

const addresses = fc.constantFrom('10.1.2.3', '192.0.2.1', '2001:db8::1', '2001:db8::/64', 'unix');
const words = fc.constantFrom('', 'a', 'A', 'b', 'ab', 'é', 'waf', '2026-11-28T03:00:00.000Z');
const record = fc.record(
  {
    client: addresses,
    network: addresses,
    peer: addresses,
    scope: addresses,
    host: words,
    path: words,
    time: words,
    endsAt: words,
    reason: words,
    status: fc.integer({ min: 399, max: 404 }),
    durationMs: fc.constantFrom(0, 0.5, 5),
    isWebSocket: fc.boolean(),
    failedStages: fc.array(words, { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: [] },
);

/** Leaves that meet these records more often than by chance. */
const near: fc.Arbitrary<Query> = fc.oneof(
  fc.record({
    kind: fc.constant('compare' as const),
    field: fc.constantFrom('status', 'durationMs'),
    operator: fc.constantFrom('=' as const, '!=' as const, '<' as const, '<=' as const, '>' as const, '>=' as const),
    value: fc.constantFrom(0, 0.5, 400, 403),
  }),
  fc.record({
    kind: fc.constantFrom('contains' as const, 'startsWith' as const, 'endsWith' as const),
    field: fc.constantFrom('host', 'path', 'failedStages', 'client', 'status'),
    text: fc.constantFrom('', 'a', 'B', 'É', '192', '/64'),
  }),
  fc.record({
    kind: fc.constant('in' as const),
    field: fc.constantFrom('status', 'host', 'failedStages', 'isWebSocket'),
    values: fc.array(fc.constantFrom<string | number>('a', 'waf', 400, 403), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('network' as const),
    field: fc.constantFrom('client', 'network', 'peer', 'path'),
    network: fc.constantFrom('10.0.0.0/8', '192.0.2.1/32', '2001:db8::/32', '::/0'),
  }),
  fc.record({
    kind: fc.constantFrom('and' as const, 'or' as const),
    parts: fc.array(query, { maxLength: 3 }),
  }),
);

function valuesIn(one: EventRecord): (name: string) => readonly Scalar[] {
  return (name) => [one[name] ?? []].flat().filter((value) => isScalar(value));
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

describe('the evaluation of a query', () => {
  it('agrees with a plain reading of the language', () => {
    fc.assert(
      fc.property(fc.oneof(near, query), record, (one, event) => {
        expect(predicateOf(one)(event)).toBe(isTrue(one, valuesIn(event)));
      }),
      { numRuns: 5_000 },
    );
  });

  it('looks at a record at most once for each condition', () => {
    fc.assert(
      fc.property(query, record, (one, event) => {
        let reads = 0;
        const counted = new Proxy(event, {
          get: (target, key): unknown => {
            reads += 1;
            return Reflect.get(target, key);
          },
        });
        predicateOf(one)(counted);
        expect(reads).toBeLessThanOrEqual(leavesOf(one));
      }),
    );
  });

  it('is the same after printing and reading', () => {
    fc.assert(
      fc.property(query, record, (one, event) => {
        const parsed = parseQuery(printQuery(one));
        expect(parsed.kind === 'ready' && predicateOf(parsed.query)(event)).toBe(predicateOf(one)(event));
      }),
    );
  });
});

function leavesOf(one: Query): number {
  if (one.kind === 'and' || one.kind === 'or') return one.parts.reduce((sum, part) => sum + leavesOf(part), 0);
  return one.kind === 'not' ? leavesOf(one.part) : 1;
}
