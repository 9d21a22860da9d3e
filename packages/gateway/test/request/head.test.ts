import type { Framing } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { type CheckedHead, checkHead, HEADER_FIELDS_MAX, type RawHead } from '../../src/request/head.ts';

function raw(change: Partial<RawHead>): RawHead {
  return {
    method: 'GET',
    url: '/',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    rawHeaders: ['Host', 'a.example'],
    ...change,
  };
}

function passed(change: Partial<RawHead>): CheckedHead {
  const checked = checkHead(raw(change));
  if ('code' in checked) throw new Error(`refused: ${checked.code} ${checked.detail}`);
  return checked;
}

function refused(change: Partial<RawHead>): string {
  const checked = checkHead(raw(change));
  return 'code' in checked ? `${checked.code}: ${checked.detail ?? ''}` : 'passed';
}

/** The header section `Host: a.example` and these fields. */
function fields(...more: readonly string[]): Partial<RawHead> {
  return { rawHeaders: ['Host', 'a.example', ...more] };
}

describe('a head that passes', () => {
  test('is judged and forwarded as what it says', () => {
    const { head, headerBytes } = passed({
      method: 'POST',
      url: '/a//b?c',
      rawHeaders: ['Host', 'A.example:80', 'Accept', 'x', 'X-Real-IP', '6.6.6.6', 'Content-Length', '12'],
    });
    expect(head).toMatchObject({
      method: 'POST',
      host: 'a.example',
      authority: 'a.example:80',
      path: '/a/b',
      query: '?c',
    });
    expect(head.headers.length).toBe(1);
    expect(head.framing).toEqual({ kind: 'length', bytes: 12 });
    expect(headerBytes).toBe('Host: A.example:80\r\nAccept: x\r\nX-Real-IP: 6.6.6.6\r\nContent-Length: 12\r\n'.length);
  });

  test.each<[string, readonly string[], Framing]>([
    ['no body', [], { kind: 'none' }],
    ['an empty body', ['Content-Length', '0'], { kind: 'length', bytes: 0 }],
    ['a length with zeros in front', ['Content-Length', '007'], { kind: 'length', bytes: 7 }],
    ['chunks', ['Transfer-Encoding', 'Chunked'], { kind: 'chunked' }],
  ])('with %s', (_, more, framing) => {
    expect(passed(fields(...more)).head.framing).toEqual(framing);
  });

  test('may ask to be continued, but not in HTTP/1.0', () => {
    expect(passed(fields('Expect', '100-Continue')).isContinueExpected).toBe(true);
    expect(passed({ ...fields('Expect', '100-continue'), httpVersionMinor: 0 }).isContinueExpected).toBe(false);
  });

  test('may leave out Host in HTTP/1.0 only', () => {
    expect(passed({ rawHeaders: [], httpVersionMinor: 0 }).head).toMatchObject({ host: '', authority: '' });
    expect(refused({ rawHeaders: [] })).toBe('HOST_INVALID: missing');
  });

  test.each([
    [['Connection', 'keep-alive'], ['keep-alive']],
    [
      ['Connection', 'close', 'Connection', 'keep-alive'],
      ['close', 'keep-alive'],
    ],
    [
      ['Connection', 'Upgrade, , TE'],
      ['upgrade', 'te'],
    ],
    [['Connection', 'KEEP-ALIVE'], ['keep-alive']],
  ])('says of the connection %j', (more, tokens) => {
    expect(passed(fields(...more)).connectionTokens).toEqual(tokens);
  });

  test('offers upgrades in one text, whatever the number of fields', () => {
    expect(passed(fields('Upgrade', 'h2c', 'Upgrade', 'WebSocket')).upgrade.toLowerCase()).toBe('h2c,websocket');
  });

  test('has exactly as many fields as there may be', () => {
    const most = Array.from({ length: HEADER_FIELDS_MAX - 1 }, (_, index) => [`x-${index}`, '']).flat();
    expect(passed(fields(...most)).head.headers.length).toBe(HEADER_FIELDS_MAX - 1);
    expect(refused(fields(...most, 'x', ''))).toBe('HEADERS_TOO_LARGE: more than 200 fields');
  });
});

describe('a head is refused', () => {
  test.each<[string, Partial<RawHead>]>([
    ['MALFORMED_REQUEST: HTTP version', { httpVersionMajor: 3 }],
    ['METHOD_UNSUPPORTED: TRACE', { method: 'TRACE' }],
    ['METHOD_UNSUPPORTED: get', { method: 'get' }],
    ['METHOD_UNSUPPORTED: ', { method: undefined }],
    ['TARGET_INVALID: neither origin nor absolute form', { url: '' }],
    ['TARGET_INVALID: neither origin nor absolute form', { url: 'a.example:80' }],
    ['TARGET_INVALID: asterisk form', { url: '*' }],
    ['HOST_MISMATCH: ', { url: 'http://b.example/' }],
    ['HOST_MISMATCH: ', { url: 'http://a.example:80/' }],
    ['HOST_MISMATCH: ', { url: 'http:///' }],
    ['HOST_MISMATCH: ', { url: 'http://a.example\\@b.example/' }],
    ['HEADER_DUPLICATE: host', fields('host', 'a.example')],
    ['HEADER_DUPLICATE: authorization', fields('Authorization', 'a', 'AUTHORIZATION', 'b')],
    ['HEADER_DUPLICATE: expect', fields('Expect', '100-continue', 'Expect', '100-continue')],
    ['EXPECTATION_FAILED: ', fields('Expect', '')],
    ['EXPECTATION_FAILED: 100-continue, x', fields('Expect', '100-continue, x')],
    ['FRAMING_AMBIGUOUS: two Content-Length fields', fields('Content-Length', '1', 'Content-Length', '1')],
    [
      'FRAMING_AMBIGUOUS: two Transfer-Encoding fields',
      fields('Transfer-Encoding', 'chunked', 'Transfer-Encoding', ''),
    ],
    [
      'FRAMING_AMBIGUOUS: Content-Length and Transfer-Encoding',
      fields('Content-Length', '1', 'Transfer-Encoding', 'chunked'),
    ],
    ['FRAMING_AMBIGUOUS: Transfer-Encoding is not chunked', fields('Transfer-Encoding', 'identity')],
    ['FRAMING_AMBIGUOUS: Transfer-Encoding is not chunked', fields('Transfer-Encoding', 'chunked,')],
    ['FRAMING_AMBIGUOUS: Transfer-Encoding is not chunked', fields('Transfer-Encoding', '\x0bchunked')],
    ['FRAMING_AMBIGUOUS: Content-Length is not a number', fields('Content-Length', '1e3')],
    ['FRAMING_AMBIGUOUS: Content-Length is not a number', fields('Content-Length', '')],
    ['FRAMING_AMBIGUOUS: Content-Length is not a number', fields('Content-Length', '1'.repeat(16))],
    [
      'FRAMING_AMBIGUOUS: Transfer-Encoding in HTTP/1.0',
      { ...fields('Transfer-Encoding', 'chunked'), httpVersionMinor: 0 },
    ],
    ['HOP_BY_HOP_NOMINATED: cookie', fields('Connection', 'close, Cookie')],
    ['HOP_BY_HOP_NOMINATED: too many', fields('Connection', 'te,'.repeat(20))],
    ['HEADER_NAME_FORBIDDEN: __proto__', fields('__proto__', 'x')],
    ['HEADER_UNDERSCORE_VARIANT: content_length', fields('Content_Length', '5')],
  ])('%s', (expected, change) => {
    expect(refused(change)).toBe(expected);
  });
});
