import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  parseQuery,
  printQuery,
  QUERY_DEPTH_MAX,
  QUERY_LENGTH_MAX,
  QUERY_NODES_MAX,
  type Query,
} from '../src/index.ts';
import { query } from './arbitrary-query.ts';

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(`${text}: ${parsed.problem.message}`);
  return parsed.query;
}

function problemOf(text: string): { message: string; position: number; suggestion?: string } {
  const parsed = parseQuery(text);
  if (parsed.kind === 'ready') throw new Error(`${text} was read as ${JSON.stringify(parsed.query)}`);
  return parsed.problem;
}

describe('the query language', () => {
  it('reads conditions, connectives and brackets', () => {
    const text =
      'client = 203.0.113.7 and (status >= 500 or reason = waf-score) and not path startsWith /static and network in 2001:db8::/32';
    expect(queryOf(text)).toEqual({
      kind: 'and',
      parts: [
        { kind: 'compare', field: 'client', operator: '=', value: '203.0.113.7' },
        {
          kind: 'or',
          parts: [
            { kind: 'compare', field: 'status', operator: '>=', value: 500 },
            { kind: 'compare', field: 'reason', operator: '=', value: 'waf-score' },
          ],
        },
        { kind: 'not', part: { kind: 'startsWith', field: 'path', text: '/static' } },
        { kind: 'network', field: 'network', network: '2001:db8::/32' },
      ],
    });
  });

  it.each<[string, Query]>([
    ['', { kind: 'all' }],
    [' \t\n', { kind: 'all' }],
    ['ALL', { kind: 'all' }],
    ['((all))', { kind: 'all' }],
    ['not not all', { kind: 'not', part: { kind: 'not', part: { kind: 'all' } } }],
    ['status=404', { kind: 'compare', field: 'status', operator: '=', value: 404 }],
    ['httpVersion = 2.0', { kind: 'compare', field: 'httpVersion', operator: '=', value: '2.0' }],
    ['isWebSocket = true', { kind: 'compare', field: 'isWebSocket', operator: '=', value: true }],
    ['host exists', { kind: 'exists', field: 'host' }],
    ['path CONTAINS "a b"', { kind: 'contains', field: 'path', text: 'a b' }],
    [
      String.raw`path endsWith 'it\'s \"\\\u{1f600}\n'`,
      { kind: 'endsWith', field: 'path', text: `it's "\\\u{1f600}\n` },
    ],
    ['path = "and"', { kind: 'compare', field: 'path', operator: '=', value: 'and' }],
    ['status in (401, 403)', { kind: 'in', field: 'status', values: [401, 403] }],
    ['client in (2001:DB8:0::1)', { kind: 'in', field: 'client', values: ['2001:db8::1'] }],
    ['client in 203.0.113.7', { kind: 'network', field: 'client', network: '203.0.113.7/32' }],
    ['client in (10.0.0.0/8)', { kind: 'network', field: 'client', network: '10.0.0.0/8' }],
    [
      'client in (10.0.0.0/8, 192.0.2.1)',
      {
        kind: 'or',
        parts: [
          { kind: 'network', field: 'client', network: '10.0.0.0/8' },
          { kind: 'network', field: 'client', network: '192.0.2.1/32' },
        ],
      },
    ],
    // An address has one text, however it was written.
    ['client = ::ffff:192.0.2.1', { kind: 'compare', field: 'client', operator: '=', value: '192.0.2.1' }],
    ['peer = unix', { kind: 'compare', field: 'peer', operator: '=', value: 'unix' }],
    ['network = 2001:db8:0::/64', { kind: 'compare', field: 'network', operator: '=', value: '2001:db8::/64' }],
    // Values come in the unit of their field.
    ['durationMs > 1.5s', { kind: 'compare', field: 'durationMs', operator: '>', value: 1_500 }],
    ['stageUs.waf >= 5ms', { kind: 'compare', field: 'stageUs.waf', operator: '>=', value: 5_000 }],
    ['bytesIn > 2KB', { kind: 'compare', field: 'bytesIn', operator: '>', value: 2_048 }],
    [
      'time >= 2026-11-28T03:00+01:00',
      { kind: 'compare', field: 'time', operator: '>=', value: '2026-11-28T02:00:00.000Z' },
    ],
    ['inspection.ruleIds = 942100', { kind: 'compare', field: 'inspection.ruleIds', operator: '=', value: 942_100 }],
    // `and` binds more closely than `or`.
    [
      'host exists or route exists and path exists',
      {
        kind: 'or',
        parts: [
          { kind: 'exists', field: 'host' },
          {
            kind: 'and',
            parts: [
              { kind: 'exists', field: 'route' },
              { kind: 'exists', field: 'path' },
            ],
          },
        ],
      },
    ],
  ])('reads %s', (text, query) => {
    expect(queryOf(text)).toEqual(query);
  });

  it.each<[string, string, number, string | undefined]>([
    ['stauts = 5', 'there is no field `stauts`', 0, 'status'],
    ['ruleIds = 1', 'there is no field `ruleIds`', 0, 'inspection.ruleIds'],
    ['c-ip = 1.2.3.4', 'there is no field `c-ip`', 0, 'client'],
    ['http.response.status_code = 1', 'there is no field `http.response.status_code`', 0, 'status'],
    ['client:1.2.3.4', 'there is no field `client:1.2.3.4`', 0, 'client = 1.2.3.4'],
    ['zzzzzzzz = 1', 'there is no field `zzzzzzzz`', 0, undefined],
    ['inspection exists', '`inspection` has fields of its own; name one of them', 0, 'inspection.mode'],
    ['status == 5', 'is no comparison', 7, '='],
    ['path starts_with /', 'is no comparison', 5, 'startsWith'],
    ['path containz /', 'is no comparison', 5, 'contains'],
    ['path', 'what about path? A comparison is missing here, such as = or contains', 4, undefined],
    ['status >=', 'a value for status is missing here', 9, undefined],
    ['status = and host exists', 'a value for status is missing before `and`', 9, '"and"'],
    ['status = x', 'status is a number, not `x`', 9, undefined],
    ['status = 5ms', 'status has no unit, not in `ms`', 9, '5'],
    ['durationMs > 5kb', 'durationMs is in us, ms, s, m, h, d, not in `kb`', 13, '5'],
    ['durationMs > 5toString', 'not in `toString`', 13, '5'],
    ['bytesIn > 9999999999gb', 'is too large', 10, undefined],
    ['isWebSocket = yes', 'isWebSocket is true or false, not `yes`', 14, undefined],
    ['client = 10.0.0.5/8', 'bits behind the prefix must be zero', 9, undefined],
    ['client in 10.0.0.5/8', 'bits behind the prefix must be zero', 10, undefined],
    ['client > 10.0.0.5', 'client has no order; compare it with = or !=', 7, '='],
    ['status contains 4', 'status is no text', 7, '='],
    ['time > 2026-11-28T03:00', 'time is a time such as', 7, '2026-11-28T03:00Z'],
    ['time > 2026-02-31', 'time is a time such as', 7, undefined],
    ['status in 5', 'a list of values stands in brackets', 10, '(5)'],
    ['status in (5 6)', 'values of a list stand between commas', 13, ','],
    ['status in ()', 'a value for status cannot be `)`', 11, '")"'],
    ['(status = 5', 'this bracket is never closed', 0, undefined],
    ['status = 5)', 'this bracket was never opened', 10, undefined],
    ['status = 5 host exists', '`host` needs `and` or `or` before it', 11, undefined],
    ['status = 5 && host exists', '`&&` needs `and` or `or` before it', 11, 'and'],
    ['status = 5 adn host exists', '`adn` needs `and` or `or` before it', 11, 'and'],
    ['"path" = 5', 'a condition begins with the name of a field', 0, undefined],
    ['! host exists', 'a condition begins with the name of a field', 0, 'not'],
    ['status = 5 and', 'a condition is missing here', 14, undefined],
    ['path = "abc', 'a quoted text does not end', 7, '"'],
    [String.raw`path = "\q"`, 'a quoted text has an escape that is none', 7, String.raw`\\`],
    [String.raw`path = "\u{110000}"`, 'a quoted text has an escape that is none', 7, String.raw`\\`],
    ['path = a\u0000', 'cannot stand here; quote it', 8, '"\u0000"'],
  ])('refuses %j with a reason, a place and a suggestion', (text, message, position, suggestion) => {
    const found = problemOf(text);
    expect(found.message).toContain(message);
    expect({ position: found.position, suggestion: found.suggestion }).toEqual({ position, suggestion });
  });
});

describe('the limits of a query', () => {
  const deep = (depth: number): string => `${'('.repeat(depth)}all${')'.repeat(depth)}`;
  const listed = (values: number): string => `status in (${Array.from({ length: values }, () => '5').join(',')})`;

  it('holds for its length', () => {
    const text = (length: number): string => `path = "${'a'.repeat(length - 9)}"`;
    expect(parseQuery(text(QUERY_LENGTH_MAX)).kind).toBe('ready');
    expect(problemOf(text(QUERY_LENGTH_MAX + 1)).message).toContain(`${QUERY_LENGTH_MAX}`);
  });

  it('holds for its depth, of brackets and of not', () => {
    expect(parseQuery(deep(QUERY_DEPTH_MAX)).kind).toBe('ready');
    expect(problemOf(deep(QUERY_DEPTH_MAX + 1)).position).toBe(QUERY_DEPTH_MAX);
    expect(problemOf(`${'not '.repeat(QUERY_DEPTH_MAX + 1)}all`).message).toContain(`${QUERY_DEPTH_MAX}`);
  });

  it('holds for what it is made of', () => {
    expect(parseQuery(listed(QUERY_NODES_MAX - 1)).kind).toBe('ready');
    expect(problemOf(listed(QUERY_NODES_MAX)).message).toContain(`${QUERY_NODES_MAX}`);
    expect(problemOf(Array.from({ length: QUERY_NODES_MAX }, () => 'all').join(' or ')).message).toContain('at most');
  });
});

describe('printing a query', () => {
  it('gives a text that is read as the same query', () => {
    fc.assert(
      fc.property(query, (one) => {
        const text = printQuery(one);
        fc.pre(text.length <= QUERY_LENGTH_MAX);
        expect(queryOf(text)).toEqual(one);
      }),
      { numRuns: 2_000 },
    );
  });

  it('says of no parts what they are worth', () => {
    expect(printQuery({ kind: 'and', parts: [] })).toBe('all');
    expect(printQuery({ kind: 'or', parts: [] })).toBe('not all');
  });

  it('gives an answer for any text, and for what it reads the same one again', () => {
    const pieces = fc.constantFrom(
      'path',
      'status',
      'client',
      '=',
      '!=',
      'in',
      '(',
      ')',
      ',',
      'and',
      'or',
      'not',
      '"',
      '5',
      '1.2.3.4',
      '10.0.0.0/8',
      'contains',
      '\\',
      'exists',
      'ms',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(pieces, { maxLength: 20 }).map((parts) => parts.join(' ')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = parseQuery(text);
        if (parsed.kind === 'ready') expect(queryOf(printQuery(parsed.query))).toEqual(parsed.query);
        else expect(parsed.problem.position).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 3_000 },
    );
  });
});
