import { once } from 'node:events';
import { type Event, ManualClock, MetricsRegistry } from '@sallyport/kernel';
import { afterEach, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Gateway } from '../../src/gateway.ts';
import { compilePolicy } from '../../src/pipeline/policy.ts';
import { config, upstream } from '../harness/config.ts';
import { frame } from './frame-builder.ts';
import { portOf } from './harness.ts';
import { rawClient } from './raw-peer.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0).toReversed()) end();
});

async function running(): Promise<{ port: number; events: Event[]; metrics: MetricsRegistry }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(server, 'listening');
  server.on('connection', (socket) => socket.on('error', () => socket.terminate()));
  const events: Event[] = [];
  const metrics = new MetricsRegistry();
  const gateway = new Gateway(compilePolicy(config({ upstreams: [upstream(portOf(server))] }), 1), {
    node: 'test',
    sink: { emit: (event) => void events.push(event) },
    metrics,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    clock: new ManualClock(),
  });
  await gateway.listen();
  ends.push(() => {
    gateway.close();
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  const address = gateway.addresses().get('test');
  if (address?.kind !== 'tcp') throw new Error('the gateway listens on no TCP port');
  return { port: address.port, events, metrics };
}

test('a message that is not passed on has an event of its own, before that of its connection', async () => {
  const { port, events, metrics } = await running();
  const client = await rawClient(port);
  client.socket.write(frame([...Buffer.from('my pin is 1234 '), 0xff], { opcode: 1 }));
  while (!events.some((event) => event.kind === 'connection' && event.phase === 'close')) {
    await new Promise((next) => setImmediate(next));
  }
  const [handshake] = events.filter((event) => event.kind === 'exchange');
  const messages = events.filter((event) => event.kind === 'message');
  expect(messages).toMatchObject([
    {
      requestId: handshake?.requestId,
      listener: 'test',
      route: 'all',
      client: { address: '127.0.0.1' },
      direction: 'in',
      opcode: 1,
      bytes: 16,
      verdict: 'deny',
      decidedBy: 'strictness',
      reason: 'FRAME_INVALID',
      reasonDetail: 'text is not UTF-8',
      excerpt: 'aa aaa aa 0000 ~',
    },
  ]);
  const kinds = events
    .filter(({ kind }) => kind !== 'system')
    .map((event) => ('phase' in event ? event.phase : event.kind));
  expect(kinds).toEqual(['exchange', 'open', 'message', 'close']);
  expect(metrics.render()).toContain('gateway_ws_messages_total{direction="in",route="all",verdict="deny"} 1');
});

test('messages that pass have none', async () => {
  const { port, events } = await running();
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  await once(client, 'open');
  client.send('hello');
  client.close();
  await once(client, 'close');
  expect(events.filter(({ kind }) => kind === 'message')).toEqual([]);
});
