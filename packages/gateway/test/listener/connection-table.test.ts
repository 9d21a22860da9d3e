import { strict as assert } from 'node:assert';
import { Socket } from 'node:net';
import { Client, type ConnectionLimits, IpAddress, ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import {
  type Connection,
  ConnectionTable,
  HALF_OPEN_GRACE_MS,
  LINGER_MS,
  type LiveExchange,
} from '../../src/listener/connection-table.ts';

const LIMITS: ConnectionLimits = {
  connectionsMax: 6,
  perClientMax: 3,
  halfOpenPerClientMax: 2,
  handshakeMs: 5_000,
  headerMs: 10_000,
  keepAliveMs: 30_000,
  headerBytesMax: 16_384,
};

/** Something in progress that has no deadline of its own. */
function live(sweep: (nowMs: number) => void = () => undefined): LiveExchange {
  return { client: undefined, sweep, onShutdown: () => undefined, dismiss: () => undefined };
}

/** A table whose expired connections leave at once, as they do when their socket closes. */
class World {
  readonly clock: ManualClock = new ManualClock();
  readonly expired: string[] = [];
  readonly names = new Map<Connection, string>();
  readonly table: ConnectionTable = new ConnectionTable({
    limits: LIMITS,
    clock: this.clock,
    onExpire: (connection, why) => {
      this.expired.push(`${this.names.get(connection)} ${why.code}`);
      this.table.remove(connection);
    },
  });

  add(name: string, client?: string): Connection | undefined {
    const connection = this.table.add(new Socket(), 'test');
    if (connection === undefined) return undefined;
    this.names.set(connection, name);
    if (client !== undefined) this.identify(connection, client);
    return connection;
  }

  identify(connection: Connection, client: string, isCounted = true): string | undefined {
    const address = IpAddress.parse(client);
    assert(address !== undefined);
    return this.table.identify(connection, Client.fromPeer(address, client), isCounted)?.code;
  }

  /** A connection that has carried a request and waits for the next. */
  idle(name: string, client: string): Connection {
    const connection = this.add(name, client);
    assert(connection !== undefined);
    this.table.expectHead(connection);
    this.table.beginExchange(connection, live());
    this.table.becomeIdle(connection);
    return connection;
  }

  sweepAfter(ms: number): void {
    this.clock.advance(ms);
    this.table.sweep(this.clock.monotonicMs());
  }
}

describe('deadlines of connections', () => {
  it('end a handshake, a request head and an idle connection, each in its time and not before', () => {
    const world = new World();
    world.add('handshake', '192.0.2.1');
    const head = world.add('head', '192.0.2.2');
    assert(head !== undefined);
    world.table.expectHead(head);
    world.idle('idle', '192.0.2.3');
    world.sweepAfter(5_000);
    expect(world.expired).toEqual([]);
    world.sweepAfter(1);
    expect(world.expired).toEqual(['handshake TLS_HANDSHAKE_FAILED']);
    world.sweepAfter(5_000);
    expect(world.expired).toEqual(['handshake TLS_HANDSHAKE_FAILED', 'head HEADER_TIMEOUT']);
    world.sweepAfter(20_000);
    expect(world.expired.at(-1)).toBe('idle CONNECTION_IDLE');
    expect(world.table.size).toBe(0);
  });

  it('leave an exchange to its own deadlines', () => {
    const world = new World();
    const connection = world.add('busy', '192.0.2.1');
    assert(connection !== undefined);
    const sweeps: number[] = [];
    world.table.beginExchange(
      connection,
      live((nowMs) => sweeps.push(nowMs)),
    );
    world.sweepAfter(1_000_000);
    expect(sweeps).toEqual([1_000_000]);
    expect(world.expired).toEqual([]);
  });

  it('let a refused client linger for a bounded time', () => {
    const world = new World();
    const connection = world.add('refused', '192.0.2.1');
    assert(connection !== undefined);
    world.table.linger(connection);
    world.sweepAfter(LINGER_MS);
    expect(world.expired).toEqual([]);
    world.sweepAfter(1);
    expect(world.expired).toEqual(['refused CONNECTION_IDLE']);
  });
});

describe('floods of connections', () => {
  it('make the oldest idle connection leave when the table is full', () => {
    const world = new World();
    for (let index = 0; index < 5; index += 1) world.idle(`idle-${index}`, `192.0.2.${index}`);
    world.idle('youngest', '192.0.2.99');
    expect(world.add('one more')).toBeDefined();
    expect(world.expired).toEqual(['idle-0 CONNECTION_EVICTED']);
    expect(world.table.size).toBe(6);
  });

  it('are refused when nothing is idle', () => {
    const world = new World();
    for (let index = 0; index < 6; index += 1) world.add(`busy-${index}`, `192.0.2.${index}`);
    expect(world.add('one more')).toBeUndefined();
    expect(world.expired).toEqual([]);
  });

  it('of one client make its own oldest idle connection leave (R1.7)', () => {
    const world = new World();
    world.idle('foreign', '198.51.100.1');
    for (let index = 0; index < 3; index += 1) world.idle(`own-${index}`, '192.0.2.1');
    world.idle('fourth', '192.0.2.1');
    expect(world.expired).toEqual(['own-0 CONNECTIONS_PER_CLIENT']);
  });

  it('of one client are refused when none of its connections is idle (R1.7)', () => {
    const world = new World();
    for (let index = 0; index < 3; index += 1) {
      const connection = world.add(`busy-${index}`, '192.0.2.1');
      assert(connection !== undefined);
      world.table.beginExchange(connection, live());
    }
    const fourth = world.add('fourth');
    assert(fourth !== undefined);
    expect(world.identify(fourth, '192.0.2.1')).toBe('CONNECTIONS_PER_CLIENT');
  });

  it('count an IPv6 /64 as one client', () => {
    const world = new World();
    for (let index = 1; index <= 3; index += 1) {
      const connection = world.add(`busy-${index}`, `2001:db8:0:1::${index}`);
      assert(connection !== undefined);
      world.table.beginExchange(connection, live());
    }
    const same = world.add('same network');
    const other = world.add('other network');
    assert(same !== undefined && other !== undefined);
    expect(world.identify(same, '2001:db8:0:1:ffff::9')).toBe('CONNECTIONS_PER_CLIENT');
    expect(world.identify(other, '2001:db8:0:2::9')).toBeUndefined();
  });

  it('that never finish a head make the oldest half-open one of that client leave', () => {
    const world = new World();
    world.add('half-0', '192.0.2.1');
    world.add('half-1', '192.0.2.1');
    world.clock.advance(HALF_OPEN_GRACE_MS + 1);
    world.add('half-2', '192.0.2.1');
    expect(world.expired).toEqual(['half-0 CONNECTION_EVICTED']);
  });

  it('that have just begun are not half-open: a reconnecting crowd behind one address stays', () => {
    const world = new World();
    for (let index = 0; index < 3; index += 1) world.add(`player-${index}`, '192.0.2.1');
    world.clock.advance(HALF_OPEN_GRACE_MS);
    world.add('other', '192.0.2.2');
    expect(world.expired).toEqual([]);
  });

  it('are not counted per client where one peer carries many', () => {
    const world = new World();
    for (let index = 0; index < 6; index += 1) {
      const connection = world.add(`tunnel-${index}`);
      assert(connection !== undefined);
      expect(world.identify(connection, '127.0.0.1', false)).toBeUndefined();
    }
    expect(world.expired).toEqual([]);
  });

  it('leave nothing behind when connections go', () => {
    const world = new World();
    for (let round = 0; round < 100; round += 1) {
      const connection = world.idle(`idle-${round}`, '192.0.2.1');
      world.table.remove(connection);
      world.table.remove(connection);
    }
    expect(world.table.size).toBe(0);
    expect(world.expired).toEqual([]);
  });
});
