/** What the benchmark of shared memory measures: the same operations in the main thread and in a second one. */
import {
  ByteRing,
  type Rate,
  SharedGaugeTable,
  SharedRateTable,
  SharedWindowTable,
  type SlidingWindow,
} from '@sallyport/kernel';

export const KEYS = 100_000;
export const HOT_KEYS = 16;

/** Buffers that both threads attach. */
export interface Tables {
  readonly rate: SharedArrayBuffer;
  readonly window: SharedArrayBuffer;
  readonly gauge: SharedArrayBuffer;
}

export interface Subjects {
  readonly rate: Rate;
  readonly window: SlidingWindow;
  readonly gauge: SharedGaugeTable;
}

export function allocateTables(): Tables {
  return {
    rate: SharedRateTable.allocate({ keysMax: KEYS, horizonMicros: 600_000_000 }),
    window: SharedWindowTable.allocate({ keysMax: KEYS, windowMicros: 60_000_000, limitMax: 100 }),
    gauge: SharedGaugeTable.allocate({ keysMax: KEYS, slots: 4 }),
  };
}

export function attachTables(tables: Tables, slot: number): Subjects {
  const member = { hashKey: new Uint8Array(16).fill(7), slot };
  return {
    // A burst that is not used up here: being admitted is the dearer way.
    rate: new SharedRateTable(tables.rate, member).limit({ space: 1, intervalMicros: 100, burst: 5_000_000 }),
    window: new SharedWindowTable(tables.window, member).limit({ space: 1, limit: 100 }),
    gauge: new SharedGaugeTable(tables.gauge, member),
  };
}

/**
 * Client addresses. Each text lies near the one before, as that of a request that was just read lies in the cache; where its
 * entry lies in a table has nothing to do with that.
 */
export function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const scattered = (index * 7919) % count;
    return `10.${scattered >> 14}.${(scattered >> 7) & 127}.${scattered & 127}`;
  });
}

/** A line of the log as it goes up: 250 bytes. */
export const LINE: string = JSON.stringify({
  kind: 'exchange',
  time: '2026-11-27T23:40:00.000Z',
  id: '0123456789abcdef',
  client: '203.0.113.7',
  method: 'GET',
  path: '/api/v1/leaderboard',
  status: 200,
  route: 'api',
  upstream: 'arena',
  verdict: 'pass',
  bytes: 512,
  durationMs: 1.25,
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
});

export function newRing(): ByteRing {
  return new ByteRing(ByteRing.allocate({ bytes: 4_194_304, shares: [0.75, 1] }));
}
