import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EventRecord, predicateOf, type Query, type QueryLeaf, valueOf, valuePredicateOf } from '../src/index.ts';
import { containsMatcher, endsWithMatcher, startsWithMatcher } from '../src/query/text-match.ts';

const RECORD: EventRecord = {
  kind: 'exchange',
  client: '203.0.113.7',
  network: '203.0.113.7',
  status: 403,
  path: '/Static/App.js',
  isWebSocket: true,
  failedStages: ['waf', 'lists'],
  inspection: {
    inboundScore: 5,
    ruleIds: [942_100, 949_110],
    matches: [{ id: 1, transformations: ['none', 'lowercase'] }],
  },
};

describe('a query', () => {
  it.each<[Query, boolean]>([
    [{ kind: 'all' }, true],
    [{ kind: 'and', parts: [] }, true],
    [{ kind: 'or', parts: [] }, false],
    [{ kind: 'compare', field: 'status', operator: '>=', value: 400 }, true],
    [{ kind: 'compare', field: 'status', operator: '>=', value: '400' }, false],
    [{ kind: 'compare', field: 'path', operator: '=', value: '/static/app.js' }, false],
    [{ kind: 'startsWith', field: 'path', text: '/static' }, true],
    [{ kind: 'endsWith', field: 'path', text: '.JS' }, true],
    [{ kind: 'contains', field: 'path', text: 'C/A' }, true],
    [{ kind: 'contains', field: 'status', text: '40' }, false],
    [{ kind: 'compare', field: 'isWebSocket', operator: '=', value: true }, true],
    [{ kind: 'compare', field: 'isWebSocket', operator: '>=', value: true }, false],
    [{ kind: 'in', field: 'status', values: [401, 403] }, true],
    [{ kind: 'in', field: 'status', values: ['403'] }, false],
    [{ kind: 'network', field: 'client', network: '203.0.113.0/24' }, true],
    [{ kind: 'network', field: 'client', network: '2001:db8::/32' }, false],
    [{ kind: 'network', field: 'path', network: '0.0.0.0/0' }, false],
    [{ kind: 'exists', field: 'inspection.ruleIds' }, true],
    [{ kind: 'compare', field: 'inspection.ruleIds', operator: '=', value: 949_110 }, true],
    // Some element differs, and one that differs is enough.
    [{ kind: 'compare', field: 'inspection.ruleIds', operator: '!=', value: 949_110 }, true],
    [{ kind: 'compare', field: 'failedStages', operator: '=', value: 'lists' }, true],
    [{ kind: 'compare', field: 'inspection.matches.transformations', operator: '=', value: 'lowercase' }, true],
    // What a record does not have is neither equal nor different.
    [{ kind: 'compare', field: 'host', operator: '=', value: 'a' }, false],
    [{ kind: 'compare', field: 'host', operator: '!=', value: 'a' }, false],
    [{ kind: 'not', part: { kind: 'compare', field: 'host', operator: '=', value: 'a' } }, true],
    [{ kind: 'exists', field: 'constructor' }, false],
    [{ kind: 'exists', field: 'inspection.constructor' }, false],
  ])('%j is %s', (query, expected) => {
    expect(predicateOf(query)(RECORD)).toBe(expected);
  });

  it.each([
    ['2001:db8:1::/64', '2001:db8::/32', true],
    ['2001:db8::/32', '2001:db8:1::/64', false],
    ['2001:db8:1::1', '2001:db8:1::/64', true],
    ['unix', '0.0.0.0/0', false],
  ])('says that %s lies in %s: %s', (value, network, expected) => {
    expect(valuePredicateOf({ kind: 'network', field: 'network', network })(value)).toBe(expected);
  });

  it('decides a leaf by the value alone, as a store does', () => {
    const leaf = fc.constantFrom<QueryLeaf>(
      { kind: 'compare', field: 'status', operator: '<', value: 404 },
      { kind: 'contains', field: 'path', text: 'app' },
      { kind: 'in', field: 'failedStages', values: ['waf'] },
      { kind: 'exists', field: 'inspection.inboundScore' },
    );
    fc.assert(
      fc.property(leaf, (one) => {
        const value = valueOf(RECORD, one.field);
        expect(value !== undefined && valuePredicateOf(one)(value)).toBe(predicateOf(one)(RECORD));
      }),
    );
  });
});

describe('a search in text', () => {
  const alphabet = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'é', 'É', 'K', '\u212a'), maxLength: 12 });
  const lower = (text: string): string => text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

  it('finds what a plain search finds in the text with ASCII letters in one case', () => {
    fc.assert(
      fc.property(alphabet, alphabet, (value, text) => {
        expect(containsMatcher(text)(value)).toBe(lower(value).includes(lower(text)));
        expect(startsWithMatcher(text)(value)).toBe(lower(value).startsWith(lower(text)));
        expect(endsWithMatcher(text)(value)).toBe(lower(value).endsWith(lower(text)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('looks at each unit of a value once, whatever text was made to be slow', () => {
    let looks = 0;
    const length = 50_000;
    const value = {
      length,
      charCodeAt: (): number => {
        looks += 1;
        return 0x61;
      },
    };
    expect(containsMatcher(`${'a'.repeat(1_000)}b`)(value)).toBe(false);
    expect(looks).toBe(length);
  });
});
