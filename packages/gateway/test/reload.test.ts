import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Decision, type Event, type GatewayConfig, MetricsRegistry } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Gateway } from '../src/gateway.ts';
import { compilePolicy } from '../src/pipeline/policy.ts';
import { config, listener, route, upstream } from './harness/config.ts';

let server: Server;
/** Connections that the server was asked for. */
let connections = 0;
/** Requests for `/slow`, which a test answers. */
let slow: ServerResponse[] = [];
let folder = '';
const gateways: Gateway[] = [];
const events: Event[] = [];

beforeEach(async () => {
  connections = 0;
  slow = [];
  events.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'sallyport-reload-'));
  server = createServer((request, response) => {
    if (request.url === '/slow') slow.push(response);
    else response.end('ok');
  });
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => socket.on('error', () => undefined));
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  for (const gateway of gateways.splice(0)) gateway.close();
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

function configured(change: Partial<GatewayConfig> = {}): GatewayConfig {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return config({ upstreams: [upstream(address.port)], ...change });
}

function gatewayOf(change: Partial<GatewayConfig> = {}): Gateway {
  const gateway = new Gateway(compilePolicy(configured(change), 1), {
    node: 'test',
    sink: { emit: (event) => void events.push(event) },
    metrics: new MetricsRegistry(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  gateways.push(gateway);
  return gateway;
}

async function started(change: Partial<GatewayConfig> = {}): Promise<{ gateway: Gateway; port: number }> {
  const gateway = gatewayOf(change);
  await gateway.listen();
  const address = gateway.addresses().get('test');
  return { gateway, port: address?.kind === 'tcp' ? address.port : 0 };
}

async function reload(gateway: Gateway, version: number, change: Partial<GatewayConfig> = {}): Promise<void> {
  await gateway.prepare(compilePolicy(configured(change), version));
  gateway.activate(version);
}

/** A connection that is kept, with everything that came by it. */
class Line {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  constructor(where: number | string) {
    this.socket = typeof where === 'number' ? connect(where, '127.0.0.1') : connect(where);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  ask(path: string): this {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    return this;
  }

  get statuses(): readonly string[] {
    return [...this.text.matchAll(/HTTP\/1\.1 ([0-9]{3})/g)].map(([, status = '']) => status);
  }

  async answered(...statuses: readonly string[]): Promise<void> {
    await vi.waitFor(() => expect(this.statuses).toEqual(statuses), PATIENCE);
  }

  async closed(): Promise<void> {
    await vi.waitFor(() => expect(this.isClosed).toBe(true), PATIENCE);
  }
}

const PATIENCE = { timeout: 10_000, interval: 5 };

/** Only `/open` is answered. */
const OPEN_ONLY = [route({ match: { hosts: [], path: { kind: 'prefix', value: '/open' }, methods: [], headers: [] } })];

describe('a policy that comes into force', () => {
  it('leaves connections as they are, of clients and to unchanged upstreams', async () => {
    const { gateway, port } = await started();
    const line = new Line(port).ask('/');
    await line.answered('200');
    await reload(gateway, 2, { observeStages: ['protocol'] });
    line.ask('/');
    await line.answered('200', '200');
    expect([connections, gateway.policyVersions()]).toEqual([1, [2]]);
  });

  it('judges what begins from then on, and not what is under way', async () => {
    const { gateway, port } = await started();
    const before = new Line(port).ask('/slow');
    await vi.waitFor(() => expect(slow).toHaveLength(1), PATIENCE);
    await reload(gateway, 2, { routes: OPEN_ONLY });
    expect(gateway.policyVersions()).toEqual([1, 2]);
    await new Line(port).ask('/slow').answered('404');
    await new Line(port).ask('/open').answered('200');
    slow[0]?.end('late');
    await before.answered('200');
    await vi.waitFor(() => expect(gateway.policyVersions()).toEqual([2]), PATIENCE);
    before.ask('/slow');
    await before.answered('200', '404');
  });

  it('changes nothing before it is put in force, or when it is let go of', async () => {
    const { gateway, port } = await started();
    await gateway.prepare(compilePolicy(configured({ routes: OPEN_ONLY }), 2));
    await new Line(port).ask('/').answered('200');
    gateway.discard();
    expect(() => gateway.activate(2)).toThrow('policy 2 was not prepared');
    await new Line(port).ask('/').answered('200');
    expect(gateway.policyVersions()).toEqual([1]);
  });

  it('lets go of one that is given up while it is prepared, with its upstreams', async () => {
    const { gateway } = await started();
    const given = gateway.prepare(compilePolicy(configured({ upstreams: [upstream(9, { name: 'given-up' })] }), 2));
    const wanted = gateway.prepare(compilePolicy(configured(), 3));
    await expect(given).rejects.toThrow('policy 2 was given up while it was prepared');
    await wanted;
    gateway.activate(3);
    expect(gateway.policyVersions()).toEqual([3]);
  });

  it('closes the WebSockets that it would not let in with 4403, and no other', async () => {
    const { gateway, port } = await started();
    const sockets = ['/open', '/shut'].map((path) => new WebSocket(`ws://127.0.0.1:${port}${path}`));
    const [open, shut] = sockets;
    await Promise.all(sockets.map((socket) => once(socket, 'open')));
    await reload(gateway, 2, { routes: OPEN_ONLY });
    const [code] = shut === undefined ? [] : await once(shut, 'close');
    expect([code, open?.readyState]).toEqual([4403, WebSocket.OPEN]);
    open?.terminate();
  });

  it('without a listener ends what came by it, each connection after its request', async () => {
    const other = listener({ name: 'other' });
    const { gateway } = await started({ listeners: [listener(), other] });
    const address = gateway.addresses().get('other');
    const port = address?.kind === 'tcp' ? address.port : 0;
    const idle = new Line(port).ask('/');
    await idle.answered('200');
    const busy = new Line(port).ask('/slow');
    await vi.waitFor(() => expect(slow).toHaveLength(1), PATIENCE);
    await reload(gateway, 2, { listeners: [listener()] });
    const refused = connect(port, '127.0.0.1');
    const [error]: unknown[] = await once(refused, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(busy.isClosed).toBe(false);
    slow[0]?.end('late');
    await busy.closed();
    idle.ask('/');
    await idle.closed();
    expect([busy.statuses, idle.statuses]).toEqual([['200'], ['200', '200']]);
  });
});

describe('what the control plane says', () => {
  const BAN: Decision = {
    id: 'ban',
    kind: 'ban',
    scope: { kind: 'address', value: '127.0.0.1' },
    reason: 'a test',
    author: 'test',
    createdMs: 0,
    endsMs: undefined,
  };

  it('cuts off whoever is banned at once, WebSockets and requests', async () => {
    const { gateway, port } = await started();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const idle = new Line(port).ask('/');
    await idle.answered('200');
    expect(gateway.applyDecision({ kind: 'take', sequence: 1, decision: BAN })).toBe(true);
    const [code] = await once(socket, 'close');
    expect(code).toBe(4403);
    await idle.closed();
    await new Line(port).ask('/').answered('403');
    expect(gateway.applyDecision({ kind: 'revoke', sequence: 2, id: 'ban' })).toBe(true);
    await new Line(port).ask('/').answered('200');
  });

  it('cuts off everybody who is banned by one of many bans', async () => {
    const { gateway, port } = await started();
    const idle = new Line(port).ask('/');
    await idle.answered('200');
    for (let sequence = 1; sequence <= 1_000; sequence += 1) {
      const value = sequence === 500 ? '127.0.0.1' : `192.0.2.${sequence % 256}`;
      const decision: Decision = { ...BAN, id: `ban-${sequence}`, scope: { kind: 'address', value } };
      expect(gateway.applyDecision({ kind: 'take', sequence, decision })).toBe(true);
    }
    await idle.closed();
  });

  it('is noticed when a change is missing, and made good by a snapshot', async () => {
    const { gateway, port } = await started();
    expect(gateway.applyDecision({ kind: 'take', sequence: 3, decision: { ...BAN, id: 'third' } })).toBe(false);
    gateway.replaceDecisions({ sequence: 3, decisions: [BAN] });
    await new Line(port).ask('/').answered('403');
    expect(gateway.applyDecision({ kind: 'revoke', sequence: 4, id: 'ban' })).toBe(true);
    await new Line(port).ask('/').answered('200');
  });

  it('is done once, and said again when it is repeated', async () => {
    const { gateway, port } = await started();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
    await once(socket, 'open');
    const close = { kind: 'close-client', client: '127.0.0.1/32', reason: 'a test' } as const;
    expect(gateway.command({ id: 'one', action: close })).toEqual({ id: 'one', closed: 1, isRepeat: false });
    await once(socket, 'close');
    const next = new Line(port).ask('/');
    await next.answered('200');
    expect(gateway.command({ id: 'one', action: close })).toEqual({ id: 'one', closed: 1, isRepeat: true });
    next.ask('/');
    await next.answered('200', '200');
  });
});

describe('a socket file', () => {
  const files = (): Partial<GatewayConfig> => ({
    listeners: [listener({ address: { kind: 'unix', path: join(folder, 'gateway.sock'), mode: 0o660 } })],
  });

  it('is taken over without a moment in which nobody listens, and removed by its owner only', async () => {
    const path = join(folder, 'gateway.sock');
    const before = gatewayOf(files());
    await before.listen();
    expect(statSync(path).mode & 0o777).toBe(0o660);
    const old = new Line(path).ask('/slow');
    await vi.waitFor(() => expect(slow).toHaveLength(1), PATIENCE);
    const refused = gatewayOf(files());
    await expect(refused.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    const after = gatewayOf(files());
    await after.ready();
    await after.open('test', { isTakingOver: true });
    after.serve();
    await new Line(path).ask('/').answered('200');
    const drained = before.drain();
    slow[0]?.end('late');
    await old.answered('200');
    await drained;
    expect(existsSync(path), 'it is not his any more').toBe(true);
    await new Line(path).ask('/').answered('200');
    after.close();
    expect(existsSync(path)).toBe(false);
  });

  it('is not put in the place of something else', async () => {
    const path = join(folder, 'gateway.sock');
    writeFileSync(path, 'mine');
    await expect(gatewayOf(files()).listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(statSync(path).size).toBe(4);
  });
});
