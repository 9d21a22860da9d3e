import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Rate, SharedRateTable } from '../../src/index.ts';
import { resultOf, startThread } from './threads.ts';

const hashKey = new Uint8Array(16).fill(7);
const MINUTE = 60_000_000;

function tableOf(keysMax: number, horizonMicros = MINUTE): SharedRateTable {
  return new SharedRateTable(SharedRateTable.allocate({ keysMax, horizonMicros }), { hashKey, slot: 0 });
}

/** GCRA over a plain map, with times that never end. */
class Model {
  readonly #owesUntil = new Map<string, number>();
  readonly #interval: number;
  readonly #capacity: number;

  constructor(interval: number, burst: number) {
    this.#interval = interval;
    this.#capacity = interval * burst;
  }

  /** What is too much: 0 or less when it passes. */
  excess(key: string, now: number, cost: number): number {
    return Math.max(now, this.#owesUntil.get(key) ?? 0) - now + cost * this.#interval - this.#capacity;
  }

  take(key: string, now: number, cost: number): void {
    this.#owesUntil.set(key, Math.max(now, this.#owesUntil.get(key) ?? 0) + cost * this.#interval);
  }

  remaining(key: string, now: number): number {
    return Math.floor(-this.excess(key, now, 0) / this.#interval);
  }
}

/** Steps of time from nothing to days: more than 32 bits of microseconds hold, and just around where they begin again. */
const passed = fc.oneof(
  { weight: 8, arbitrary: fc.nat(2_000_000) },
  { weight: 2, arbitrary: fc.nat(2 ** 31) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 35 }) },
  { weight: 2, arbitrary: fc.constantFrom(2 ** 29, 2 ** 30, 3 * 2 ** 30, 2 ** 31 - 1, 2 ** 32 - 1, 2 ** 32) },
);

const steps = fc.array(fc.record({ passed, key: fc.nat(12), cost: fc.integer({ min: 1, max: 4 }) }), {
  maxLength: 120,
});

describe('a rate table', () => {
  it('gives every key its rate, as a plain map with endless times would', () => {
    const start = fc.constantFrom(0, 1_800_000_000_000_000, 2 ** 32 - 1_000_000);
    fc.assert(
      fc.property(steps, start, (steps, start) => {
        const rate = tableOf(1000).limit({ space: 3, intervalMicros: 600_001, burst: 9 });
        const model = new Model(600_001, 9);
        let now = start;
        for (const { passed, key: number, cost } of steps) {
          now += passed;
          const key = `key-${number}`;
          const excess = model.excess(key, now, cost);
          expect(rate.remaining(key, now)).toBe(model.remaining(key, now));
          expect(rate.take(key, now, cost)).toBe(Math.max(0, excess));
          if (excess <= 0) model.take(key, now, cost);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never lets a key owe less because others filled its bucket', () => {
    // One bucket for forty keys: they take it from one another all the time.
    const crowd = fc.array(
      fc.record({ passed: fc.nat(120_000), key: fc.nat(39), cost: fc.integer({ min: 1, max: 3 }) }),
      { minLength: 100, maxLength: 300 },
    );
    let takeovers = 0;
    fc.assert(
      fc.property(crowd, (steps) => {
        const table = tableOf(1);
        const rate = table.limit({ space: 1, intervalMicros: 1_000_000, burst: 6 });
        const model = new Model(1_000_000, 6);
        let now = 0;
        for (const { passed, key, cost } of steps) {
          now += passed;
          if (rate.take(`key-${key}`, now, cost) !== 0) continue;
          expect(model.excess(`key-${key}`, now, cost)).toBeLessThanOrEqual(0);
          model.take(`key-${key}`, now, cost);
        }
        takeovers += table.takeovers;
      }),
    );
    expect(takeovers).toBeGreaterThan(1000);
  });

  it('keeps a key blocked through a flood of others', () => {
    const table = tableOf(100);
    const rate = table.limit({ space: 1, intervalMicros: 600_000, burst: 100 });
    for (let unit = 0; unit < 100; unit += 1) expect(rate.take('attacker', 0)).toBe(0);
    for (let other = 0; other < 20_000; other += 1) rate.take(`other-${other}`, other);
    expect(table.takeovers).toBeGreaterThan(10_000);
    expect(rate.take('attacker', 20_000)).toBe(580_000);
  });

  it('counts the same key apart in each space', () => {
    const table = tableOf(10);
    const [one, other] = [1, 2].map((space) => table.limit({ space, intervalMicros: 10, burst: 1 }));
    expect([one?.take('key', 0), one?.take('key', 0), other?.take('key', 0)]).toEqual([0, 10, 0]);
  });

  it('keeps what it counted for whoever attaches it, also with another burst', () => {
    const table = tableOf(10);
    const before = table.limit({ space: 1, intervalMicros: 10, burst: 5 });
    for (let unit = 0; unit < 5; unit += 1) before.take('key', 0);
    const later = new SharedRateTable(table.buffer, { hashKey, slot: 1 });
    expect(later.limit({ space: 1, intervalMicros: 10, burst: 5 }).take('key', 1)).toBe(9);
    expect(later.limit({ space: 1, intervalMicros: 10, burst: 2 }).take('key', 1)).toBe(39);
    expect(later.limit({ space: 1, intervalMicros: 10, burst: 7 }).take('key', 1)).toBe(0);
  });

  it('never lets pass more than the limit where its ticks are coarse, and hardly less', () => {
    const day = 86_400_000_000;
    const rate = tableOf(10, day).limit({ space: 1, intervalMicros: day / 100, burst: 100 });
    let passed = 0;
    for (let now = 7; now < day * 3; now += day / 1000 + 13) if (rate.take('key', now) === 0) passed += 1;
    expect(passed).toBeLessThanOrEqual(400);
    expect(passed).toBeGreaterThanOrEqual(398);
  });

  it('refuses for ever what is more than the burst', () => {
    expect(tableOf(10).limit({ space: 1, intervalMicros: 10, burst: 5 }).take('key', 0, 6)).toBe(Infinity);
  });

  it('takes a clock that is a little behind another one', () => {
    const rate = tableOf(10).limit({ space: 1, intervalMicros: 100, burst: 2 });
    const turn = 2 ** 29 * 4;
    expect([rate.take('key', turn + 1), rate.take('key', turn - 5), rate.take('key', turn - 4)]).toEqual([0, 6, 5]);
  });

  it('is exact when threads fight for the same keys', async () => {
    const table = tableOf(10, 1_000_000);
    const [clock, notes] = [new SharedArrayBuffer(4), new SharedArrayBuffer(3 * 4)];
    const shape = { do: 'take', from: 'rate', table: table.buffer, keys: 3, limit: 5000, clock, notes } as const;
    const threads = [1, 2].map((slot) => startThread({ ...shape, slot, rounds: 20_000, stepMicros: 0 }));
    await Promise.all(threads.map(resultOf));
    expect([...new Int32Array(notes)]).toEqual([5000, 5000, 5000]);
  });

  it('is usable and exact to one unit after a thread was ended in the middle of taking', async () => {
    const table = tableOf(10, 100_000_000);
    const [clock, notes] = [new SharedArrayBuffer(4), new SharedArrayBuffer(30 * 4)];
    const noted = new Int32Array(notes);
    const shape = { do: 'take', from: 'rate', table: table.buffer, keys: 30, limit: 100_000, clock, notes } as const;
    const thread = startThread({ ...shape, slot: 1, rounds: 1e9, stepMicros: 0 });
    while (noted.every((units) => units < 100)) await new Promise((resolve) => setTimeout(resolve, 1));
    await thread.terminate();
    table.clearSlot(1);
    const rate = table.limit({ space: 1, intervalMicros: 10, burst: 100_000 });
    const missing = [...noted].reduce(
      (sum, units, key) => sum + (100_000 - units) - rate.remaining(`key-${key}`, 0),
      0,
    );
    expect([0, 1]).toContain(missing);
  });

  it('says that it cannot say while a dead thread holds a bucket, and goes on when that is cleared', () => {
    const table = tableOf(1);
    const rate = table.limit({ space: 1, intervalMicros: 10, burst: 1 });
    new Int32Array(table.buffer)[16] = 5;
    expect(rate.take('key', 0)).toBeUndefined();
    table.clearSlot(4);
    expect(rate.take('key', 0)).toBe(0);
  });

  it.each([
    { keysMax: 0, horizonMicros: 1000 },
    { keysMax: 1_000_001, horizonMicros: 1000 },
    { keysMax: 1, horizonMicros: 999 },
    { keysMax: 1, horizonMicros: 2_678_400_000_001 },
  ])('refuses options out of range (row %#)', (options) => {
    expect(() => SharedRateTable.allocate(options)).toThrow(RangeError);
  });

  it.each([
    { space: -1, intervalMicros: 10, burst: 1 },
    { space: 1, intervalMicros: 0, burst: 1 },
    { space: 1, intervalMicros: 10, burst: 0 },
    { space: 1, intervalMicros: 2 ** 29, burst: 3 },
  ])('refuses a limit that it cannot hold (row %#)', (options) => {
    expect((): Rate => tableOf(1).limit(options)).toThrow(RangeError);
  });
});
