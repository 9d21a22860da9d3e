import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { PROFILES } from '@sallyport/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { FLAG } from '../../src/http2/frames.ts';
import { route } from '../harness/config.ts';
import { data, FrameClient, frame, GET, headers, POST, word } from './frame-client.ts';
import { type Http2Gateway, outcomesIn, startHttp2Gateway, until } from './harness.ts';

/** What the upstream was asked for, whole requests only. */
const received: { readonly request: IncomingMessage; readonly body: string }[] = [];
/** Requests that began, and those whose connection ended within their body. */
let asked = 0;
let aborted = 0;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
/** Called when a head has come, in place of waiting for the body. */
let onHead: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
let server: Server;
let gateway: Http2Gateway;
let session: ClientHttp2Session;

const echo = (request: IncomingMessage, response: ServerResponse, body: string): void => {
  response.setHeader('x-method', request.method ?? '');
  response.end(`${request.url} ${body}`);
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked += 1;
    request.on('close', () => {
      if (!request.complete) aborted += 1;
    });
    if (onHead !== undefined) return onHead(request, response);
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces).toString('latin1');
      received.push({ request, body });
      answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const request = { ...PROFILES.game.request, bodyBytesMax: 100_000_000 };
  gateway = await startHttp2Gateway(address.port, { change: { routes: [route({ request })] } });
  session = connect(`https://localhost:${gateway.port}`, { ca: gateway.authority });
});

beforeEach(() => {
  received.length = 0;
  gateway.events.length = 0;
  answer = echo;
  onHead = undefined;
  asked = 0;
  aborted = 0;
});

afterAll(() => {
  session.destroy();
  gateway.close();
  server.closeAllConnections();
  server.close();
  expect(gateway.errors).toEqual([]);
});

interface Answer {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly resetCode: number;
}

/** One request of a well-behaved client. `body`: what follows the head; undefined: nothing, and the head says so. */
async function ask(fields: OutgoingHttpHeaders, body?: string): Promise<Answer> {
  const stream = session.request(fields, { endStream: body === undefined });
  if (body !== undefined) stream.end(body, 'latin1');
  let found: IncomingHttpHeaders = {};
  const pieces: Buffer[] = [];
  stream.on('response', (head) => {
    found = head;
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await new Promise<void>((resolve) => {
    stream.on('error', () => resolve());
    stream.on('close', () => resolve());
  });
  return { headers: found, body: Buffer.concat(pieces).toString('latin1'), resetCode: stream.rstCode };
}

const ended = (): Promise<void> => until('an event', () => outcomesIn(gateway.events).length > 0);

describe('a request over HTTP/2', () => {
  test('reaches an HTTP/1.1 service and comes back, with one event', async () => {
    const got = await ask({ ':path': '/a?b', cookie: ['x=1', 'y=2'], te: 'trailers' });
    await ended();
    expect(got).toMatchObject({ body: '/a?b ', headers: { ':status': 200, 'x-method': 'GET' } });
    expect(got.headers['transfer-encoding']).toBeUndefined();
    expect(got.headers.connection).toBeUndefined();
    const [seen] = received;
    expect(seen?.request.headers).toMatchObject({
      cookie: 'x=1; y=2',
      via: '2 sallyport',
      host: `localhost:${gateway.port}`,
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
    });
    expect(seen?.request.headers['te']).toBeUndefined();
    expect(outcomesIn(gateway.events)).toEqual(['2 200 pass']);
  });

  test('brings its body, with and without a length', async () => {
    expect((await ask({ ':method': 'POST', ':path': '/a' }, 'hello')).body).toBe('/a hello');
    expect((await ask({ ':method': 'POST', ':path': '/a', 'content-length': 5 }, 'hello')).body).toBe('/a hello');
    expect(
      received.map(({ request }) => request.headers['transfer-encoding'] ?? request.headers['content-length']),
    ).toEqual(['chunked', '5']);
  });

  test('may have trailers, which go no further', async () => {
    const stream = session.request({ ':method': 'POST', ':path': '/a' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-checksum': '1' }));
    stream.end('hello');
    stream.resume();
    await ended();
    expect(received.map(({ request, body }) => [body, request.trailers])).toEqual([['hello', {}]]);
    expect(outcomesIn(gateway.events)).toEqual(['2 200 pass']);
  });

  test.each([200, 204, 304, 404])('with HEAD or status %d has a response without a body', async (status) => {
    answer = (_, response) => {
      response.writeHead(status, { 'x-seen': 'yes' });
      response.end();
    };
    const method = status === 204 || status === 304 ? 'GET' : 'HEAD';
    const got = await ask({ ':method': method, ':path': '/a' });
    await ended();
    expect([got.headers[':status'], got.headers['x-seen'], got.body]).toEqual([status, 'yes', '']);
    expect(outcomesIn(gateway.events)).toEqual([`2 ${status} pass`]);
  });

  test('that expects 100 gets it when its body is wanted', async () => {
    const stream = session.request({ ':method': 'POST', ':path': '/a', expect: '100-continue' });
    let isContinued = false;
    stream.on('continue', () => {
      isContinued = true;
      stream.end('hello');
    });
    stream.resume();
    await ended();
    expect([isContinued, received[0]?.body]).toEqual([true, 'hello']);
  });

  test('that is refused gets its answer, and the rest of its body is not wanted (RFC 9113 §8.1)', async () => {
    const client = await FrameClient.open(gateway.port);
    client.write(headers(1, [...POST, ['content-length', '100000001']], 0), data(1, 'x'));
    await until('the reset', () => client.resets.length > 0);
    expect([client.statuses, client.resets]).toEqual([['1: 413'], ['1: 0']]);
    client.write(headers(3, GET));
    await until('an answer', () => client.statuses.length > 1);
    expect(client.statuses).toEqual(['1: 413', '3: 200']);
    client.close();
  });

  test('that is answered before its end gets the whole answer, and then a reset without an error', async () => {
    const long = 'x'.repeat(300_000);
    onHead = (_, response) => void response.end(long);
    const client = await FrameClient.open(gateway.port, [[4, 1_000_000]]);
    client.write(frame(8, 0, 0, word(1_000_000)), headers(1, POST, 0), data(1, 'x'));
    await until('the reset', () => client.resets.length > 0);
    expect([client.statuses, client.resets, client.bodyOf(1).length]).toEqual([['1: 200'], ['1: 0'], 300_000]);
    await ended();
    expect(outcomesIn(gateway.events)).toEqual(['2 200 pass']);
    client.close();
  });

  test.each([{ 'content-length': '1000000' }, {}])(
    'whose service breaks off is reset, because a part must not look like the whole (%o)',
    async (fields) => {
      answer = (_, response) => {
        response.writeHead(200, fields);
        response.write('part', () => response.destroy());
      };
      const client = await FrameClient.open(gateway.port);
      client.write(headers(1, GET));
      await ended();
      await until('the reset', () => client.resets.length > 0);
      expect([client.resets, client.statuses, client.bodyOf(1)]).toEqual([['1: 2'], ['1: 200'], 'part']);
      expect(client.frames.filter(({ type, flags }) => type <= 1 && (flags & FLAG.END_STREAM) !== 0)).toEqual([]);
      expect(outcomesIn(gateway.events)).toEqual(['2 200 deny UPSTREAM_CLOSED']);
      client.close();
    },
  );

  test('loses a field that holds what no field may hold, and nothing of it reaches the service', async () => {
    const client = await FrameClient.open(gateway.port);
    client.write(headers(1, [...GET, ['x-bad', 'a\r\nb: c'], ['x-null', 'a\0b'], ['x bad', 'c'], ['x-good', 'd']]));
    await ended();
    expect(received.map(({ request }) => request.rawHeaders.join().match(/x-bad|x-null|x bad|x-good/g))).toEqual([
      ['x-good'],
    ]);
    client.close();
  });

  test.each([0, 8])('whose body is broken off with code %d is never taken for a whole one', async (code) => {
    const client = await FrameClient.open(gateway.port);
    client.write(headers(1, POST, 0), data(1, 'part'));
    await until('the upstream to be asked', () => asked > 0);
    client.write(frame(3, 0, 1, word(code)));
    await ended();
    expect(outcomesIn(gateway.events)).toEqual(['2 0 drop CLIENT_CLOSED']);
    await until('the upstream to notice', () => aborted === asked);
    expect(received).toEqual([]);
    client.close();
  });
});

/** Waits until a number stays what it is. */
async function atRest(read: () => number): Promise<void> {
  for (let before = -1; before !== read(); ) {
    before = read();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('back-pressure over HTTP/2', () => {
  test('keeps a service from sending what its client does not read', async () => {
    let sent = 0;
    answer = (_, response) => {
      const send = (): void => {
        while (sent < 50_000_000 && response.write(Buffer.alloc(65_536))) sent += 65_536;
        if (sent < 50_000_000) response.once('drain', send);
        else response.end();
      };
      send();
    };
    const client = await FrameClient.open(gateway.port, [[4, 0]]);
    client.write(headers(1, GET));
    await until('the head', () => client.statuses.length > 0);
    await atRest(() => sent);
    expect(client.bodyOf(1)).toBe('');
    // The kernel's buffers between the gateway and the service take most of it.
    expect(sent).toBeLessThan(20_000_000);
    client.close();
    await ended();
    expect(outcomesIn(gateway.events)).toEqual(['2 200 drop CLIENT_CLOSED']);
  });

  test('keeps a client from sending what its service does not read', async () => {
    onHead = (request) => request.pause();
    const stream = session.request({ ':method': 'POST', ':path': '/a' });
    stream.on('error', () => undefined);
    let taken = 0;
    const piece = Buffer.alloc(65_536);
    const send = (): void =>
      void stream.write(piece, (error) => {
        if (error) return;
        taken += piece.length;
        if (taken < 50_000_000) send();
      });
    send();
    await until('something to be sent', () => taken > 0);
    await atRest(() => taken);
    expect(taken).toBeLessThan(20_000_000);
    stream.close(8);
    await ended();
    expect(outcomesIn(gateway.events)).toEqual(['2 0 drop CLIENT_CLOSED']);
  });
});

test('HTTP/1.1 stays what it is on the same listener, with and without ALPN', async () => {
  for (const ALPNProtocols of [['http/1.1'], []]) {
    const socket = connectTls({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols });
    socket.write('GET /a HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  }
});
