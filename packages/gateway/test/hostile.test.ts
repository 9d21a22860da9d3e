import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { connect, createServer, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { Client, type GatewayConfig, IpAddress, ManualClock, PROFILES } from '@sallyport/kernel';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Connection, ConnectionTable, HALF_OPEN_GRACE_MS } from '../src/listener/connection-table.ts';
import { headerRule } from '../src/request/header-rules.ts';
import { config, listener, route } from './harness/config.ts';
import { exchangesIn, type LiveGateway, startGateway } from './request/live-gateway.ts';
import { RawClient } from './request/raw-client.ts';
import { Recorder } from './request/recorder.ts';
import { fieldOf, readResponses } from './request/response-reader.ts';
import { createAuthority } from './upstream/certificates.ts';

/** What was found by attacking the running gateway; each test holds the input that found it. */
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

/** Turns of the event loop in which everything that is under way between sockets of this process has happened. */
const TURNS = 40;

async function settle(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function until(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((resolve) => setImmediate(resolve));
}

function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

const NEXT = head('GET /next HTTP/1.1', 'Host: a.example');

/** How many requests the HTTP parser made of what came while `act` ran. */
async function parsedRequests(act: () => Promise<void>): Promise<number> {
  let parsed = 0;
  const count = (): void => {
    parsed += 1;
  };
  subscribe('http.server.request.start', count);
  try {
    await act();
  } finally {
    unsubscribe('http.server.request.start', count);
  }
  return parsed;
}

describe('a connection after its last answer', () => {
  test('is read and thrown away, not parsed: a flood of requests costs neither memory nor time', async () => {
    const client = await RawClient.open(gateway.port);
    const parsed = await parsedRequests(async () => {
      client.send(head('POST /# HTTP/1.1', 'Host: a.example', 'Content-Length: 5'));
      await client.ended();
      client.send(`hello${NEXT.repeat(20_000)}`);
      await settle();
    });
    client.close();
    await settle();
    expect(parsed).toBe(1);
    expect(exchangesIn(gateway.events).map((event) => event.status)).toEqual([400]);
    expect(recorder.take().requests).toEqual([]);
  });
});

const HANDSHAKE = head(
  'GET /ws HTTP/1.1',
  'Host: a.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
);
const CONNECT = head('CONNECT a.example:443 HTTP/1.1', 'Host: a.example:443');

/** A gateway in front of a server that does what `serve` says with each request head (and piece of a body). */
async function withServer(
  serve: (socket: Socket, text: string) => void,
  act: (gateway: LiveGateway) => Promise<void>,
  change: Partial<GatewayConfig> = {},
): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => serve(socket, chunk.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const live = await startGateway(address.port, change);
  try {
    await act(live);
    expect(live.errors).toEqual([]);
  } finally {
    live.close();
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

/** More than all socket buffers between a server and a client hold. */
const LARGE_BYTES = 12_000_000;

describe('a large answer', () => {
  const serve = (socket: Socket): void => {
    socket.write(head('HTTP/1.1 200 OK', `content-length: ${LARGE_BYTES}`));
    socket.write(Buffer.alloc(LARGE_BYTES, 'a'));
  };

  test.each([
    ['a handshake', HANDSHAKE, 'UPGRADE_INVALID'],
    ['CONNECT', CONNECT, 'METHOD_UNSUPPORTED'],
  ])('comes whole although %s was pipelined behind it, and that is refused in its turn', async (_, behind, code) => {
    await withServer(serve, async (live) => {
      const client = await RawClient.open(live.port);
      client.send(head('GET /large HTTP/1.1', 'Host: a.example') + behind + NEXT);
      const [large, refusal, ...more] = readResponses(await client.ended(), () => false).responses;
      client.close();
      await settle();
      expect(large?.body.length).toBe(LARGE_BYTES);
      expect(JSON.parse(refusal?.body ?? '')).toMatchObject({ code });
      expect(more).toEqual([]);
      expect(exchangesIn(live.events).map((event) => event.reason)).toEqual(['', code]);
    });
  });

  test('in many small pieces leaves one listener on the socket, not one for each piece', async () => {
    const warnings: string[] = [];
    const note = (warning: Error): void => {
      warnings.push(warning.name);
    };
    process.on('warning', note);
    const pieces = 400_000;
    const inPieces = (socket: Socket): void => {
      socket.write(`${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}${'1\r\na\r\n'.repeat(pieces)}0\r\n\r\n`);
    };
    await withServer(inPieces, async (live) => {
      const client = await RawClient.open(live.port);
      client.send(head('GET /pieces HTTP/1.0', 'Host: a.example'));
      const bytes = await client.ended();
      expect(bytes.toString('latin1').split('\r\n\r\n')[1]?.length).toBe(pieces);
    });
    process.off('warning', note);
    expect(warnings).toEqual([]);
  });
});

describe('an answer before the end of the request body', () => {
  test('closes the connection, and the client can send on until it has read the answer', async () => {
    const body = Buffer.alloc(LARGE_BYTES);
    const large = route({ request: { ...PROFILES.game.request, bodyBytesMax: LARGE_BYTES } });
    const serve = (socket: Socket): void => {
      // It takes no more of the body, so that the gateway stops reading it, and answers then.
      socket.pause();
      setTimeout(() => socket.write(head('HTTP/1.1 200 OK', 'content-length: 0')), 200);
    };
    await withServer(
      serve,
      async (live) => {
        const socket = connect({ host: '127.0.0.1', port: live.port, allowHalfOpen: true });
        const chunks: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => chunks.push(chunk));
        socket.write(head('POST /early HTTP/1.1', 'Host: a.example', `Content-Length: ${LARGE_BYTES}`));
        await new Promise<void>((resolve, reject) => {
          socket.write(body, (error) => (error ? reject(error) : resolve()));
        });
        await until(() => chunks.length > 0);
        const [answer] = readResponses(Buffer.concat(chunks), () => false).responses;
        socket.destroy();
        expect(answer?.status).toBe(200);
        expect(fieldOf(answer, 'connection')).toBe('close');
        expect(exchangesIn(live.events).map((event) => [event.status, event.verdict])).toEqual([[200, 'pass']]);
      },
      { routes: [large] },
    );
  });
});

test('does not begin what was pipelined behind an answer that breaks off', async () => {
  const serve = (socket: Socket): void => {
    socket.end(`${head('HTTP/1.1 200 OK', 'content-length: 100')}a part`);
  };
  await withServer(serve, async (live) => {
    const client = await RawClient.open(live.port);
    client.send(head('GET /part HTTP/1.1', 'Host: a.example') + NEXT);
    await client.ended();
    client.close();
    await settle();
    expect(exchangesIn(live.events).map((event) => [event.path, event.reason])).toEqual([['/part', 'UPSTREAM_CLOSED']]);
  });
});

test('refuses a handshake of a browser with exactly as many bytes as announced', async () => {
  const client = await RawClient.open(gateway.port);
  client.send(HANDSHAKE.replace('dGhlIHNhbXBsZSBub25jZQ==', 'bad\r\nAccept: text/html'));
  const bytes = await client.ended();
  client.close();
  const { responses, rest } = readResponses(bytes, () => false);
  expect(rest).toBe('');
  expect(responses.map(({ status }) => status)).toEqual([400]);
  expect(Buffer.from(responses[0]?.body ?? '', 'latin1').toString('utf8')).toContain('400 · ');
});

test('never announces a length that a 204 cannot have', async () => {
  const serve = (socket: Socket): void => {
    socket.write(head('HTTP/1.1 204 No Content', 'content-length: 5'));
  };
  await withServer(serve, async (live) => {
    const client = await RawClient.open(live.port);
    client.send(NEXT);
    await client.until(() => client.bytes.includes('\r\n\r\n'));
    client.close();
    expect(client.bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 204 /);
    expect(client.bytes.toString('latin1').toLowerCase()).not.toContain('content-length');
  });
});

test('remembers header names of a reasonable length only', () => {
  const long = `x-${'a'.repeat(63)}`;
  expect(headerRule('X-Of-A-Reasonable-Length')).toBe(headerRule('X-Of-A-Reasonable-Length'));
  expect(headerRule(long)).not.toBe(headerRule(long));
  expect(headerRule(long)).toEqual({ name: long, action: 'keep' });
});

test('a burst of connections makes room by a different half-open one each, although sockets close later', () => {
  const clock = new ManualClock();
  const expired = new Set<Connection>();
  const limits = { ...config({ upstreams: [] }).connections, halfOpenPerClientMax: 2 };
  const table = new ConnectionTable({ limits, clock, onExpire: (connection) => void expired.add(connection) });
  const client = Client.fromPeer(IpAddress.fromBytes(Uint8Array.of(192, 0, 2, 1)), '192.0.2.1');
  const open = (): void => {
    const connection = table.add(new Socket(), 'test');
    if (connection !== undefined) table.identify(connection, client, true);
  };
  for (let count = 0; count < 4; count += 1) open();
  clock.advance(HALF_OPEN_GRACE_MS + 1);
  for (let count = 0; count < 3; count += 1) open();
  expect(expired.size).toBe(3);
  expect(table.size).toBe(4);
});

test('a TLS handshake that made room for another is recorded as that, not as one that ran out of time', async () => {
  const authority = createAuthority('hostile');
  const tls = { certificates: [authority.issue('DNS:a.example')], minVersion: 'TLSv1.3' } as const;
  const { connections } = config({ upstreams: [] });
  const live = await startGateway(1, {
    listeners: [listener({ tls })],
    connections: { ...connections, handshakeMs: 60_000, halfOpenPerClientMax: 1 },
  });
  const silent = await RawClient.open(live.port);
  await new Promise((resolve) => setTimeout(resolve, HALF_OPEN_GRACE_MS + 50));
  const next = await RawClient.open(live.port);
  await silent.ended();
  const refused = live.events.filter((event) => event.kind === 'connection');
  expect(refused.map(({ phase, reason, reasonDetail }) => [phase, reason, reasonDetail])).toEqual([
    ['refused', 'CONNECTION_EVICTED', 'half-open'],
  ]);
  silent.close();
  next.close();
  live.close();
  authority.remove();
});

test('handshakes that prove nothing leave room for clients that do, and those are not counted together', async () => {
  const authority = createAuthority('hostile');
  const clients = createAuthority('clients');
  const server = authority.issue('DNS:a.example');
  const identity = clients.issue('DNS:edge.example');
  const upstream = new Recorder();
  const live = await startGateway(await upstream.listen(), {
    listeners: [
      listener({
        tls: { certificates: [server], minVersion: 'TLSv1.3' },
        client: { kind: 'cloudflare', clientCa: clients.certificate },
      }),
    ],
    connections: { ...config({ upstreams: [] }).connections, connectionsMax: 20, perClientMax: 4 },
  });
  const silent = await Promise.all(Array.from({ length: 25 }, () => RawClient.open(live.port)));
  await until(() => live.events.filter((event) => event.kind === 'connection').length === 21);
  for (const client of silent.slice(0, 4)) client.close();
  await settle();
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: live.port,
        servername: 'a.example',
        ca: authority.certificate,
        cert: identity.certificate,
        key: identity.key,
      });
      socket.on('error', reject);
      socket.on('data', (chunk: Buffer) => resolve(chunk.toString('latin1').slice(0, 15)));
      socket.write(head('GET / HTTP/1.1', 'Host: a.example', 'CF-Connecting-IP: 192.0.2.1'));
    });
  // More than one client may have, one after the other: once proven, a connection no longer counts for its peer.
  for (let count = 0; count < 6; count += 1) expect(await ask()).toBe('HTTP/1.1 200 OK');
  const refused = live.events.filter((event) => event.kind === 'connection').map((event) => event.reason);
  expect(new Set(refused.slice(0, 21))).toEqual(new Set(['CONNECTIONS_PER_CLIENT']));
  for (const client of silent) client.close();
  live.close();
  upstream.close();
  authority.remove();
  clients.remove();
});
