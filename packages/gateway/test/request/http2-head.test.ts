import { describe, expect, test } from 'vitest';
import { type CheckedHead, checkHead } from '../../src/request/head.ts';

const GET = [':method', 'GET', ':scheme', 'https', ':authority', 'a.example', ':path', '/a'];

function check(rawHeaders: readonly string[], hasBody = false): CheckedHead | string {
  const checked = checkHead({ httpVersionMajor: 2, httpVersionMinor: 0, rawHeaders, hasBody });
  return 'code' in checked ? `${checked.code}: ${checked.detail ?? ''}` : checked;
}

function passed(rawHeaders: readonly string[], hasBody = false): CheckedHead {
  const checked = check(rawHeaders, hasBody);
  if (typeof checked === 'string') throw new Error(checked);
  return checked;
}

/** The pseudo-header fields of a GET without one of them, and with these. */
function pseudo(without: string, ...more: readonly string[]): readonly string[] {
  return [...GET.filter((_, index) => GET[index - (index % 2)] !== without), ...more];
}

describe('the head of an HTTP/2 request', () => {
  test('is judged as what it would be in HTTP/1.1', () => {
    const raw = [
      ':method',
      'GET',
      ':scheme',
      'https',
      ':authority',
      'A.example:443',
      ':path',
      '/x/../b//c?d',
      'x',
      'y',
    ];
    expect(passed(raw).head).toMatchObject({
      method: 'GET',
      host: 'a.example',
      authority: 'a.example:443',
      path: '/b/c',
      query: '?d',
      httpVersion: '2',
      framing: { kind: 'none' },
    });
  });

  test('has one Cookie field, of all its crumbs (RFC 9113 §8.2.3)', () => {
    const { headers } = passed([...GET, 'cookie', 'a=1', 'x-between', 'y', 'cookie', 'b=2', 'cookie', 'c=3']).head;
    expect(headers.getAll('cookie')).toEqual(['a=1; b=2; c=3']);
    expect(headers.get('x-between')).toBe('y');
  });

  test('may say its host in a field, or in both places the same', () => {
    expect(passed(pseudo(':authority', 'host', 'b.example')).head.host).toBe('b.example');
    expect(passed([...GET, 'host', 'A.example.']).head.host).toBe('a.example');
  });

  test.each<[string, readonly string[], boolean, unknown]>([
    ['no length and no end', [], true, { kind: 'chunked' }],
    ['a length', ['content-length', '3'], true, { kind: 'length', bytes: 3 }],
    ['a length of nothing and no end', ['content-length', '0'], true, { kind: 'length', bytes: 0 }],
    ['a length of nothing and an end', ['content-length', '0'], false, { kind: 'length', bytes: 0 }],
    ['an end', [], false, { kind: 'none' }],
  ])('announces a body by the stream: %s', (_, fields, hasBody, framing) => {
    expect(passed([...GET, ...fields], hasBody).head.framing).toEqual(framing);
  });

  test.each<[string, readonly string[], string]>([
    ['no method', pseudo(':method'), 'MALFORMED_REQUEST: :method is missing'],
    ['no scheme', pseudo(':scheme'), 'MALFORMED_REQUEST: :scheme is missing'],
    ['another scheme', pseudo(':scheme', ':scheme', 'http'), 'TARGET_INVALID: scheme http'],
    ['no path', pseudo(':path'), 'MALFORMED_REQUEST: :path'],
    ['an empty path', pseudo(':path', ':path', ''), 'MALFORMED_REQUEST: :path'],
    ['a path in absolute form', pseudo(':path', ':path', 'https://a.example/'), 'MALFORMED_REQUEST: :path'],
    ['an asterisk for a GET', pseudo(':path', ':path', '*'), 'TARGET_INVALID: asterisk form'],
    ['a path that climbs', pseudo(':path', ':path', '/../x'), 'PATH_TRAVERSAL: '],
    ['no authority at all', pseudo(':authority'), 'HOST_INVALID: missing'],
    ['a user name in the authority', pseudo(':authority', ':authority', 'u@a.example'), 'HOST_INVALID: '],
    ['an empty authority', pseudo(':authority', ':authority', ''), 'HOST_INVALID: '],
    ['another host', [...GET, 'host', 'b.example'], 'HOST_MISMATCH: '],
    ['two hosts', [...GET, 'host', 'a.example', 'host', 'a.example'], 'HEADER_DUPLICATE: host'],
    ['CONNECT', [':method', 'CONNECT', ':authority', 'a.example:443'], 'METHOD_UNSUPPORTED: CONNECT'],
    [
      'extended CONNECT',
      [...pseudo(':method', ':method', 'CONNECT'), ':protocol', 'websocket'],
      'MALFORMED_REQUEST: pseudo-header field :protocol',
    ],
    ['an unknown method', pseudo(':method', ':method', 'BREW'), 'METHOD_UNSUPPORTED: BREW'],
    ['an unknown pseudo-header field', [':x', 'y', ...GET], 'MALFORMED_REQUEST: pseudo-header field :x'],
    ['a status', [':status', '200', ...GET], 'MALFORMED_REQUEST: pseudo-header field :status'],
    ['a pseudo-header field twice', [...GET, ':path', '/b'], 'MALFORMED_REQUEST: two :path'],
    ['a pseudo-header field after others', ['x', 'y', ...GET], 'MALFORMED_REQUEST: :method after a field'],
    ['a name in upper case', [...GET, 'X-Y', 'z'], 'MALFORMED_REQUEST: field name X-Y'],
    ['a name that is none', [...GET, 'x y', 'z'], 'MALFORMED_REQUEST: field name x y'],
    ['an empty name', [...GET, '', 'z'], 'MALFORMED_REQUEST: field name '],
    ['a line break in a value', [...GET, 'x', 'a\r\nb: c'], 'MALFORMED_REQUEST: value of x'],
    ['a NUL in a value', [...GET, 'x', 'a\0b'], 'MALFORMED_REQUEST: value of x'],
    ['a line break in the path', pseudo(':path', ':path', '/a HTTP/1.1\r\nx: y'), 'MALFORMED_REQUEST: value of :path'],
    ['a space in the path', pseudo(':path', ':path', '/a HTTP/1.1'), 'TARGET_INVALID: character 0x20'],
    ['white space around a value', [...GET, 'x', ' y'], 'MALFORMED_REQUEST: value of x'],
    ['connection', [...GET, 'connection', 'close'], 'MALFORMED_REQUEST: connection-specific field connection'],
    ['keep-alive', [...GET, 'keep-alive', 'x'], 'MALFORMED_REQUEST: connection-specific field keep-alive'],
    [
      'proxy-connection',
      [...GET, 'proxy-connection', 'x'],
      'MALFORMED_REQUEST: connection-specific field proxy-connection',
    ],
    [
      'transfer-encoding',
      [...GET, 'transfer-encoding', 'chunked'],
      'MALFORMED_REQUEST: connection-specific field transfer-encoding',
    ],
    ['upgrade', [...GET, 'upgrade', 'websocket'], 'MALFORMED_REQUEST: connection-specific field upgrade'],
    ['te that is not trailers', [...GET, 'te', 'gzip'], 'MALFORMED_REQUEST: te'],
    [
      'two lengths',
      [...GET, 'content-length', '1', 'content-length', '1'],
      'FRAMING_AMBIGUOUS: two Content-Length fields',
    ],
    ['a length that is none', [...GET, 'content-length', '+1'], 'FRAMING_AMBIGUOUS: Content-Length is not a number'],
    ['a length without a body', [...GET, 'content-length', '1'], 'FRAMING_AMBIGUOUS: Content-Length without a body'],
    ['another expectation', [...GET, 'expect', 'a cookie'], 'EXPECTATION_FAILED: a cookie'],
    ['an imitated name', [...GET, 'x_forwarded_for', '6.6.6.6'], 'HEADER_UNDERSCORE_VARIANT: x_forwarded_for'],
    ['a name that breaks objects', [...GET, '__proto__', 'x'], 'HEADER_NAME_FORBIDDEN: __proto__'],
  ])('is refused with %s', (_, rawHeaders, expected) => {
    expect(check(rawHeaders)).toBe(expected);
  });

  test('may say that it understands trailers, which goes no further', () => {
    expect(passed([...GET, 'te', 'trailers']).head.headers.has('te')).toBe(false);
  });
});
