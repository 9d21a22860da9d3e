import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { type ProxyHeaderRead, readProxyHeader } from '../../src/client/read-proxy-header.ts';

const LINE = 'PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n';
const REQUEST = 'GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
const EVENTS = ['readable', 'data', 'end', 'close', 'error'] as const;

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A TCP server that reads the header of each socket and hands it on; answers its port. */
async function serve(onRead: (read: ProxyHeaderRead, socket: net.Socket) => void): Promise<number> {
  const take = async (socket: net.Socket): Promise<void> => {
    socket.on('error', () => {});
    const before = EVENTS.map((event) => socket.listenerCount(event));
    const read = await readProxyHeader(socket);
    expect(EVENTS.map((event) => socket.listenerCount(event))).toEqual(before);
    onRead(read, socket);
  };
  const server = net.createServer((socket) => void take(socket));
  closers.push(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not a TCP server');
  return address.port;
}

function connect(port: number): net.Socket {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  closers.push(() => socket.destroy());
  return socket;
}

function collect(socket: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    socket.on('close', () => resolve(text));
  });
}

/** Writes pieces so that each is read alone: the next one goes when the event loop has turned several times. */
async function writePieces(socket: net.Socket, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    socket.write(piece, 'latin1');
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
}

const splits: readonly [name: string, pieces: readonly string[]][] = [
  ['in one piece', [LINE + REQUEST]],
  ['apart', [LINE, REQUEST]],
  ['byte by byte', (LINE + REQUEST).split('')],
  ['cut inside the request', [`${LINE}GET /x`, REQUEST.slice('GET /x'.length)]],
];

describe('the PROXY header of a socket (R2.3)', () => {
  test.each(splits)('is read before an HTTP request that comes %s', async (_, pieces) => {
    const reads: ProxyHeaderRead[] = [];
    const urls: string[] = [];
    const server = http.createServer((request, response) => {
      urls.push(request.url ?? '');
      response.end('hello');
    });
    const port = await serve((read, socket) => {
      reads.push(read);
      server.emit('connection', socket);
    });
    const client = connect(port);
    const answer = collect(client);
    await writePieces(client, pieces);
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*hello/);
    expect(urls).toEqual(['/x']);
    expect(reads).toMatchObject([{ header: { kind: 'proxied' } }]);
  });

  test('keeps a request body that came with the header whole', async () => {
    const body = 'b'.repeat(200_000);
    const server = http.createServer((request, response) => {
      let bytes = 0;
      request.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      request.on('end', () => response.end(`got ${bytes}`));
    });
    const port = await serve((_, socket) => void server.emit('connection', socket));
    const client = connect(port);
    const answer = collect(client);
    client.write(
      `${LINE}POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(await answer).toMatch(/got 200000$/);
  });

  test('loses nothing when the peer ends its side at once', async () => {
    const port = await serve((_, socket) => {
      let text = '';
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('end', () => socket.end(`echo ${text}`));
    });
    const client = connect(port);
    const answer = collect(client);
    client.end(`${LINE}bytes behind`);
    expect(await answer).toBe('echo bytes behind');
  });

  test.each([
    ['in one write with the hello', true],
    ['before the hello', false],
  ])('is read before a TLS handshake, %s', async (_, isTogether) => {
    const psk = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
    const secure = http.createServer((_request, response) => response.end('secret hello'));
    const options = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const server = tls.createServer({ ...options, pskCallback: () => psk, pskIdentityHint: 'test' }, (socket) => {
      secure.emit('connection', socket);
    });
    const port = await serve((_read, socket) => void server.emit('connection', socket));
    const raw = connect(port);
    // Corked, the header leaves in the same segment as the client's hello.
    if (isTogether) raw.cork();
    raw.write(LINE);
    const client = tls.connect({
      ...options,
      socket: raw,
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    client.on('error', () => {});
    if (isTogether) setImmediate(() => raw.uncork());
    const answer = collect(client);
    client.write(REQUEST);
    expect(await answer).toMatch(/secret hello$/);
  });

  const refusals: readonly [name: string, act: (client: net.Socket) => void, code: string][] = [
    ['no header', (client) => client.write(REQUEST), 'PROXY_PROTOCOL_INVALID'],
    ['a peer that ends inside the header', (client) => client.end(LINE.slice(0, 20)), 'CLIENT_CLOSED'],
    ['a peer that ends at once', (client) => client.end(), 'CLIENT_CLOSED'],
    ['a peer that resets', (client) => client.once('connect', () => client.resetAndDestroy()), 'CLIENT_CLOSED'],
  ];
  test.each(refusals)('is refused with %s', async (_, act, code) => {
    const done = Promise.withResolvers<ProxyHeaderRead>();
    const port = await serve((read, socket) => {
      socket.destroy();
      done.resolve(read);
    });
    act(connect(port));
    expect(await done.promise).toMatchObject({ refusal: { code } });
  });

  test('ends its wait when the owner destroys the socket, and answers for one that is gone already', async () => {
    const reads: string[] = [];
    const accepted = Promise.withResolvers<net.Socket>();
    const server = net.createServer((socket) => accepted.resolve(socket));
    closers.push(() => server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP server');
    connect(address.port).write('PROXY ');
    const socket = await accepted.promise;
    const pending = readProxyHeader(socket);
    socket.destroy();
    for (const read of [await pending, await readProxyHeader(socket)]) {
      reads.push('refusal' in read ? read.refusal.code : 'header');
    }
    expect(reads).toEqual(['CLIENT_CLOSED', 'CLIENT_CLOSED']);
  });
});
