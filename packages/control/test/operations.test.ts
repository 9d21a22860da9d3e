import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createOperationsServer, type OperationsConfig, type OperationsServer, type Readiness } from '../src/index.ts';

const open: OperationsServer[] = [];
let folder: string | undefined;

afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()));
  if (folder !== undefined) rmSync(folder, { recursive: true });
  folder = undefined;
});

it('answers a health check however many silent connections there are', async () => {
  const port = await start();
  const silent = Array.from({ length: 200 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
  expect((await ask(port, '/livez')).status).toBe(200);
  for (const socket of silent) socket.destroy();
});

describe('an operations listener that leaves', () => {
  it('answers whoever has connected and asks a moment later, ends who has nothing to ask, and takes nobody', async () => {
    const port = await start();
    const [early, idle] = [new Talk(port), new Talk(port)];
    await Promise.all([early.connected, idle.connected]);
    idle.say('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(idle.heard).toMatch(/\r\nConnection: keep-alive\r\n[^]*ok\n$/));
    const left = open[0]?.leave();
    expect(await idle.closed).toBe(true);
    early.say('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(await early.closed).toBe(true);
    expect(early.heard).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*ok\n$/);
    await left;
    await expect(ask(port, '/livez')).rejects.toThrow('ECONNREFUSED');
  });

  it('ends a connection behind the answer that was under way', async () => {
    let ready: ((text: string) => void) | undefined;
    const port = await start({ metrics: () => new Promise((resolve) => (ready = resolve)) });
    const talk = new Talk(port);
    talk.say('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(ready).toBeDefined());
    const left = open[0]?.leave();
    ready?.('a 1\n');
    expect(await talk.closed).toBe(true);
    expect(talk.heard).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*a 1\n$/);
    await left;
  });
});

/** A connection on which bytes are said and heard. */
class Talk {
  heard = '';
  readonly connected: Promise<unknown>;
  /** Whether it ended in order. */
  readonly closed: Promise<boolean>;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.connected = once(this.#socket, 'connect');
    this.closed = new Promise((resolve) => this.#socket.on('close', (hadError) => resolve(!hadError)));
    this.#socket.setEncoding('utf8').on('data', (text: string) => {
      this.heard += text;
    });
    this.#socket.on('error', () => undefined);
  }

  say(text: string): void {
    this.#socket.write(text);
  }
}

interface Start {
  readonly metrics?: () => Promise<string>;
  readonly readiness?: () => Readiness;
  readonly config?: OperationsConfig;
}

const LOCAL: OperationsConfig = { address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, isExposed: false };

async function start(options: Start = {}): Promise<number> {
  const server = createOperationsServer({
    config: options.config ?? LOCAL,
    metrics: options.metrics ?? (() => Promise.resolve('# HELP a b\n# TYPE a counter\na 1\n')),
    readiness: options.readiness ?? (() => ({ ready: true, reasons: [] })),
  });
  open.push(server);
  const address = await server.listen();
  return address.kind === 'tcp' ? address.port : 0;
}

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

function ask(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    call.on('error', reject);
    call.end();
  });
}

describe('the operations listener', () => {
  it('gives the metrics in the text format 0.0.4', async () => {
    const answer = await ask(await start(), '/metrics');
    expect(answer).toMatchObject({ status: 200, body: '# HELP a b\n# TYPE a counter\na 1\n' });
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    expect(answer.headers['server']).toBeUndefined();
  });

  it('is alive, and ready when the gateway says so', async () => {
    let readiness: Readiness = { ready: true, reasons: [] };
    const port = await start({ readiness: () => readiness });
    expect(await ask(port, '/livez')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await ask(port, '/readyz')).toMatchObject({ status: 200, body: 'ready\n' });
    readiness = { ready: false, reasons: ['draining', 'upstream "a\r\nb" is down', 'x'.repeat(1_000)] };
    const answer = await ask(port, '/readyz');
    expect(answer).toMatchObject({
      status: 503,
      body: `not ready\ndraining\nupstream "a??b" is down\n${'x'.repeat(200)}\n`,
    });
    expect(await ask(port, '/livez')).toMatchObject({ status: 200 });
  });

  it.each([
    ['GET', '/', 404],
    ['GET', '/metrics?x=1', 404],
    ['GET', '/metrics/', 404],
    ['GET', '/../metrics', 404],
    ['GET', 'http://127.0.0.1/metrics', 404],
    ['POST', '/metrics', 405],
    ['OPTIONS', '/livez', 405],
    ['DELETE', '/nowhere', 405],
  ])('answers %s %s with %i and closes', async (method, path, status) => {
    const answer = await ask(await start(), path, { method });
    expect(answer.status).toBe(status);
    expect(answer.headers['connection']).toBe('close');
    expect(answer.headers['allow']).toBe(status === 405 ? 'GET, HEAD' : undefined);
  });

  it('answers HEAD like GET, without a body', async () => {
    const port = await start();
    for (const path of ['/metrics', '/livez', '/readyz']) {
      const get = await ask(port, path);
      const head = await ask(port, path, { method: 'HEAD' });
      expect(head).toMatchObject({ status: get.status, body: '' });
      expect(head.headers['content-length']).toBe(get.headers['content-length']);
    }
  });

  it('answers 500 when the metrics fail, and stays', async () => {
    const port = await start({
      metrics: () => {
        throw new Error('token=hunter2');
      },
    });
    expect(await ask(port, '/metrics')).toMatchObject({ status: 500, body: 'the metrics could not be collected\n' });
    expect(await ask(port, '/livez')).toMatchObject({ status: 200 });
  });

  it.each([
    ['127.0.0.1:9090', 200],
    ['[::1]', 200],
    ['localhost:9090', 200],
    ['sallyport', 200],
    ['metrics.internal:9090', 200],
    ['evil.example.com', 421],
    ['127.0.0.1.evil.example.com:9090', 421],
    ['127.0.0.1@evil.example.com', 421],
  ])('against DNS rebinding answers Host %s with %i', async (host, status) => {
    expect((await ask(await start(), '/metrics', { headers: { host } })).status).toBe(status);
  });

  it('takes any Host when it was exposed by name', async () => {
    const port = await start({ config: { ...LOCAL, isExposed: true } });
    expect(await ask(port, '/livez', { headers: { host: 'metrics.example.com' } })).toMatchObject({ status: 200 });
  });

  it('takes nothing for a request that follows an unread body', async () => {
    const port = await start();
    const body = 'GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n';
    const text = await exchange(
      port,
      `GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(text).toContain('ok\n');
  });

  it.each(['\u0016\u0003\u0001', `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`])(
    'ends a connection that speaks something else',
    async (bytes) => {
      const port = await start();
      expect(await exchange(port, bytes)).toBe('');
      expect(await ask(port, '/livez')).toMatchObject({ status: 200 });
    },
  );
});

describe('the operations listener on a Unix socket', () => {
  function config(): OperationsConfig & { readonly path: string } {
    folder ??= mkdtempSync(join(tmpdir(), 'sallyport-ops-'));
    const path = join(folder, 'operations.sock');
    return { address: { kind: 'unix', path }, isExposed: false, path };
  }

  it('lets its owner and its group connect', async () => {
    const { path, ...rest } = config();
    await start({ config: rest });
    expect(statSync(path).mode & 0o777).toBe(0o660);
  });

  it('takes the place of a socket file that nobody serves any more', async () => {
    const { path, ...rest } = config();
    await abandon(path);
    await expect(start({ config: rest })).resolves.toBe(0);
  });

  it('takes neither the place of a living server nor that of another file', async () => {
    const { path, ...rest } = config();
    await start({ config: rest });
    await expect(start({ config: rest })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const file = `${path}.txt`;
    writeFileSync(file, 'mine');
    await expect(start({ config: { address: { kind: 'unix', path: file }, isExposed: false } })).rejects.toMatchObject({
      code: 'EEXIST',
    });
    expect(statSync(file).size).toBe(4);
  });
});

function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes, 'latin1'));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      resolve(Buffer.concat(chunks).toString('latin1'));
    });
  });
}

/** Leaves a socket file behind as a killed process does: renamed, it survives the close of its server. */
function abandon(path: string): Promise<void> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(`${path}.tmp`, () => {
      renameSync(`${path}.tmp`, path);
      server.close(() => {
        resolve();
      });
    });
  });
}
