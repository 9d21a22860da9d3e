import { createServer } from 'node:net';
import { type Event, MetricsRegistry } from '@sallyport/kernel';
import { expect, test } from 'vitest';
import { Gateway } from '../src/gateway.ts';
import { compilePolicy } from '../src/pipeline/policy.ts';
import { config, upstream } from './harness/config.ts';
import { exchangesIn } from './request/live-gateway.ts';
import { RawClient } from './request/raw-client.ts';

const HANDSHAKE = [
  'GET /ws HTTP/1.1',
  'Host: a.example',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  '\r\n',
].join('\r\n');

interface World {
  readonly gateway: Gateway;
  readonly port: number;
  readonly events: readonly Event[];
  readonly metrics: MetricsRegistry;
}

/** A gateway that may take a minute to drain, in front of a server that accepts and never answers. */
async function withSilentServer(act: (world: World) => Promise<void>): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.destroy());
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no TCP address');
  const events: Event[] = [];
  const metrics = new MetricsRegistry();
  const drain = { deadlineMs: 60_000, webSocketSpreadMs: 100 };
  const gateway = new Gateway(compilePolicy(config({ upstreams: [upstream(bound.port)], drain }), 1), {
    node: 'test',
    sink: { emit: (event) => void events.push(event) },
    metrics,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  await gateway.listen();
  const address = gateway.addresses().get('test');
  if (address?.kind !== 'tcp') throw new Error('the gateway listens on no TCP port');
  try {
    await act({ gateway, port: address.port, events, metrics });
  } finally {
    gateway.close();
    server.close();
  }
}

test('a drain does not wait for connections that were opened and never used (R1.10)', async () => {
  await withSilentServer(async ({ gateway, port, events }) => {
    const client = await RawClient.open(port);
    await gateway.drain();
    client.close();
    const system = events.filter((event) => event.kind === 'system');
    expect(system.map(({ what, detail }) => [what, detail]).slice(1)).toEqual([
      ['draining', '1 connections'],
      ['stopped', '0 connections cut'],
    ]);
  });
});

test('a client that leaves while its handshake is under way gives its place back and is the one to blame', async () => {
  await withSilentServer(async ({ port, events, metrics }) => {
    const client = await RawClient.open(port);
    client.send(HANDSHAKE);
    while (!metrics.render().includes('http_server_active_requests 1')) await new Promise((next) => setImmediate(next));
    // Its end, and nothing that would make the socket fail.
    client.end();
    await client.ended();
    client.close();
    expect(exchangesIn(events).map(({ verdict, reason, faultOf }) => [verdict, reason, faultOf])).toEqual([
      ['drop', 'CLIENT_CLOSED', 'client'],
    ]);
    expect(metrics.render()).toContain('http_server_active_requests 0');
  });
});

test('who asks for a drain that is under way waits for its end, and does not take it for over', async () => {
  await withSilentServer(async ({ gateway, port }) => {
    const client = await RawClient.open(port);
    client.send(HANDSHAKE);
    await new Promise((resolve) => setTimeout(resolve, 100));
    let ends = 0;
    const drains = [gateway.drain(), gateway.drain()].map((drain) => drain.then(() => (ends += 1)));
    await new Promise((resolve) => setImmediate(resolve));
    expect(ends).toBe(0);
    gateway.close();
    await Promise.all(drains);
    expect(ends).toBe(2);
  });
});
