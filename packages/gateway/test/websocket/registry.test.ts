import { duplexPair } from 'node:stream';
import { ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { RelayRegistry, type Slot } from '../../src/websocket/registry.ts';
import { CLOSE_MS, type RelayFacts } from '../../src/websocket/relay.ts';
import { close } from './frame-builder.ts';
import { limitsWith } from './harness.ts';
import { RawPeer } from './raw-peer.ts';

interface Pair {
  readonly client: RawPeer;
  readonly upstream: RawPeer;
}

class Room {
  readonly clock: ManualClock = new ManualClock();
  readonly registry: RelayRegistry;
  readonly pairs: Pair[] = [];
  readonly facts: RelayFacts[] = [];

  constructor(random: () => number = () => 0.5) {
    this.registry = new RelayRegistry({ clock: this.clock, random });
  }

  reserve(network = '192.0.2.1', route = 'game', max = 5): Slot {
    const slot = this.registry.reserve(route, network, max);
    if (slot === undefined) throw new Error('no place left');
    return slot;
  }

  open(slot: Slot = this.reserve(`192.0.2.${this.pairs.length}`)): Pair {
    const [client, clientEnd] = duplexPair();
    const [upstream, upstreamEnd] = duplexPair();
    this.registry.open(slot, {
      client,
      clientFirstBytes: Buffer.alloc(0),
      upstream,
      upstreamFirstBytes: Buffer.alloc(0),
      limits: limitsWith(),
      observer: { onMessage: () => undefined, onRefusal: () => undefined },
      onClose: (facts) => this.facts.push(facts),
    });
    const pair: Pair = {
      client: new RawPeer(clientEnd, 'server', Buffer.alloc(0)),
      upstream: new RawPeer(upstreamEnd, 'client', Buffer.alloc(0)),
    };
    this.pairs.push(pair);
    return pair;
  }

  /** Moves the time in steps of 100 ms; after each, what the clients have been told so far. */
  async pass(ms: number): Promise<number[]> {
    const closedAfter: number[] = [];
    for (let step = 0; step < ms / 100; step += 1) {
      this.clock.advance(100);
      this.registry.sweep();
      await new Promise((resolve) => setImmediate(resolve));
      closedAfter.push(this.pairs.filter(({ client }) => client.closeCode === 1012).length);
    }
    return closedAfter;
  }
}

/** Both ends answer the close frame and hang up. */
async function leave({ client, upstream }: Pair, code = 1000): Promise<void> {
  client.socket.write(close(code));
  upstream.socket.write(close(code, '', { key: undefined }));
  await Promise.all([client.ended(), upstream.ended()]);
  client.socket.end();
  upstream.socket.end();
  await new Promise((resolve) => setImmediate(resolve));
}

describe('places per client (R0.23)', () => {
  it('gives five to one client on a route and refuses the sixth', () => {
    const { registry } = new Room();
    const slots = Array.from({ length: 6 }, () => registry.reserve('game', '192.0.2.1', 5));
    expect(slots.map((slot) => slot !== undefined)).toEqual([true, true, true, true, true, false]);
    expect(registry.reserve('game', '192.0.2.2', 5)).toBeDefined();
    expect(registry.reserve('chat', '192.0.2.1', 5)).toBeDefined();
  });

  it('takes a place back once, however often it is given back', () => {
    const { registry } = new Room();
    const first = registry.reserve('game', '192.0.2.1', 2);
    registry.reserve('game', '192.0.2.1', 2);
    first?.release();
    first?.release();
    expect(registry.reserve('game', '192.0.2.1', 2)).toBeDefined();
    expect(registry.reserve('game', '192.0.2.1', 2)).toBeUndefined();
  });

  it('takes the place back when the relay has ended, before its owner hears of it', async () => {
    const room = new Room();
    const pair = room.open(room.reserve('192.0.2.1', 'game', 1));
    expect(room.registry.reserve('game', '192.0.2.1', 1)).toBeUndefined();
    await leave(pair);
    expect(room.facts).toHaveLength(1);
    expect(room.registry.size).toBe(0);
    expect(room.registry.reserve('game', '192.0.2.1', 1)).toBeDefined();
  });
});

describe('drain (R1.10)', () => {
  it('closes 1,000 relays with 1012, evenly over the spread', async () => {
    const room = new Room();
    for (let count = 0; count < 1_000; count += 1) room.open();
    room.registry.drain(5_000);
    expect(room.pairs.filter(({ client }) => client.closeCode !== -1)).toHaveLength(0);
    const closedAfter = await room.pass(5_000);
    for (const [index, closed] of closedAfter.entries()) expect(closed).toBe((index + 1) * 20);
    expect(room.pairs.every(({ client, upstream }) => client.closeCode === 1012 && upstream.closeCode === 1012)).toBe(
      true,
    );
    await Promise.all(room.pairs.map((pair) => leave(pair, 1012)));
    expect(room.registry.size).toBe(0);
    expect(
      new Set(room.facts.map(({ closeCode, closedBy, reason }) => `${closeCode} ${closedBy} ${reason?.code}`)),
    ).toEqual(new Set(['1012 gateway DRAINING']));
  });

  it('draws each moment at random within its slice', async () => {
    const draws = [0.9, 0.1, 0.9, 0.1];
    const room = new Room(() => draws.shift() ?? 0);
    for (let count = 0; count < 4; count += 1) room.open();
    room.registry.drain(4_000);
    const closedAfter = await room.pass(4_000);
    expect([9, 10, 11, 28, 29, 30, 31].map((step) => closedAfter[step - 1])).toEqual([1, 1, 2, 2, 3, 3, 4]);
  });

  it('takes a relay that opens during the drain with it', async () => {
    const room = new Room();
    room.registry.drain(1_000);
    expect(room.registry.isDraining).toBe(true);
    const { client } = room.open();
    await room.pass(400);
    expect(client.closeCode).toBe(-1);
    await room.pass(200);
    expect(client.closeCode).toBe(1012);
  });

  it('ends at the deadline what does not answer', async () => {
    const room = new Room();
    room.open();
    room.registry.drain(0);
    await room.pass(100);
    expect(room.registry.size).toBe(1);
    await room.pass(CLOSE_MS);
    expect(room.registry.size).toBe(0);
  });

  it('closes all at once, or ends all sockets without a word, when asked', async () => {
    const room = new Room();
    const pair = room.open();
    room.open();
    room.registry.closeAll(1001, 'going away');
    await leave(pair, 1001);
    expect(room.pairs.map(({ client }) => client.closeCode)).toEqual([1001, 1001]);
    room.registry.destroyAll();
    await new Promise((resolve) => setImmediate(resolve));
    expect(room.registry.size).toBe(0);
    expect(room.facts.map(({ closeCode }) => closeCode)).toEqual([1001, 1001]);
  });
});
