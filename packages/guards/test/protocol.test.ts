import { METHODS, PASS, type Verdict } from '@sallyport/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protocol } from '../src/index.ts';
import { parseMediaType } from '../src/protocol/media-type.ts';
import { type ExchangeParts, exchangeOf, routeOf, runStageContract } from './contract.ts';

const JSON_ONLY = routeOf({ contentTypes: ['application/json', 'text/*'], bodyBytesMax: 10 });
const BODY: ExchangeParts = { method: 'POST', framing: { kind: 'length', bytes: 10 } };

runStageContract('protocol', {
  definition: protocol,
  config: {},
  passing: [exchangeOf(), exchangeOf({ route: null }), exchangeOf({ ...BODY, route: routeOf() })],
  denied: [
    { exchange: exchangeOf({ ...BODY, route: JSON_ONLY }), status: 415, reason: 'CONTENT_TYPE_NOT_ALLOWED' },
    { exchange: exchangeOf({ route: routeOf({ methods: ['POST'] }) }), status: 405, reason: 'METHOD_NOT_ALLOWED' },
    { exchange: exchangeOf({ isWebSocket: true, route: routeOf({}, false) }), status: 403, reason: 'UPGRADE_INVALID' },
  ],
});

describe('protocol', () => {
  it.each<[string, ExchangeParts]>([
    ['every known method where the route names none', { method: 'DELETE' }],
    ['a method the route names', { method: 'PUT', route: routeOf({ methods: ['GET', 'PUT'] }) }],
    ['a target of exactly the limit', { path: '/1234', query: '?67890', route: routeOf({ targetBytesMax: 11 }) }],
    ['as many header fields as the limit', { headers: fields(3), route: routeOf({ headersMax: 3 }) }],
    ['header fields of exactly the limit', { headerBytes: 500, route: routeOf({ headerBytesMax: 500 }) }],
    [
      'an encoded slash where it is allowed',
      { hasEncodedSlash: true, route: routeOf({ isEncodedSlashAllowed: true }) },
    ],
    ['a WebSocket handshake where it is allowed', { isWebSocket: true, route: routeOf({}, true) }],
    ['a body of exactly the limit', { ...BODY, route: routeOf({ bodyBytesMax: 10 }) }],
    ['a chunked body, whose size nobody knows yet', { ...BODY, framing: { kind: 'chunked' } }],
    ['a GET whose body has no bytes', { framing: { kind: 'length', bytes: 0 } }],
    ['a GET with a body where it is allowed', { ...BODY, method: 'GET', route: routeOf({ isBodyOnGetAllowed: true }) }],
    ['a request without a body and without a type', { method: 'POST', route: JSON_ONLY }],
    ['a body of an allowed type', withType('application/json')],
    ['a type in another case and with parameters', withType('Application/JSON;charset="a;b" ; x=y')],
    ['a type under an allowed wildcard', withType('text/csv')],
  ])('passes %s', (_, parts) => {
    expect(judge(parts)).toBe(PASS);
  });

  it.each<[string, ExchangeParts, string]>([
    [
      'a target one byte beyond the limit',
      { path: '/1234', query: '?678901', route: routeOf({ targetBytesMax: 11 }) },
      '414 TARGET_TOO_LONG (12 bytes, more than 11)',
    ],
    [
      'one header field beyond the limit',
      { headers: fields(4), route: routeOf({ headersMax: 3 }) },
      '431 HEADERS_TOO_LARGE (4 fields, more than 3)',
    ],
    [
      'header fields one byte beyond the limit',
      { headerBytes: 501, route: routeOf({ headerBytesMax: 500 }) },
      '431 HEADERS_TOO_LARGE (501 bytes, more than 500)',
    ],
    ['an encoded slash', { hasEncodedSlash: true }, '400 PATH_ENCODED_SLASH'],
    [
      'a WebSocket handshake on a route without WebSockets',
      { isWebSocket: true, route: routeOf({}, false) },
      '403 UPGRADE_INVALID (the route takes no WebSockets)',
    ],
    ['a GET with a body', { ...BODY, method: 'GET' }, '400 BODY_UNEXPECTED (GET)'],
    ['a HEAD with a chunked body', { method: 'HEAD', framing: { kind: 'chunked' } }, '400 BODY_UNEXPECTED (HEAD)'],
    [
      'a WebSocket handshake with a body, even where a GET may have one',
      { ...BODY, method: 'GET', isWebSocket: true, route: routeOf({ isBodyOnGetAllowed: true }) },
      '400 BODY_UNEXPECTED (WebSocket handshake)',
    ],
    [
      'a body one byte beyond the limit',
      { ...BODY, framing: { kind: 'length', bytes: 11 }, route: JSON_ONLY },
      '413 BODY_TOO_LARGE (11 bytes, more than 10)',
    ],
    ['a body without a type', { ...BODY, route: JSON_ONLY }, '415 CONTENT_TYPE_NOT_ALLOWED (missing)'],
    [
      'a chunked body without a type',
      { ...BODY, framing: { kind: 'chunked' }, route: JSON_ONLY },
      '415 CONTENT_TYPE_NOT_ALLOWED (missing)',
    ],
    ['a body of another type', withType('application/xml'), '415 CONTENT_TYPE_NOT_ALLOWED (application/xml)'],
    [
      'a type that only begins like an allowed one',
      withType('application/json-seq'),
      '415 CONTENT_TYPE_NOT_ALLOWED (application/json-seq)',
    ],
    ['a type that looks like a wildcard', withType('text*/plain'), '415 CONTENT_TYPE_NOT_ALLOWED (text*/plain)'],
    [
      'a list of types',
      withType('application/json, text/html'),
      '415 CONTENT_TYPE_NOT_ALLOWED (not one media type: application/json, text/html)',
    ],
    [
      'two Content-Type fields',
      withType('application/json', 'application/xml'),
      '415 CONTENT_TYPE_NOT_ALLOWED (not one media type: application/json, application/xml)',
    ],
  ])('denies %s', (_, parts, expected) => {
    expect(inWords(judge(parts))).toBe(expected);
  });

  it('says which methods are allowed (RFC 9110 §15.5.6)', () => {
    const route = routeOf({ methods: ['GET', 'HEAD'] });
    expect(judge({ method: 'POST', route })).toEqual({
      kind: 'deny',
      status: 405,
      reason: { code: 'METHOD_NOT_ALLOWED', detail: 'POST' },
      headers: { allow: 'GET, HEAD' },
    });
    expect(judge({ method: 'BREW' })).toMatchObject({ status: 405, headers: { allow: METHODS.join(', ') } });
  });
});

describe('parseMediaType', () => {
  it.each([
    ['text/html', 'text', 'html'],
    ['TEXT/HTML;Charset="utf-8"', 'text', 'html'],
    ['text/html; charset=utf-8', 'text', 'html'],
    ['text/html \t;\t charset=utf-8', 'text', 'html'],
    ['text/html;', 'text', 'html'],
    ['text/html; ;;a=b; ', 'text', 'html'],
    ['a/b;c="\\"\\\\;d=e"', 'a', 'b'],
    ['a/b;c=""', 'a', 'b'],
    ["!#$%&'*+-.^_`|~0/x", "!#$%&'*+-.^_`|~0", 'x'],
  ])('reads %s', (value, type, subtype) => {
    expect(parseMediaType(value)).toEqual({ type, subtype });
  });

  it.each([
    '',
    '/',
    'text',
    'text/',
    '/html',
    ' text/html',
    'text/html ',
    'text /html',
    'text/ html',
    'text/html/x',
    'text/html charset=utf-8',
    'text/html; charset',
    'text/html; charset=',
    'text/html; charset =utf-8',
    'text/html; charset= utf-8',
    'text/html; charset="utf-8',
    'text/html; charset="utf-8"x',
    'text/html; charset="utf-8\\',
    'text/html; charset="utf-8\\"',
    'text/html; charset=utf-8, text/plain',
    'text/html, text/plain',
    'text/h\xe4ml',
    'text/html;\xa0a=b',
  ])('refuses %j', (value) => {
    expect(parseMediaType(value)).toBeUndefined();
  });

  it('reads what it wrote, whatever the parameters', () => {
    const token = fc.string({
      unit: fc.constantFrom(...Array.from("abzAZ09!#$%&'*+-.^_`|~")),
      minLength: 1,
      maxLength: 12,
    });
    const quoted = fc.string({ maxLength: 12 }).map((text) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`);
    const parameter = fc.tuple(token, fc.oneof(token, quoted)).map(([name, value]) => `${name}=${value}`);
    const gap = fc.constantFrom(';', ' ; ', '\t;', '; ', ';;');
    fc.assert(
      fc.property(token, token, fc.array(fc.tuple(gap, parameter), { maxLength: 5 }), (type, subtype, parameters) => {
        const value = `${type}/${subtype}${parameters.map(([space, each]) => space + each).join('')}`;
        expect(parseMediaType(value)).toEqual({ type: type.toLowerCase(), subtype: subtype.toLowerCase() });
      }),
    );
  });
});

function judge(parts: ExchangeParts): Verdict | Promise<Verdict> {
  return protocol.instantiate(protocol.compile({})).inspect(exchangeOf(parts));
}

function inWords(verdict: Verdict | Promise<Verdict>): string {
  if (!('kind' in verdict) || verdict.kind !== 'deny') return JSON.stringify(verdict);
  const { status, reason } = verdict;
  return reason.detail === undefined ? `${status} ${reason.code}` : `${status} ${reason.code} (${reason.detail})`;
}

function fields(count: number): readonly (readonly [string, string])[] {
  return Array.from({ length: count }, () => ['na', 'va'] as const);
}

function withType(...types: readonly string[]): ExchangeParts {
  return { ...BODY, headers: types.map((type) => ['content-type', type] as const), route: JSON_ONLY };
}
