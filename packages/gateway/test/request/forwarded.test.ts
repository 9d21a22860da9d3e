import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { exchangesIn, type LiveGateway, startGateway } from './live-gateway.ts';
import { RawClient } from './raw-client.ts';
import { described, Recorder } from './recorder.ts';
import { valuesOf, type WireRequest } from './request-reader.ts';
import { readResponses, type WireResponse } from './response-reader.ts';

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

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function get(...fields: readonly string[]): string {
  return head('GET /a HTTP/1.1', 'Host: a.example', ...fields);
}

interface Passed {
  readonly response: WireResponse;
  readonly request: WireRequest;
}

/** Sends one request that must be answered by the upstream, and gives back what the upstream saw. */
async function pass(bytes: string): Promise<Passed> {
  const client = await RawClient.open(gateway.port);
  client.send(bytes);
  const [response] = await client.responses(1, bytes.split(' ')[0]);
  client.close();
  const { requests, faults } = recorder.take();
  expect(faults).toEqual([]);
  expect(response?.status).toBe(200);
  expect(requests).toHaveLength(1);
  const [request] = requests;
  if (response === undefined || request === undefined) throw new Error('nothing came through');
  return { response, request };
}

describe('lets pass what real clients send', () => {
  const browser = [
    'Connection: keep-alive',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24"',
    'sec-ch-ua-mobile: ?0',
    'sec-ch-ua-platform: "Linux"',
    'Upgrade-Insecure-Requests: 1',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
    'Sec-Fetch-Site: none',
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-User: ?1',
    'Sec-Fetch-Dest: document',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Cookie: a=1; b="2"; __Host-session=abc',
  ];
  const firefox = ['TE: trailers', 'Priority: u=0, i', 'Sec-GPC: 1', 'DNT: 1', 'Connection: keep-alive, TE'];
  test.each([
    ['curl', head('GET / HTTP/1.1', 'Host: 127.0.0.1:8080', 'User-Agent: curl/7.88.1', 'Accept: */*')],
    [
      'curl --http2',
      head(
        'GET / HTTP/1.1',
        'Host: 127.0.0.1:8080',
        'User-Agent: curl/7.88.1',
        'Accept: */*',
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
      ),
    ],
    ['a browser of the Chromium family', get(...browser)],
    ['Firefox', get(...browser.slice(5), ...firefox.slice(0, 4))],
    ['a client that names TE as hop-by-hop', get(...firefox)],
    ['wrk', head('GET /index.html HTTP/1.1', 'Host: localhost')],
    ['ab', head('GET / HTTP/1.0', 'Connection: Keep-Alive', 'Host: localhost', 'User-Agent: ApacheBench/2.3')],
    ['HTTP/1.0 without Host', head('GET / HTTP/1.0')],
    ['an empty line before the request', `\r\n${get()}`],
    ['a Host with a port', head('GET / HTTP/1.1', 'Host: a.example:8443')],
    ['a Host with a trailing dot', head('GET / HTTP/1.1', 'Host: a.example.')],
    ['a Host in brackets', head('GET / HTTP/1.1', 'Host: [::1]:8080')],
    ['cookies in two fields', get('Cookie: a=1', 'Cookie: b=2')],
    ['a value in Latin-1', get('X-Name: J\xfcrgen')],
    ['an empty value', get('X-Empty:')],
    ['white space around a value', get('X-Space: \t a b \t')],
    ['a closing proxy', get('Proxy-Connection: keep-alive', 'Connection: close')],
  ])('%s', async (_, bytes) => {
    await pass(bytes);
  });

  test('HEAD, whose answer has no body', async () => {
    const { response } = await pass(head('HEAD /a HTTP/1.1', 'Host: a.example'));
    expect(response.body).toBe('');
  });

  test('OPTIONS * is forwarded as it is', async () => {
    const { request } = await pass(head('OPTIONS * HTTP/1.1', 'Host: a.example'));
    expect(request.target).toBe('*');
  });

  test('answers a client of HTTP/1.0 that asked for it on a connection that stays', async () => {
    const client = await RawClient.open(gateway.port);
    client.send(head('GET /1 HTTP/1.0', 'Connection: Keep-Alive', 'Host: a'));
    const [first] = await client.responses(1);
    client.send(head('GET /2 HTTP/1.0', 'Host: a'));
    const [, second] = await client.responses(2);
    await client.ended();
    client.close();
    expect([first?.body, second?.body]).toEqual([
      described('GET', '/1', Buffer.alloc(0)),
      described('GET', '/2', Buffer.alloc(0)),
    ]);
  });

  test('honours Expect: 100-continue and asks for the body only when the upstream takes it', async () => {
    const client = await RawClient.open(gateway.port);
    client.send(head('POST /up HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 5'));
    await client.until(() => readResponses(client.bytes, () => false).interims.length > 0);
    expect(readResponses(client.bytes, () => false)).toEqual({ responses: [], interims: [100], rest: '' });
    client.send('hello');
    const [response] = await client.responses(1);
    client.close();
    expect(response?.body).toBe(described('POST', '/up', Buffer.from('hello')));
    const fields = recorder.take().requests.map((request) => valuesOf(request, 'expect'));
    expect(fields).toEqual([[]]);
  });

  test('refuses the body behind Expect: 100-continue before it is sent', async () => {
    const client = await RawClient.open(gateway.port);
    client.send(head('POST /up HTTP/1.1', 'Host: a.example', 'Expect: 100-continue', 'Content-Length: 1048577'));
    await client.responses(1);
    client.close();
    expect(readResponses(client.bytes, () => false)).toMatchObject({ responses: [{ status: 413 }], interims: [] });
  });

  test('answers five pipelined requests in their order', async () => {
    const client = await RawClient.open(gateway.port);
    const targets = ['/1', '/2', '/3', '/4', '/5'];
    client.send(targets.map((target) => head(`GET ${target} HTTP/1.1`, 'Host: a')).join(''));
    const responses = await client.responses(5);
    client.close();
    expect(responses.map(({ body }) => body)).toEqual(
      targets.map((target) => described('GET', target, Buffer.alloc(0))),
    );
    expect(recorder.take().requests.map(({ target }) => target)).toEqual(targets);
  });
});

describe('forwards what was judged (R2.20)', () => {
  test.each([
    ['/a%7eb', '/a~b'],
    ['/a%7Eb%e4', '/a~b%E4'],
    ['/a%2dz', '/a-z'],
    ['//a///b', '/a/b'],
    ['/a/./b/../c', '/a/c'],
    ['/a/b/..', '/a/'],
    ['/a/.', '/a/'],
    ['/a/%2e/b', '/a/b'],
    ['/a/%2e%2e/b', '/b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/..a/...', '/..a/...'],
    ['/a;v=1/b', '/a;v=1/b'],
    ['/a<b>', '/a%3Cb%3E'],
    ['/a?b=/../c//%2e%2E', '/a?b=/../c//%2e%2E'],
    ['/?a', '/?a'],
    ['/a?', '/a?'],
    ['http://a.example/x//y', '/x/y'],
    ['http://a.example', '/'],
    ['HTTP://A.example?q', '/?q'],
    ['/a%25%32%65', '/a%252e'],
  ])('%s as %s', async (target, expected) => {
    const { request, response } = await pass(head(`GET ${target} HTTP/1.1`, 'Host: a.example'));
    expect(request.head.split('\r\n')[0]).toBe(`GET ${expected} HTTP/1.1`);
    expect(response.body).toBe(described('GET', expected, Buffer.alloc(0)));
  });

  test('the Host that was judged, in one spelling', async () => {
    const { request } = await pass(head('GET / HTTP/1.1', 'HOST: WWW.Example.COM.:8080'));
    expect(valuesOf(request, 'host')).toEqual(['www.example.com:8080']);
    expect(valuesOf(request, 'x-forwarded-host')).toEqual(['www.example.com:8080']);
  });

  test('one space where a client wrote two', async () => {
    const { request } = await pass(head('GET  /a HTTP/1.1', 'Host: a.example'));
    expect(request.head.startsWith('GET /a HTTP/1.1\r\nhost: a.example\r\n')).toBe(true);
  });

  test('exactly these bytes', async () => {
    const { request } = await pass(
      head('GET /a/../b?q=1 HTTP/1.1', 'Host: a.example', 'X-Request-Id: client-id-1', 'Accept: */*', 'x-Custom: Ab'),
    );
    const lines = request.head.split('\r\n').filter((line) => !line.startsWith('traceparent: '));
    expect(lines).toEqual([
      'GET /b?q=1 HTTP/1.1',
      'host: a.example',
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-proto: http',
      'x-real-ip: 127.0.0.1',
      'x-forwarded-host: a.example',
      'forwarded: for=127.0.0.1;host="a.example";proto=http',
      'x-request-id: client-id-1',
      'via: 1.1 sallyport',
      'accept: */*',
      'x-custom: Ab',
      '',
      '',
    ]);
  });

  test.each([
    ['by length', 'Content-Length: 11', 'hello world'],
    ['in chunks', 'Transfer-Encoding: chunked', '5\r\nhello\r\n6;x="y"\r\n world\r\n0\r\n\r\n'],
    ['in chunks written in capitals', 'Transfer-Encoding: CHUNKED', '00B\r\nhello world\r\n000\r\n\r\n'],
    [
      'in chunks with a trailer, which ends here',
      'Transfer-Encoding: chunked',
      'b\r\nhello world\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n',
    ],
  ])('a body %s byte for byte', async (_, framing, bytes) => {
    const { request } = await pass(head('POST /a HTTP/1.1', 'Host: a.example', framing) + bytes);
    expect(request.body.toString()).toBe('hello world');
    expect(request.head).not.toContain('6.6.6.6');
  });

  test('a body that looks like a request', async () => {
    const hidden = head('GET /hidden HTTP/1.1', 'Host: a.example');
    const { request } = await pass(
      head('POST /a HTTP/1.1', 'Host: a.example', `Content-Length: ${hidden.length}`) + hidden,
    );
    expect(request.body.toString()).toBe(hidden);
  });
});

describe('takes away what only the gateway may say (R0.9)', () => {
  const forged: readonly (readonly [string, string])[] = [
    ['CF-Connecting-IP', '6.6.6.6'],
    ['CF-Ray', '6'],
    ['Cf-Access-Authenticated-User-Email', 'root@a.example'],
    ['X-Forwarded-For', '6.6.6.6'],
    ['x-forwarded-for', '6.6.6.7'],
    ['X-Forwarded-Host', 'evil.example'],
    ['X-Forwarded-Proto', 'https'],
    ['X-Real-IP', '6.6.6.6'],
    ['True-Client-IP', '6.6.6.6'],
    ['Forwarded', 'for=6.6.6.6'],
    ['Via', '1.1 evil'],
    ['X-Original-URL', '/admin'],
    ['X-Rewrite-URL', '/admin'],
    ['X-HTTP-Method-Override', 'DELETE'],
    ['X-Middleware-Subrequest', 'middleware:middleware'],
    ['Proxy', 'http://evil.example'],
    ['Proxy-Authorization', 'Basic eA=='],
    ['Sallyport-User', 'root'],
    ['Keep-Alive', 'timeout=99'],
    ['TE', 'trailers'],
    ['Trailer', 'X-Forwarded-For'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAAQ'],
    ['Connection', 'Upgrade, HTTP2-Settings, TE'],
    ['Proxy-Connection', 'keep-alive'],
    ['Expect', '100-continue'],
    ['Traceparent', '00-00000000000000000000000000000000-0000000000000000-00'],
  ];

  test('in place of every claim stands what the gateway knows', async () => {
    const { request } = await pass(get(...forged.map(([name, value]) => `${name}: ${value}`), 'X-Mine: kept'));
    const ours: Readonly<Record<string, string>> = {
      host: 'a.example',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-host': 'a.example',
      forwarded: 'for=127.0.0.1;host="a.example";proto=http',
      via: '1.1 sallyport',
      'x-mine': 'kept',
    };
    const seen = request.fields.filter(({ name }) => name !== 'x-request-id' && name !== 'traceparent');
    expect(Object.fromEntries(seen.map(({ name, value }) => [name, value]))).toEqual(ours);
    expect(seen).toHaveLength(Object.keys(ours).length);
  });

  test.each(forged)('%s: %s', async (name, value) => {
    const { request } = await pass(get(`${name}: ${value}`));
    const seen = valuesOf(request, name.toLowerCase());
    expect(seen).not.toContain(value);
    expect(seen.length).toBeLessThanOrEqual(1);
  });
});

describe('gives every request one identity (R0.15)', () => {
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  test.each([
    ['abcdefgh', true],
    ['0af7651916cd43dd8448eb211c80319c', true],
    ['short', false],
    ['a'.repeat(65), false],
    ['with space', false],
    ['injected"}', false],
  ])('the request id %s of a client is accepted: %s', async (requestId, isAccepted) => {
    const { request, response } = await pass(get(`X-Request-Id: ${requestId}`));
    const [upstreamId = ''] = valuesOf(request, 'x-request-id');
    const [event] = exchangesIn(gateway.events);
    expect(upstreamId === requestId).toBe(isAccepted);
    expect(response.fields.filter(([name]) => name === 'x-request-id')).toEqual([['x-request-id', upstreamId]]);
    expect(event?.requestId).toBe(upstreamId);
  });

  test('the trace of a client goes on with a span of ours', async () => {
    const { request } = await pass(get(`traceparent: 00-${traceId}-00f067aa0ba902b7-01`));
    const [, trace, span, flags] =
      /^00-([0-9a-f]{32})-([0-9a-f]{16})-(..)$/.exec(valuesOf(request, 'traceparent')[0] ?? '') ?? [];
    expect(trace).toBe(traceId);
    expect(span).not.toBe('00f067aa0ba902b7');
    expect(flags).toBe('01');
    expect(exchangesIn(gateway.events)[0]?.traceId).toBe(traceId);
  });
});
