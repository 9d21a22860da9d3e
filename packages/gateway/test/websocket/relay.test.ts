import { once } from 'node:events';
import { ManualClock, type WebSocketLimits } from '@sallyport/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { CLOSE_MS } from '../../src/websocket/relay.ts';
import { close, frame } from './frame-builder.ts';
import { limitsWith, portOf, TinyGateway } from './harness.ts';
import { type RawPeer, RawUpstream, rawClient } from './raw-peer.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A gateway in front of a `ws` server that sends back what it gets. */
async function echoSetup(
  limits?: WebSocketLimits,
): Promise<{ gateway: TinyGateway; server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    handleProtocols: (names) => [...names][1] ?? false,
  });
  await once(server, 'listening');
  server.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on('error', () => socket.terminate());
  });
  const gateway = new TinyGateway({ upstreamPort: portOf(server), limits: limits ?? limitsWith() });
  const url = `ws://127.0.0.1:${await gateway.listen()}/`;
  ends.push(async () => {
    for (const socket of server.clients) socket.terminate();
    await gateway.stop();
    await new Promise((resolve) => server.close(resolve));
  });
  return { gateway, server, url };
}

async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
  const client = new WebSocket(url, protocols, { perMessageDeflate: true });
  client.on('error', () => client.terminate());
  await once(client, 'open');
  ends.push(async () => client.terminate());
  return client;
}

async function message(client: WebSocket): Promise<{ text: string; isBinary: boolean }> {
  return new Promise((resolve) => {
    client.once('message', (data, isBinary) => resolve({ text: textOf(data), isBinary }));
  });
}

async function closing(client: WebSocket): Promise<{ code: number; text: string }> {
  return new Promise((resolve) => client.once('close', (code, text) => resolve({ code, text: textOf(text) })));
}

function textOf(data: Buffer | ArrayBuffer | Buffer[]): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}

/** A gateway between two peers whose bytes the test writes. */
async function rawSetup(
  limits: Partial<WebSocketLimits> = {},
  firstBytes?: Buffer,
): Promise<{ gateway: TinyGateway; clock: ManualClock; client: RawPeer; upstream: RawPeer }> {
  const server = new RawUpstream(firstBytes);
  const clock = new ManualClock();
  const gateway = new TinyGateway({ upstreamPort: await server.listen(), limits: limitsWith(limits), clock });
  const port = await gateway.listen();
  ends.push(
    () => server.stop(),
    () => gateway.stop(),
  );
  const client = await rawClient(port);
  ends.push(async () => client.socket.destroy());
  const upstream = server.peers[0];
  if (upstream === undefined) throw new Error('the upstream saw no connection');
  return { gateway, clock, client, upstream };
}

/** Lets sockets that are readable or writable now be read and written. */
async function turn(): Promise<void> {
  for (let count = 0; count < 20; count += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A second at a time; the kernel takes bytes for a while before a stall begins, how many is its affair. */
async function sweepUntilEnding(gateway: TinyGateway, clock: ManualClock): Promise<void> {
  for (let second = 0; second < 10_000 && gateway.relays[0]?.facts().closeCode === 0; second += 1) {
    await turn();
    clock.advance(1_000);
    gateway.registry.sweep();
  }
}

describe('between ws and ws', () => {
  it('carries texts, binary messages and fragments both ways and counts them', async () => {
    const { gateway, url } = await echoSetup();
    const client = await open(url);
    for (const [data, isBinary] of [
      ['hello, wörld', false],
      ['', false],
      ['\u0000\u0001', true],
      ['x'.repeat(10_240), false],
    ] as const) {
      client.send(Buffer.from(data), { binary: isBinary });
      expect(await message(client)).toEqual({ text: data, isBinary });
    }
    client.send('frag', { fin: false });
    client.send('ment', { fin: true });
    expect(await message(client)).toEqual({ text: 'fragment', isBinary: false });
    client.close(1000);
    const bytes = Buffer.byteLength('hello, wörld') + 2 + 10_240 + 8;
    expect(await gateway.closed(1)).toEqual([
      {
        messagesIn: 5,
        messagesOut: 5,
        bytesIn: bytes,
        bytesOut: bytes,
        closeCode: 1000,
        closedBy: 'client',
        reason: undefined,
        durationMs: 0,
      },
    ]);
    expect(gateway.messages).toEqual({ in: 5, out: 5 });
  });

  it('carries pings and pongs through to the other side', async () => {
    const { server, url } = await echoSetup();
    const client = await open(url);
    client.ping('from the client');
    expect(String((await once(client, 'pong'))[0])).toBe('from the client');
    const [upstream] = server.clients;
    upstream?.ping('from the upstream');
    expect(String((await once(client, 'ping'))[0])).toBe('from the upstream');
  });

  it('negotiates the subprotocol the upstream chooses and no extension', async () => {
    const { url } = await echoSetup();
    const client = await open(url, ['a', 'b']);
    expect([client.protocol, client.extensions]).toEqual(['b', '']);
  });

  it.each([
    ['client', 1000, ''],
    ['client', 4321, 'logged out'],
    ['upstream', 1012, 'restart'],
    ['upstream', 3999, 'ü'.repeat(61)],
  ] as const)('passes a close of the %s with code %i and reason %j', async (who, code, text) => {
    const { gateway, server, url } = await echoSetup();
    const client = await open(url);
    const [upstream] = server.clients;
    if (upstream === undefined) throw new Error('no connection');
    const [closer, other] = who === 'client' ? [client, upstream] : [upstream, client];
    const both = Promise.all([closing(closer), closing(other)]);
    closer.close(code, text);
    expect(await both).toEqual([
      { code, text },
      { code, text },
    ]);
    expect(await gateway.closed(1)).toMatchObject([{ closeCode: code, closedBy: who, reason: undefined }]);
  });

  it('passes a close without a code', async () => {
    const { gateway, url } = await echoSetup();
    const client = await open(url);
    client.close();
    expect((await closing(client)).code).toBe(1005);
    expect(await gateway.closed(1)).toMatchObject([{ closeCode: 1005, closedBy: 'client' }]);
  });

  it('closes with 1009 one byte beyond the limit, and the upstream sees nothing of it (R1.13)', async () => {
    const { gateway, server, url } = await echoSetup();
    for (const size of [10_241, 20_480]) {
      const client = await open(url);
      const [upstream] = server.clients;
      if (upstream === undefined) throw new Error('no connection');
      const both = Promise.all([closing(client), closing(upstream)]);
      client.send('x'.repeat(size));
      expect(await both).toEqual([
        { code: 1009, text: 'message is too big' },
        { code: 1001, text: '' },
      ]);
    }
    expect(await gateway.closed(2)).toMatchObject([
      { closeCode: 1009, closedBy: 'gateway', reason: { code: 'MESSAGE_TOO_BIG' }, messagesIn: 0 },
      { closeCode: 1009, closedBy: 'gateway', reason: { code: 'MESSAGE_TOO_BIG' }, messagesIn: 0 },
    ]);
    const refusal = { direction: 'in', opcode: 1, why: 'MESSAGE_TOO_BIG' };
    expect(gateway.refusals).toEqual([refusal, refusal]);
  });

  it('closes 10,000 fragments with 1008 after 64 (R1.13)', async () => {
    const { gateway, url } = await echoSetup();
    const client = await open(url);
    const closed = closing(client);
    for (let count = 0; count < 10_000; count += 1) client.send('x', { fin: false });
    expect(await closed).toEqual({ code: 1008, text: 'too many fragments' });
    expect(await gateway.closed(1)).toMatchObject([
      { reason: { code: 'FRAME_INVALID', detail: 'too many fragments' } },
    ]);
  });

  it('tells the client 4503 when the upstream vanishes', async () => {
    const { gateway, server, url } = await echoSetup();
    const client = await open(url);
    const closed = closing(client);
    for (const socket of server.clients) socket.terminate();
    expect(await closed).toEqual({ code: 4503, text: 'upstream down' });
    expect(await gateway.closed(1)).toMatchObject([
      { closeCode: 4503, closedBy: 'upstream', reason: { code: 'UPSTREAM_CLOSED' } },
    ]);
  });

  it('tells the upstream 1001 when the client vanishes', async () => {
    const { gateway, server, url } = await echoSetup();
    const client = await open(url);
    const [upstream] = server.clients;
    if (upstream === undefined) throw new Error('no connection');
    const closed = closing(upstream);
    client.terminate();
    expect(await closed).toEqual({ code: 1001, text: '' });
    expect(await gateway.closed(1)).toMatchObject([
      { closeCode: 1006, closedBy: 'client', reason: { code: 'CLIENT_CLOSED' } },
    ]);
  });

  it('ends when told to, with the code and the text for the client', async () => {
    const { gateway, server, url } = await echoSetup();
    const client = await open(url);
    const [upstream] = server.clients;
    if (upstream === undefined) throw new Error('no connection');
    const both = Promise.all([closing(client), closing(upstream)]);
    gateway.relays[0]?.close(4403, 'banned', { code: 'ADDRESS_DENIED' });
    gateway.relays[0]?.close(4401, 'too late', { code: 'INTERNAL' });
    expect(await both).toEqual([
      { code: 4403, text: 'banned' },
      { code: 1001, text: '' },
    ]);
    expect(await gateway.closed(1)).toMatchObject([
      { closeCode: 4403, closedBy: 'gateway', reason: { code: 'ADDRESS_DENIED' } },
    ]);
  });
});

describe('frame by frame', () => {
  it('carries bytes that came behind either handshake', async () => {
    const hello = frame('hello', { key: undefined });
    const { client, upstream } = await rawSetup({}, hello);
    await client.until(() => client.bytes.length >= hello.length);
    expect(client.bytes).toEqual(hello);
    client.socket.write(frame('x'));
    await upstream.until(() => upstream.seen.frames.length === 1);
    expect(upstream.seen.frames[0]?.payload.toString()).toBe('x');
  });

  it("gives every frame a masking key of its own and leaves nothing of the client's", async () => {
    const { client, upstream } = await rawSetup();
    for (let count = 0; count < 50; count += 1) client.socket.write(frame('same payload'));
    await upstream.until(() => upstream.seen.frames.length === 50);
    const masked = upstream.bytes;
    const keys = Array.from({ length: 50 }, (_, index) => masked.toString('hex', index * 18 + 2, index * 18 + 6));
    expect(new Set(keys).size).toBe(50);
    expect(upstream.seen).toMatchObject({ error: undefined, rest: 0 });
    expect(upstream.seen.frames.every(({ payload }) => payload.toString() === 'same payload')).toBe(true);
  });

  it('passes each fragment on when it comes, before the message is whole', async () => {
    const { client, upstream } = await rawSetup();
    client.socket.write(frame('first', { isFinal: false }));
    await upstream.until(() => upstream.seen.frames.length === 1);
    client.socket.write(frame('last', { opcode: 0 }));
    await upstream.until(() => upstream.seen.frames.length === 2);
    expect(upstream.seen.frames.map(({ isFinal }) => isFinal)).toEqual([false, true]);
  });

  it('passes on what was right before the frame that is wrong, and nothing after it', async () => {
    const { gateway, client, upstream } = await rawSetup();
    client.socket.write(Buffer.concat([frame('a'), frame('b'), frame('c', { reserved: 4 }), frame('d')]));
    await Promise.all([client.ended(), upstream.until(() => upstream.closeCode === 1001)]);
    expect(upstream.seen.frames.map(({ opcode, payload }) => [opcode, payload.toString('hex')])).toEqual([
      [2, '61'],
      [2, '62'],
      [8, '03e9'],
    ]);
    expect(client.closeCode).toBe(1002);
    client.socket.end();
    upstream.socket.end();
    expect(await gateway.closed(1)).toMatchObject([
      { reason: { code: 'FRAME_INVALID', detail: 'reserved bits are set' } },
    ]);
  });

  it('ends the socket of an upstream that has got half a frame of a text that turns out wrong', async () => {
    const { client, upstream } = await rawSetup();
    const text = frame(Buffer.concat([Buffer.alloc(200, 'a'), Buffer.from([0xff]), Buffer.alloc(10)]), { opcode: 1 });
    client.socket.write(text.subarray(0, 100));
    await upstream.until(() => upstream.bytes.length === 100);
    client.socket.write(text.subarray(100));
    await upstream.ended();
    expect(upstream.seen).toMatchObject({ frames: [], error: undefined, rest: 100 });
    await client.ended();
    expect(client.closeCode).toBe(1007);
  });

  it('tells the client 4503 and the upstream why when the upstream breaks the protocol', async () => {
    const { gateway, client, upstream } = await rawSetup();
    upstream.socket.write(frame('masked, although it comes from a server'));
    await Promise.all([client.until(() => client.closeCode === 4503), upstream.ended()]);
    expect(upstream.closeCode).toBe(1002);
    client.socket.end();
    upstream.socket.end();
    expect(await gateway.closed(1)).toMatchObject([
      { closeCode: 4503, closedBy: 'gateway', reason: { code: 'UPSTREAM_MALFORMED', detail: 'wrong masking' } },
    ]);
    expect(gateway.refusals).toEqual([{ direction: 'out', opcode: 2, why: 'UPSTREAM_MALFORMED' }]);
  });

  it('goes on carrying to a side that has begun to close until the other side answers', async () => {
    const { gateway, client, upstream } = await rawSetup();
    client.socket.write(close(1000));
    await upstream.until(() => upstream.closeCode === 1000);
    upstream.socket.write(Buffer.concat([frame('late', { key: undefined }), close(1000, '', { key: undefined })]));
    await client.ended();
    expect(client.seen.frames.map(({ opcode }) => opcode)).toEqual([2, 8]);
    await upstream.ended();
    client.socket.end();
    upstream.socket.end();
    expect(await gateway.closed(1)).toMatchObject([{ closeCode: 1000, closedBy: 'client', messagesOut: 1 }]);
  });

  it('ignores what follows a close frame', async () => {
    const { client, upstream } = await rawSetup();
    client.socket.write(Buffer.concat([close(1000), frame('ghost')]));
    await upstream.until(() => upstream.closeCode === 1000);
    client.socket.write(frame('ghost'));
    await turn();
    expect(upstream.seen.frames.map(({ opcode }) => opcode)).toEqual([8]);
  });

  it('waits for the end of the frame in progress before it sends a close frame of its own', async () => {
    const { gateway, client, upstream } = await rawSetup();
    const whole = frame('half and half');
    client.socket.write(whole.subarray(0, 10));
    await upstream.until(() => upstream.bytes.length === 10);
    gateway.relays[0]?.close(1012, 'service restart', { code: 'DRAINING' });
    await client.until(() => client.closeCode === 1012);
    expect(upstream.bytes.length).toBe(10);
    client.socket.write(Buffer.concat([whole.subarray(10), frame('too late'), close(1012)]));
    await upstream.until(() => upstream.closeCode === 1012);
    expect(upstream.seen.frames.map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [2, 13],
      [8, 17],
    ]);
    expect(upstream.seen.error).toBeUndefined();
  });
});

describe('deadlines, by a clock that stands still', () => {
  it('closes both sides with 1001 after `idleMs` of silence, not before, and any byte counts', async () => {
    const { gateway, clock, client, upstream } = await rawSetup({ idleMs: 60_000 });
    clock.advance(59_000);
    gateway.registry.sweep();
    upstream.socket.write(frame('', { opcode: 9, key: undefined }));
    await client.until(() => client.bytes.length > 0);
    gateway.registry.sweep();
    clock.advance(59_999);
    gateway.registry.sweep();
    expect(client.closeCode).toBe(-1);
    clock.advance(1);
    gateway.registry.sweep();
    await Promise.all([
      client.until(() => client.closeCode === 1001),
      upstream.until(() => upstream.closeCode === 1001),
    ]);
    client.socket.end(close(1001));
    upstream.socket.end(close(1001, '', { key: undefined }));
    expect(await gateway.closed(1)).toMatchObject([
      { closeCode: 1001, closedBy: 'gateway', reason: { code: 'CONNECTION_IDLE' }, durationMs: 119_000 },
    ]);
  });

  it('ends both sockets when a peer never answers a close frame', async () => {
    const { gateway, clock, client, upstream } = await rawSetup();
    client.socket.write(close(1000));
    await upstream.until(() => upstream.closeCode === 1000);
    clock.advance(CLOSE_MS - 1);
    gateway.registry.sweep();
    await turn();
    expect([client.hasEnded, upstream.hasEnded]).toEqual([false, false]);
    clock.advance(1);
    gateway.registry.sweep();
    await Promise.all([client.ended(), upstream.ended()]);
    expect(await gateway.closed(1)).toMatchObject([{ closeCode: 1000, closedBy: 'client', durationMs: CLOSE_MS }]);
  });

  it('pauses an upstream whose client does not read, keeps a bounded number of bytes, and goes on when it reads', async () => {
    const limits = { bufferBytesMax: 131_072, messageBytesMax: 65_536 };
    const { gateway, client, upstream } = await rawSetup(limits);
    client.socket.pause();
    const one = frame(Buffer.alloc(65_536, 1), { key: undefined });
    const total = 400;
    let sent = 0;
    // Kernel buffers take some megabytes; what they leave waits in the upstream, not in the gateway.
    for (let round = 0; round < 50; round += 1) {
      while (sent < total && upstream.socket.writableLength < 1_048_576) {
        upstream.socket.write(one);
        sent += 1;
      }
      await turn();
    }
    expect(upstream.socket.writableLength).toBeGreaterThan(0);
    const waiting = gateway.relays[0]?.waitingBytes ?? { client: 0, upstream: 0 };
    expect(waiting.client).toBeGreaterThan(limits.bufferBytesMax);
    expect(waiting.client).toBeLessThanOrEqual(limits.bufferBytesMax + 2 * 65_536);
    client.socket.resume();
    while (sent < total) {
      upstream.socket.write(one);
      sent += 1;
    }
    await client.until(() => client.byteCount === total * one.length);
    expect(gateway.messages.out).toBe(total);
  });

  it('closes a client that takes nothing for `stallMs` with 4502 and tells the upstream 1001', async () => {
    const { gateway, clock, client, upstream } = await rawSetup({ bufferBytesMax: 65_536, messageBytesMax: 65_536 });
    client.socket.pause();
    const one = frame(Buffer.alloc(65_536, 1), { key: undefined });
    for (let count = 0; count < 200; count += 1) upstream.socket.write(one);
    await sweepUntilEnding(gateway, clock);
    await upstream.until(() => upstream.closeCode === 1001);
    expect(gateway.relays[0]?.facts()).toMatchObject({
      closeCode: 4502,
      closedBy: 'gateway',
      reason: { code: 'SLOW_CONSUMER', detail: 'client' },
    });
    clock.advance(CLOSE_MS);
    gateway.registry.sweep();
    await gateway.closed(1);
  });

  it('closes a client with 1013 when its upstream takes nothing for `stallMs`', async () => {
    const { gateway, clock, client, upstream } = await rawSetup({ bufferBytesMax: 65_536, messageBytesMax: 65_536 });
    upstream.socket.pause();
    const one = frame(Buffer.alloc(65_536, 1));
    for (let count = 0; count < 200; count += 1) client.socket.write(one);
    await sweepUntilEnding(gateway, clock);
    await client.until(() => client.closeCode === 1013);
    expect(gateway.relays[0]?.facts().reason).toEqual({ code: 'SLOW_CONSUMER', detail: 'upstream' });
    clock.advance(CLOSE_MS);
    gateway.registry.sweep();
    await gateway.closed(1);
  });

  it('does not call a slow reader stalled that takes something now and then', async () => {
    const { gateway, clock, client, upstream } = await rawSetup();
    for (let second = 0; second < 60; second += 1) {
      upstream.socket.write(frame('tick', { key: undefined }));
      await client.until(() => client.seen.frames.length === second + 1);
      clock.advance(1_000);
      gateway.registry.sweep();
    }
    expect(gateway.relays[0]?.facts().closeCode).toBe(0);
  });
});

describe('a client that is gone before the relay begins', () => {
  it('is noticed, and the upstream is told', async () => {
    const { gateway, server, url } = await echoSetup();
    const closed = new Promise<number>((resolve) => {
      server.on('connection', (socket) => socket.on('close', (code) => resolve(code)));
    });
    const client = new WebSocket(url);
    client.on('error', () => client.terminate());
    client.on('upgrade', () => client.terminate());
    expect(await closed).toBe(1001);
    await gateway.closed(1);
    expect(gateway.registry.size).toBe(0);
  });
});
