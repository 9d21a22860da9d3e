import type { ExchangeEvent, ReasonCode } from '@sallyport/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exchangesIn, type LiveGateway, startGateway } from './request/live-gateway.ts';
import { RawClient } from './request/raw-client.ts';
import { Recorder } from './request/recorder.ts';
import type { WireRequest } from './request/request-reader.ts';
import { fieldOf, readResponses } from './request/response-reader.ts';

const recorder = new Recorder();
let gateway: LiveGateway;

beforeAll(async () => {
  gateway = await startGateway(await recorder.listen());
});

beforeEach(() => {
  recorder.take();
  gateway.events.length = 0;
});

afterAll(() => {
  gateway.close();
  recorder.close();
});

interface Refused {
  readonly name: string;
  readonly bytes: string;
  readonly status: number;
  readonly code: ReasonCode;
}

/** Joins lines as they stand on the wire and adds the empty line. */
function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function get(...fields: readonly string[]): string {
  return head('GET /a HTTP/1.1', 'Host: a.example', ...fields);
}

function post(...fields: readonly string[]): string {
  return head('POST /a HTTP/1.1', 'Host: a.example', ...fields);
}

function target(text: string): string {
  return head(`GET ${text} HTTP/1.1`, 'Host: a.example');
}

const row = (name: string, bytes: string, status: number, code: ReasonCode): Refused => ({ name, bytes, status, code });

/** A request of its own, hidden behind the one under test: it must never come through. */
const HIDDEN = head('GET /hidden HTTP/1.1', 'Host: a.example');

/** Turns of the event loop in which everything that is under way between sockets of this process has happened. */
const TURNS = 40;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface Outcome {
  readonly statuses: readonly number[];
  readonly code: unknown;
  readonly isClosed: boolean;
  readonly events: readonly ExchangeEvent[];
  readonly upstream: readonly WireRequest[];
}

/** Sends the bytes with a hidden request behind them and waits until the gateway has closed the connection. */
async function refusalOf(bytes: string): Promise<Outcome> {
  const client = await RawClient.open(gateway.port);
  client.send(bytes + HIDDEN);
  const answer = await client.ended();
  client.close();
  await settle();
  const { responses } = readResponses(answer, () => false);
  const body: unknown = JSON.parse(responses[0]?.body ?? 'null');
  return {
    statuses: responses.map(({ status }) => status),
    code: typeof body === 'object' && body !== null ? Reflect.get(body, 'code') : undefined,
    isClosed: client.isEnded,
    events: exchangesIn(gateway.events),
    upstream: recorder.take().requests,
  };
}

async function checkRefused({ bytes, status, code }: Refused): Promise<void> {
  const outcome = await refusalOf(bytes);
  expect(outcome.statuses).toEqual([status]);
  expect(outcome.code).toBe(code);
  expect(outcome.isClosed).toBe(true);
  expect(outcome.events.map((event) => [event.verdict, event.status, event.reason])).toEqual([['deny', status, code]]);
  expect(outcome.upstream).toEqual([]);
  expect(gateway.errors).toEqual([]);
}

describe('refuses what is not HTTP, once, and closes the connection (R0.5)', () => {
  const malformed = (name: string, bytes: string): Refused => row(name, bytes, 400, 'MALFORMED_REQUEST');
  test.each([
    malformed('Content-Length and Transfer-Encoding', post('Content-Length: 5', 'Transfer-Encoding: chunked')),
    malformed('Transfer-Encoding and Content-Length', post('Transfer-Encoding: chunked', 'Content-Length: 5')),
    malformed('two Transfer-Encoding fields', post('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')),
    malformed('chunked that is not last', post('Transfer-Encoding: chunked, identity')),
    malformed('two Content-Length fields that differ', post('Content-Length: 5', 'Content-Length: 6')),
    malformed('two Content-Length fields that agree', post('Content-Length: 5', 'Content-Length: 5')),
    malformed('a list as Content-Length', post('Content-Length: 1, 1')),
    malformed('a signed Content-Length', post('Content-Length: +1')),
    malformed('a negative Content-Length', post('Content-Length: -1')),
    malformed('a hexadecimal Content-Length', post('Content-Length: 0x5')),
    malformed('a Content-Length beyond 64 bits', post('Content-Length: 18446744073709551617')),
    malformed('an empty Content-Length', post('Content-Length: ')),
    malformed('a space before the colon', get('Content-Length : 5')),
    malformed('a folded line', get('X-A: b', ' c')),
    malformed('a line folded with a tab', get('X-A: b', '\tc')),
    malformed('a field line without a colon', get('X-A')),
    malformed('a field without a name', get(': x')),
    malformed('a name with a space', get('X A: b')),
    malformed('a name with a control character', get('X\x01A: b')),
    malformed('lines that end with LF alone', 'GET / HTTP/1.1\nHost: a.example\n\n'),
    malformed('one line that ends with LF alone', 'GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n'),
    malformed('a bare CR in a value', get('X-A: b\rContent-Length: 5')),
    malformed('a NUL in a value', get('X-A: b\0c')),
    malformed('a NUL in a name', get('X\0A: b')),
    malformed('a control character in the path', target('/a\x01b')),
    malformed('a space in the path', target('/a b')),
    malformed('HTTP/1.9', head('GET / HTTP/1.9', 'Host: a.example')),
    malformed('HTTP/0.9', 'GET /\r\n\r\n'),
    malformed('a lower-case method', head('get / HTTP/1.1', 'Host: a.example')),
    malformed('a method nobody knows', head('FROB / HTTP/1.1', 'Host: a.example')),
    malformed('a space before the method', head(' GET / HTTP/1.1', 'Host: a.example')),
    malformed('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    malformed('the hello of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
    row('more header bytes than the listener takes', get(`X-A: ${'a'.repeat(17_000)}`), 431, 'HEADERS_TOO_LARGE'),
    row(
      'more fields than anybody needs',
      get(...Array.from({ length: 201 }, (_, index) => `X-${index}: a`)),
      431,
      'HEADERS_TOO_LARGE',
    ),
  ])('$name', checkRefused);
});

describe('refuses a body whose end can be read in two ways, and asks no upstream to finish it', () => {
  const chunked = (chunks: string): string => post('Transfer-Encoding: chunked') + chunks;
  test.each([
    ['a chunk size with a prefix', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size with a sign', chunked('+5\r\nhello\r\n0\r\n\r\n')],
    ['a space before the chunk size', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
    ['a space behind the chunk size', chunked('5 \r\nhello\r\n0\r\n\r\n')],
    ['a chunk without its line end', chunked('5\r\nhello0\r\n\r\n')],
    ['a chunk that is longer than it says', chunked('4\r\nhello\r\n0\r\n\r\n')],
    ['chunks whose lines end with LF', chunked('5\nhello\n0\n\n')],
    ['a chunk extension that holds a line feed', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n')],
    ['a chunk extension that holds a bare CR', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n')],
    ['a chunk size beyond 64 bits', chunked('10000000000000000\r\nhello\r\n0\r\n\r\n')],
    ['an empty chunk size', chunked('\r\nhello\r\n0\r\n\r\n')],
    ['chunk extensions without end', chunked(`5;${'a'.repeat(40_000)}\r\nhello\r\n0\r\n\r\n`)],
  ])('%s (R0.5)', async (_, bytes) => {
    const outcome = await refusalOf(bytes);
    expect(outcome.statuses).toEqual([400]);
    expect(outcome.code).toBe('MALFORMED_REQUEST');
    expect(outcome.events.map((event) => [event.verdict, event.reason, event.faultOf])).toEqual([
      ['deny', 'MALFORMED_REQUEST', 'client'],
    ]);
    expect(outcome.upstream).toEqual([]);
  });
});

test('a body that breaks in the packet of its head, before that is judged, is refused with what was asked for', async () => {
  const { events, upstream } = await refusalOf(`${post('Transfer-Encoding: chunked')}5\r\nhello\r\n0x\r\n\r\n`);
  expect(events.map(({ verdict, reason, method, path, route }) => [verdict, reason, method, path, route])).toEqual([
    ['deny', 'MALFORMED_REQUEST', 'POST', '/a', 'all'],
  ]);
  expect(upstream).toEqual([]);
});

describe('refuses what the parser lets through and servers read differently', () => {
  const of = row;
  const underscored = (name: string): Refused =>
    of(`the underscore variant ${name}`, get(`${name}: 1`), 400, 'HEADER_UNDERSCORE_VARIANT');
  const twice = (line: string): Refused => of(`two of ${line}`, get(line, line), 400, 'HEADER_DUPLICATE');
  const nominates = (name: string): Refused =>
    of(`Connection: ${name}`, get(`Connection: ${name}`), 400, 'HOP_BY_HOP_NOMINATED');
  test.each([
    of(
      'Transfer-Encoding in HTTP/1.0',
      head('POST / HTTP/1.0', 'Host: a.example', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
      400,
      'FRAMING_AMBIGUOUS',
    ),
    of('a coding that is nearly chunked', post('Transfer-Encoding: xchunked'), 400, 'FRAMING_AMBIGUOUS'),
    of('a coding before chunked', post('Transfer-Encoding: gzip, chunked') + '0\r\n\r\n', 400, 'FRAMING_AMBIGUOUS'),
    of('a missing Host', head('GET / HTTP/1.1'), 400, 'HOST_INVALID'),
    of('an empty Host', head('GET / HTTP/1.1', 'Host: '), 400, 'HOST_INVALID'),
    of('a Host with a user name', head('GET / HTTP/1.1', 'Host: a.example@b.example'), 400, 'HOST_INVALID'),
    of('a Host with a path', head('GET / HTTP/1.1', 'Host: a.example/b'), 400, 'HOST_INVALID'),
    of('a list as Host', head('GET / HTTP/1.1', 'Host: a.example, b.example'), 400, 'HOST_INVALID'),
    of('a Host with a port out of range', head('GET / HTTP/1.1', 'Host: a.example:65536'), 400, 'HOST_INVALID'),
    of(
      'two Host fields that differ',
      head('GET / HTTP/1.1', 'Host: a.example', 'Host: b.example'),
      400,
      'HEADER_DUPLICATE',
    ),
    of(
      'two Host fields that agree',
      head('GET / HTTP/1.1', 'Host: a.example', 'Host: a.example'),
      400,
      'HEADER_DUPLICATE',
    ),
    of(
      'an absolute target for another host',
      head('GET http://evil.example/ HTTP/1.1', 'Host: a.example'),
      400,
      'HOST_MISMATCH',
    ),
    of(
      'an absolute target with a user name',
      head('GET http://u@a.example/ HTTP/1.1', 'Host: a.example'),
      400,
      'HOST_MISMATCH',
    ),
    of(
      'an absolute target of another scheme',
      head('GET ftp://a.example/ HTTP/1.1', 'Host: a.example'),
      400,
      'TARGET_INVALID',
    ),
    of('an asterisk for a method that has none', target('*'), 400, 'TARGET_INVALID'),
    of('a fragment', target('/public#/../admin'), 400, 'TARGET_INVALID'),
    of('a fragment in the query', target('/public?a#b'), 400, 'TARGET_INVALID'),
    of('a backslash', target('/a\\..\\b'), 400, 'TARGET_INVALID'),
    of('an encoded NUL', target('/a%00b'), 400, 'TARGET_INVALID'),
    of('an encoded line break', target('/a%0d%0aX:%20y'), 400, 'TARGET_INVALID'),
    of('a broken percent-encoding', target('/a%2'), 400, 'TARGET_INVALID'),
    of('a percent-encoding of letters', target('/a%zz'), 400, 'TARGET_INVALID'),
    of('a path that climbs above its root (R2.20)', target('/a/../../b'), 400, 'PATH_TRAVERSAL'),
    of('an encoded path that climbs above its root (R2.20)', target('/%2e%2E/b'), 400, 'PATH_TRAVERSAL'),
    of('a servlet parameter behind dots (R2.20)', target('/api/matches/recent/..;/admin'), 400, 'PATH_TRAVERSAL'),
    of('an encoded servlet parameter behind dots (R2.20)', target('/public/%2e%2e;x=1/admin'), 400, 'PATH_TRAVERSAL'),
    of('an expectation nobody knows', post('Expect: 200-ok', 'Content-Length: 0'), 417, 'EXPECTATION_FAILED'),
    of('CONNECT', head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443'), 501, 'METHOD_UNSUPPORTED'),
    of('TRACE', head('TRACE / HTTP/1.1', 'Host: a.example'), 501, 'METHOD_UNSUPPORTED'),
    of('a method of WebDAV', head('PROPFIND / HTTP/1.1', 'Host: a.example'), 501, 'METHOD_UNSUPPORTED'),
    of('a header called __proto__', get('__proto__: x'), 400, 'HEADER_NAME_FORBIDDEN'),
    of('a header called constructor', get('Constructor: x'), 400, 'HEADER_NAME_FORBIDDEN'),
    twice('Authorization: Bearer a'),
    twice('Content-Type: text/plain'),
    twice('Origin: https://a.example'),
    twice('User-Agent: a'),
    twice('Expect: 100-continue'),
    nominates('close, X-Forwarded-For'),
    nominates('Authorization'),
    nominates('Host'),
    nominates('Cookie, keep-alive'),
    underscored('X_Forwarded_For'),
    underscored('x-forwarded_for'),
    underscored('CF_Connecting_IP'),
    underscored('X_Real_IP'),
    underscored('Content_Length'),
    underscored('Transfer_Encoding'),
    underscored('User_Agent'),
    underscored('X_Middleware_Subrequest'),
    underscored('X_Original_URL'),
    underscored('Sallyport_User'),
  ])('$name', checkRefused);

  test('a handshake with a body', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13'];
    await checkRefused(
      row(
        '',
        get(...upgrade, 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
        400,
        'UPGRADE_INVALID',
      ),
    );
  });
});

describe('judges what is valid by the limits of its route, and keeps the connection', () => {
  test.each([
    ['a body of GET', `${get('Content-Length: 2')}hi`, 400, 'BODY_UNEXPECTED'],
    ['a chunked body of GET', `${get('Transfer-Encoding: chunked')}2\r\nhi\r\n0\r\n\r\n`, 400, 'BODY_UNEXPECTED'],
    ['an encoded slash (R2.20)', target('/public%2fadmin'), 400, 'PATH_ENCODED_SLASH'],
    ['an encoded backslash (R2.20)', target('/public%5Cadmin'), 400, 'PATH_ENCODED_SLASH'],
    ['a target that is too long', target(`/${'a'.repeat(8_192)}`), 414, 'TARGET_TOO_LONG'],
    ['a body that announces too much', post('Content-Length: 1048577'), 413, 'BODY_TOO_LARGE'],
  ])('%s', async (_, bytes, status, code) => {
    const client = await RawClient.open(gateway.port);
    client.send(bytes);
    const [response] = await client.responses(1);
    client.close();
    await settle();
    expect(response?.status).toBe(status);
    expect(JSON.parse(response?.body ?? '')).toMatchObject({ status, code });
    expect(exchangesIn(gateway.events).map((event) => event.reason)).toEqual([code]);
    expect(recorder.take().requests).toEqual([]);
  });

  test('answers the next request after a refusal that left no doubt about framing', async () => {
    const client = await RawClient.open(gateway.port);
    client.send(`${target('/a%2fb')}${target('/next')}`);
    const responses = await client.responses(2);
    client.close();
    expect(responses.map(({ status }) => status)).toEqual([400, 200]);
    expect(recorder.take().requests.map((request) => request.target)).toEqual(['/next']);
  });
});

describe('processes nothing behind its last answer', () => {
  const tooMuch = post('Content-Length: 1048577') + 'a'.repeat(1_048_577);
  test.each([
    ['a request behind a body that nobody read', tooMuch + HIDDEN],
    ['a request in the next packet', `${target('/#')}\r\n`],
    ['a handshake', target('/#') + get('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13')],
    ['CONNECT', target('/#') + head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443')],
    ['a request behind Connection: close', target('/?').replace('Host', 'Connection: close\r\nHost') + HIDDEN],
    ['what is not HTTP', `${target('/#')}\x00\x00`],
    ['a request behind an upgrade that is not taken', get('Connection: Upgrade', 'Upgrade: h2c') + HIDDEN],
    [
      'a part of a request behind an upgrade that is not taken',
      get('Connection: Upgrade', 'Upgrade: h2c') + post('X: y'),
    ],
    ['a request behind an upgrade asked of a proxy', get('Proxy-Connection: Upgrade', 'Upgrade: h2c') + HIDDEN],
    ['a request behind HTTP/1.0', head('GET / HTTP/1.0', 'Host: a', 'Proxy-Connection: keep-alive') + HIDDEN],
  ])('%s', async (_, bytes) => {
    const client = await RawClient.open(gateway.port);
    client.send(bytes);
    await client.responses(1);
    client.send(HIDDEN);
    const { responses } = readResponses(await client.ended(), () => false);
    client.close();
    await settle();
    expect(responses).toHaveLength(1);
    expect(exchangesIn(gateway.events).map((event) => event.status)).toEqual([responses[0]?.status]);
    expect(recorder.take().requests.filter((request) => request.target === '/hidden')).toEqual([]);
  });
});

test.each([
  ['CONNECT', head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443'), 501, 'METHOD_UNSUPPORTED'],
  ['a handshake', get('Connection: Upgrade', 'Upgrade: websocket'), 400, 'UPGRADE_INVALID'],
  ['what is not HTTP', '\x00\x00', 400, 'MALFORMED_REQUEST'],
  ['a broken body', `${post('Transfer-Encoding: chunked')}5\r\nhello\r\n0x\r\n\r\n`, 400, 'MALFORMED_REQUEST'],
  [
    'a length among trailers',
    `${post('Transfer-Encoding: chunked')}0\r\nContent-Length: 5\r\n\r\n`,
    400,
    'MALFORMED_REQUEST',
  ],
])('answers the request before %s and refuses the rest', async (_, bytes, status, code) => {
  const client = await RawClient.open(gateway.port);
  client.send(target('/first') + bytes);
  const { responses } = readResponses(await client.ended(), () => false);
  client.close();
  await settle();
  expect(responses.map((response) => response.status)).toEqual([200, status]);
  expect(exchangesIn(gateway.events).map((event) => [event.status, event.reason])).toEqual([
    [200, ''],
    [status, code],
  ]);
  expect(recorder.take().requests.map((request) => request.target)).toEqual(['/first']);
});

describe('says who it is not and why not, and nothing more (R2.24)', () => {
  test('a refusal carries the reason code and the request id of its event', async () => {
    const client = await RawClient.open(gateway.port);
    client.send(target('/../x'));
    const [response] = await client.responses(1);
    client.close();
    await settle();
    const requestId = fieldOf(response, 'x-request-id');
    expect(exchangesIn(gateway.events).map((event) => event.requestId)).toEqual([requestId]);
    expect(fieldOf(response, 'content-type')).toBe('application/problem+json');
    expect(JSON.parse(response?.body ?? '')).toEqual({
      type: 'urn:sallyport:reason:PATH_TRAVERSAL',
      title: 'The path leaves its root.',
      status: 400,
      code: 'PATH_TRAVERSAL',
      requestId,
    });
  });
});
