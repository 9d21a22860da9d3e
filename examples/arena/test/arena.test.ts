import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type Arena, createArena } from '../src/index.ts';
import { isRecord } from '../src/protocol.ts';

type Message = Readonly<Record<string, unknown>>;

/** A player over a real socket. Messages are kept until somebody asks for them. */
class Client {
  readonly socket: WebSocket;
  readonly #inbox: Message[] = [];
  readonly #closed: Promise<readonly [number, string]>;
  #wake: () => void = () => undefined;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = 'nodebuffer';
    this.socket.on('message', (data) => {
      const message: unknown = Buffer.isBuffer(data) ? JSON.parse(data.toString()) : null;
      if (!isRecord(message)) throw new Error('the server sent something that is not a JSON object');
      this.#inbox.push(message);
      this.#wake();
    });
    this.#closed = once(this.socket, 'close').then(([code, reason]) => [code, String(reason)] as const);
  }

  static async join(name: string, token?: unknown): Promise<Client> {
    const client = new Client(webSocketUrl());
    await once(client.socket, 'open');
    client.send({ type: 'join', name, ...(token === undefined ? {} : { token }) });
    return client;
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message));
  }

  /** The next message that `accepts`; those before it are thrown away. */
  async next(accepts: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const message = this.#inbox.shift();
      if (message && accepts(message)) return message;
      if (!message) await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  async type(type: string): Promise<Message> {
    return this.next((message) => message['type'] === type);
  }

  async closed(): Promise<readonly [number, string]> {
    return this.#closed;
  }

  async leave(): Promise<void> {
    this.socket.close(1000);
    await this.#closed;
  }
}

let arena: Arena;
beforeAll(async () => {
  arena = createArena({ tickRateHz: 60 });
  await arena.listen();
});
afterAll(() => arena.close());

function port(): number {
  if (arena.address?.kind !== 'tcp') throw new Error('the arena does not listen on TCP');
  return arena.address.port;
}

function url(path: string): string {
  return `http://127.0.0.1:${port()}${path}`;
}

function webSocketUrl(): string {
  return `ws://127.0.0.1:${port()}/ws`;
}

function rowOf(snapshot: Message, id: unknown): readonly number[] {
  const rows: unknown = snapshot['players'];
  const row: unknown = Array.isArray(rows)
    ? rows.find((candidate) => Array.isArray(candidate) && candidate[0] === id)
    : null;
  return Array.isArray(row) ? row.filter((value) => typeof value === 'number') : [];
}

describe('two players over real sockets', () => {
  it('see each other move', async () => {
    const [ada, bob] = [await Client.join('Ada'), await Client.join('Bob')];
    const { id } = await ada.type('welcome');
    const first = await bob.next((message) => rowOf(message, id).length > 0);
    const [, startX = 0] = rowOf(first, id);
    // Away from the nearer border, so that there is room to run.
    const dx = startX < 800 ? 1 : -1;
    ada.send({ type: 'input', seq: 1, dx, dy: 0 });
    const moved = await bob.next((message) => Math.abs((rowOf(message, id)[1] ?? startX) - startX) > 50);
    expect(Math.sign((rowOf(moved, id)[1] ?? 0) - startX)).toBe(dx);
    expect(rowOf(moved, id)[5]).toBe(1);
    await Promise.all([ada.leave(), bob.leave()]);
  });

  it('read each other in the chat, markup as the text that it is', async () => {
    const [ada, bob] = [await Client.join('Ada2'), await Client.join('Bob2')];
    await bob.type('welcome');
    ada.send({ type: 'chat', text: '<script>alert(1)</script> 😀' });
    expect(await bob.type('chat')).toMatchObject({ name: 'Ada2', text: '<script>alert(1)</script> 😀' });
    await Promise.all([ada.leave(), bob.leave()]);
  });

  it('find their player again with the token after a lost connection', async () => {
    const before = await Client.join('Ada3');
    const welcome = await before.type('welcome');
    before.socket.terminate();
    await before.closed();
    const after = await Client.join('Ada3', welcome['token']);
    expect(await after.type('welcome')).toMatchObject({ id: welcome['id'], resumed: true });
    await after.leave();
  });
});

describe('a message', () => {
  it('of an unknown type is answered by an error, and the connection goes on', async () => {
    const client = await Client.join('Eve');
    client.send({ type: 'fly' });
    expect(await client.type('error')).toMatchObject({ code: 'UNKNOWN_TYPE' });
    client.send({ type: 'ping', at: 5 });
    expect(await client.type('pong')).toMatchObject({ at: 5 });
    client.socket.send(Buffer.from([1, 2, 3]));
    expect(await client.type('error')).toMatchObject({ code: 'BINARY' });
    await client.leave();
  });

  const sizes: readonly [number, string][] = [
    [4096, 'is answered'],
    [4097, 'closes with 1009'],
  ];
  it.each(sizes)('of %i bytes %s', async (bytes) => {
    const client = new Client(webSocketUrl());
    await once(client.socket, 'open');
    client.socket.send('x'.repeat(bytes));
    if (bytes <= 4096) {
      expect(await client.type('error')).toMatchObject({ code: 'BAD_JSON' });
      await client.leave();
    } else {
      expect((await client.closed())[0]).toBe(1009);
    }
  });
});

describe('the REST interface', () => {
  it('reports health', async () => {
    const response = await fetch(url('/healthz'));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: 'ok', players: expect.any(Number) });
  });

  const limits: readonly [string, number][] = [
    ['', 200],
    ['?limit=1', 200],
    ['?limit=100', 200],
    ['?limit=0', 400],
    ['?limit=101', 400],
    ['?limit=', 400],
    ['?limit=-1', 400],
    ['?limit=1e1', 400],
  ];
  it.each(limits)('answers /api/leaderboard%s with %i', async (query, status) => {
    const response = await fetch(url(`/api/leaderboard${query}`));
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe(status === 200 ? 'application/json' : 'application/problem+json');
  });

  it('lists at most as many players as asked for', async () => {
    const [ada, bob] = [await Client.join('Ada4'), await Client.join('Bob4')];
    await bob.type('welcome');
    const one = await (await fetch(url('/api/leaderboard?limit=1'))).json();
    expect(one).toMatchObject({ players: [{ rank: 1 }] });
    await Promise.all([ada.leave(), bob.leave()]);
  });

  const names: readonly [string, string, number, unknown][] = [
    ['a free name', '{"name":"  Grace "}', 200, { available: true, name: 'Grace' }],
    ['an invalid name', '{"name":"<b>"}', 200, { available: false, code: 'NAME_INVALID' }],
    ['no name', '{}', 400, { status: 400 }],
    ['no JSON', '{', 400, { status: 400 }],
    ['a body of 4096 bytes', `{"name":"${'x'.repeat(4085)}"}`, 200, { available: false, code: 'NAME_INVALID' }],
    ['a body of 4097 bytes', `{"name":"${'x'.repeat(4086)}"}`, 413, { status: 413 }],
  ];
  it.each(names)('checks %s', async (_what, body, status, answer) => {
    const response = await fetch(url('/api/names/check'), {
      method: 'POST',
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject(Object(answer));
  });

  it('knows a name that is taken', async () => {
    const ada = await Client.join('Ada5');
    await ada.type('welcome');
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url('/api/names/check'), { method: 'POST', headers, body: '{"name":"ada5"}' });
    expect(await response.json()).toMatchObject({ available: false, code: 'NAME_TAKEN' });
    await ada.leave();
  });

  const refused: readonly [string, string, number, string | null][] = [
    ['POST', '/healthz', 405, 'GET, HEAD'],
    ['GET', '/api/names/check', 405, 'POST'],
    ['POST', '/api/names/check', 415, null],
    ['DELETE', '/', 405, 'GET, HEAD'],
    ['GET', '/nothing', 404, null],
    ['GET', '/ws', 426, null],
    ['GET', '/backoff.d.ts', 404, null],
    ['GET', '/..%2fsrc%2fmain.ts', 404, null],
  ];
  it.each(refused)('refuses %s %s with %i', async (method, path, status, allow) => {
    const response = await fetch(url(path), { method });
    expect([response.status, response.headers.get('allow')]).toEqual([status, allow]);
    expect(await response.json()).toMatchObject({ status });
  });
});

describe('the page', () => {
  it('loads nothing from elsewhere and has no inline script or style', async () => {
    const html = await (await fetch(url('/'))).text();
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|https?:|\/\//i);
    expect([...html.matchAll(/<script[^>]*>([^<]*)</g)].map((match) => match[1])).toEqual(['']);
    for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect([path, (await fetch(url(`/${path}`))).status]).toEqual([path, 200]);
    }
  });

  it('is answered with 304 for its own ETag', async () => {
    const etag = (await fetch(url('/main.js'))).headers.get('etag') ?? '';
    const again = await fetch(url('/main.js'), { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });
});

describe('the server', () => {
  const garbage: readonly [string, string, string][] = [
    ['bytes that are not HTTP', '\u0000\u0001garbage\r\n\r\n', 'HTTP/1.1 400 '],
    [
      'an upgrade elsewhere',
      'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 404 ',
    ],
    [
      'an upgrade without a key',
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
      'HTTP/1.1 400 ',
    ],
    ['a target that is no URL', 'GET // HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 'HTTP/1.1 400 '],
  ];
  it.each(garbage)('answers %s and goes on', async (_what, bytes, start) => {
    const socket = connect(port(), '127.0.0.1');
    socket.end(bytes);
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer.slice(0, start.length)).toBe(start);
    expect((await fetch(url('/healthz'))).status).toBe(200);
  });

  it('tells players on close to come back, with 1012', async () => {
    const own = createArena();
    const address = await own.listen();
    const client = new Client(`ws://127.0.0.1:${address.kind === 'tcp' ? address.port : 0}/ws`);
    await once(client.socket, 'open');
    await own.close();
    expect(await client.closed()).toEqual([1012, 'the arena restarts']);
    expect(own.address).toBeNull();
  });

  it('listens on a Unix socket and refuses one that somebody listens on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'arena-'));
    const socketPath = join(folder, 'arena.sock');
    const own = createArena({ socketPath });
    expect(await own.listen()).toEqual({ kind: 'unix', path: socketPath });
    const sent = request({ socketPath, path: '/healthz' });
    sent.end();
    const status = await new Promise<number | undefined>((resolve) => {
      sent.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
      });
    });
    expect(status).toBe(200);
    await expect(createArena({ socketPath }).listen()).rejects.toThrow('EADDRINUSE');
    await own.close();
    await rm(folder, { recursive: true });
  });

  const options: readonly [object, string][] = [
    [{ tickRateHz: 0 }, 'tickRateHz 0 is not an integer from 1 to 60'],
    [{ tickRateHz: 61 }, 'tickRateHz 61 is not an integer from 1 to 60'],
    [{ playersMax: 1.5 }, 'playersMax 1.5 is not an integer from 1 to 10000'],
    [{ port: 65_536 }, 'port 65536 is not an integer from 0 to 65535'],
  ];
  it.each(options)('refuses the options %o', (given, message) => {
    expect(() => createArena(given)).toThrow(message);
  });
});
