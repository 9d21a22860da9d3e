import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SharedWindowTable, type WindowTableOptions } from '../../src/index.ts';
import { resultOf, startThread } from './threads.ts';

const hashKey = new Uint8Array(16).fill(7);
const MINUTE = 60_000_000;

function tableOf(options: Partial<WindowTableOptions> = {}): SharedWindowTable {
  const buffer = SharedWindowTable.allocate({ keysMax: 200, windowMicros: MINUTE, limitMax: 5, ...options });
  return new SharedWindowTable(buffer, { hashKey, slot: 0 });
}

/** All times of all keys, in a plain map. */
class Model {
  readonly #times = new Map<string, number[]>();
  readonly #window: number;
  readonly #limit: number;

  constructor(window: number, limit: number) {
    this.#window = window;
    this.#limit = limit;
  }

  remaining(key: string, now: number): number {
    return this.#limit - this.#inWindow(key, now).length;
  }

  /** How long until one would pass. */
  wait(key: string, now: number): number {
    const times = this.#inWindow(key, now);
    return times.length < this.#limit ? 0 : (times.at(-this.#limit) ?? 0) + this.#window - now;
  }

  take(key: string, now: number): void {
    this.#times.set(key, [...(this.#times.get(key) ?? []), now]);
  }

  #inWindow(key: string, now: number): readonly number[] {
    return (this.#times.get(key) ?? []).filter((time) => time > now - this.#window);
  }
}

const passed = fc.oneof(
  { weight: 12, arbitrary: fc.nat(15_000_000) },
  { weight: 2, arbitrary: fc.nat(2 ** 28) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 2 ** 34 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(MINUTE - 1, MINUTE, 2 ** 28, 3 * 2 ** 28, 2 ** 30, 2 ** 31 - 1, 2 ** 31, 2 ** 32),
  },
);

describe('a window table', () => {
  it.each([1, 3, 4, 5])('admits exactly %i units in any minute, as a list of all times would', (limit) => {
    const steps = fc.array(fc.record({ passed, key: fc.nat(6) }), { maxLength: 150 });
    const start = fc.constantFrom(0, 1_800_000_000_000_000, 2 ** 31 - 1_000_000);
    fc.assert(
      fc.property(steps, start, (steps, start) => {
        const window = tableOf().limit({ space: 3, limit });
        const model = new Model(MINUTE, limit);
        let now = start;
        for (const { passed, key: number } of steps) {
          now += passed;
          const key = `key-${number}`;
          const wait = model.wait(key, now);
          expect(window.remaining(key, now)).toBe(model.remaining(key, now));
          expect(window.take(key, now)).toBe(wait);
          if (wait === 0) model.take(key, now);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('admits a hundred requests a minute and not one more', () => {
    const window = tableOf({ limitMax: 100 }).limit({ space: 1, limit: 100 });
    const admitted = Array.from({ length: 1000 }, (_, index) => window.take('client', index * 30_000));
    expect(admitted.filter((wait) => wait === 0)).toHaveLength(100);
    expect(window.take('client', MINUTE - 1)).toBe(1);
    expect(window.take('client', MINUTE)).toBe(0);
    expect(window.take('client', MINUTE)).toBe(30_000);
  });

  it('goes on when its positions begin again at zero', () => {
    const table = tableOf({ keysMax: 1, limitMax: 4 });
    const window = table.limit({ space: 1, limit: 3 });
    window.take('key', 0);
    // Head and base of every entry, after 2^32 positions: eight before the end, at the beginning of a turn.
    const words = new Int32Array(table.buffer);
    for (let entry = 0; entry < 14; entry += 1) words.fill(-8, 32 + entry * 7 + 1, 32 + entry * 7 + 3);
    const waits = Array.from({ length: 40 }, (_, index) => window.take('key', 2 * MINUTE + index * 10_000_000));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(21);
    expect(words.subarray(32).some((word) => word > 0 && word < 30)).toBe(true);
  });

  it('never gives more than the limit where its ticks are coarse, and hardly less', () => {
    const day = 86_400_000_000;
    const window = tableOf({ windowMicros: day, limitMax: 100 }).limit({ space: 1, limit: 100 });
    const times: number[] = [];
    for (let now = 7; now < day * 3; now += day / 1000 + 13) if (window.take('key', now) === 0) times.push(now);
    for (const [index, time] of times.entries()) {
      const earlier = times[index - 100];
      if (earlier !== undefined) expect(time - earlier).toBeGreaterThanOrEqual(day);
    }
    expect(times.length).toBeGreaterThanOrEqual(299);
  });

  it('lets a policy lower or raise a limit and keeps what was counted', () => {
    const table = tableOf();
    const before = table.limit({ space: 1, limit: 3 });
    for (let unit = 0; unit < 3; unit += 1) before.take('key', unit);
    const later = new SharedWindowTable(table.buffer, { hashKey, slot: 1 });
    expect(later.limit({ space: 1, limit: 2 }).take('key', 10)).toBe(MINUTE - 9);
    expect(later.limit({ space: 1, limit: 4 }).take('key', 10)).toBe(0);
    expect(later.limit({ space: 1, limit: 4 }).take('key', 10)).toBe(MINUTE - 10);
    expect(later.limit({ space: 2, limit: 4 }).remaining('key', 10)).toBe(4);
  });

  it('keeps a key blocked through a flood of others', () => {
    const table = tableOf({ keysMax: 50 });
    const window = table.limit({ space: 1, limit: 5 });
    for (let unit = 0; unit < 5; unit += 1) expect(window.take('attacker', 0)).toBe(0);
    // Every other key is used once, then comes the next: 1,000 keys for 100 places.
    for (let other = 0; other < 1000; other += 1) window.take(`other-${other}`, other);
    expect(table.takeovers).toBeGreaterThan(100);
    expect(window.take('attacker', 2000)).toBeGreaterThan(0);
  });

  it('charges a new key what the entry had that it took over, and counts that', () => {
    const table = tableOf({ keysMax: 1 });
    const window = table.limit({ space: 1, limit: 5 });
    for (let key = 0; key < 14; key += 1) {
      window.take(`key-${key}`, key);
      window.take(`key-${key}`, key);
    }
    expect(table.takeovers).toBe(0);
    expect(window.take('new', 20)).toBe(0);
    expect([window.remaining('new', 20), table.takeovers]).toEqual([2, 1]);
    // The first key was the oldest of equals, so it is the one that is gone.
    expect(window.remaining('key-0', 20)).toBe(5);
  });

  it('is exact when threads fight for the same keys at the same time', async () => {
    const table = tableOf({ windowMicros: 1000, limitMax: 2000 });
    const [clock, notes] = [new SharedArrayBuffer(4), new SharedArrayBuffer(3 * 4)];
    const shape = { do: 'take', from: 'window', table: table.buffer, keys: 3, limit: 2000, clock, notes } as const;
    const threads = [1, 2].map((slot) => startThread({ ...shape, slot, rounds: 10_000, stepMicros: 0 }));
    await Promise.all(threads.map(resultOf));
    expect([...new Int32Array(notes)]).toEqual([2000, 2000, 2000]);
  });

  it('never admits more than the limit in any window while time goes on in several threads', async () => {
    const table = tableOf({ windowMicros: 1000, limitMax: 7 });
    const [clock, notes] = [new SharedArrayBuffer(4), new SharedArrayBuffer(2 * 4)];
    const shape = { do: 'take', from: 'window', table: table.buffer, keys: 2, limit: 7, clock, notes } as const;
    const threads = [1, 2].map((slot) => startThread({ ...shape, slot, rounds: 20_000, stepMicros: 3 }));
    const results = await Promise.all(threads.map(resultOf));
    const given = results.flatMap((result) => (Array.isArray(result) ? result.map(Number) : []));
    for (const key of [0, 1]) {
      const times = given.filter((_, at) => at % 2 === 1 && given[at - 1] === key).toSorted((one, two) => one - two);
      for (const [index, time] of times.entries()) {
        if (time - (times[index - 7] ?? -1000) < 1000) throw new Error(`eight units within a window, at ${time}`);
      }
      // 120 ms are 120 windows; little is lost to clocks that differ.
      expect(times.length).toBeGreaterThan(700);
    }
  });

  it('is usable and exact to one unit after a thread was ended in the middle of taking', async () => {
    const table = tableOf({ keysMax: 30, limitMax: 65_536 });
    const [clock, notes] = [new SharedArrayBuffer(4), new SharedArrayBuffer(10 * 4)];
    const noted = new Int32Array(notes);
    const shape = { do: 'take', from: 'window', table: table.buffer, keys: 10, limit: 65_536, clock, notes } as const;
    const thread = startThread({ ...shape, slot: 1, rounds: 1e9, stepMicros: 0 });
    while (noted.every((units) => units < 100)) await new Promise((resolve) => setTimeout(resolve, 1));
    await thread.terminate();
    table.clearSlot(1);
    const window = table.limit({ space: 1, limit: 65_536 });
    // Another unit of each, so that a position that the dead thread had taken is seen by all.
    const units = [...noted].map((units, key) => [units + (window.take(`key-${key}`, 0) === 0 ? 1 : 0), key] as const);
    const missing = units.reduce((sum, [units, key]) => sum + 65_536 - units - window.remaining(`key-${key}`, 0), 0);
    expect([0, 1]).toContain(missing);
  });

  it('goes on where a thread died between taking a position and moving the head', () => {
    const table = tableOf({ keysMax: 1, limitMax: 4 });
    const window = table.limit({ space: 1, limit: 3 });
    window.take('key', 5);
    const words = new Int32Array(table.buffer);
    const head = words.findIndex((word, at) => at >= 32 && word === 1 && words[at + 2] === (5 << 1) + 1);
    words[head] = 0;
    expect([window.take('key', 6), window.take('key', 7), window.take('key', 8)]).toEqual([0, 0, MINUTE - 3]);
  });

  it('says that it cannot say while a dead thread holds a bucket, and goes on when that is cleared', () => {
    const table = tableOf({ keysMax: 1 });
    const window = table.limit({ space: 1, limit: 1 });
    new Int32Array(table.buffer)[16] = 5;
    expect(window.take('key', 0)).toBeUndefined();
    table.clearSlot(4);
    expect(window.take('key', 0)).toBe(0);
  });

  it.each([
    { keysMax: 0 },
    { keysMax: 1_000_001 },
    { windowMicros: 999 },
    { windowMicros: 2_678_400_000_001 },
    { limitMax: 0 },
    { limitMax: 65_537 },
    { keysMax: 100_000, limitMax: 65_536 },
  ])('refuses options out of range (row %#)', (options) => {
    expect(() => tableOf(options)).toThrow(RangeError);
  });

  it('refuses a limit that it cannot hold', () => {
    expect(() => tableOf().limit({ space: 1, limit: 9 })).toThrow('limit 9 is not a whole number from 1 to 8');
  });
});
