import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GAUGE_FULL, GAUGE_REFUSED, SharedGaugeTable } from '../../src/index.ts';
import { resultOf, startThread } from './threads.ts';

const hashKey = new Uint8Array(16).fill(7);

function membersOf(keysMax: number, slots: number): SharedGaugeTable[] {
  const buffer = SharedGaugeTable.allocate({ keysMax, slots });
  return Array.from({ length: slots }, (_, slot) => new SharedGaugeTable(buffer, { hashKey, slot }));
}

interface Hold {
  readonly slot: number;
  readonly key: string;
  readonly handle: number;
}

/** What a plain map would say. */
class Model {
  readonly held: Hold[] = [];

  count(key: string): number {
    return this.held.filter((hold) => hold.key === key).length;
  }
}

describe('a gauge table', () => {
  it('counts like a map, whoever counts, releases and is cleared away', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ slot: fc.nat(2), key: fc.nat(30), max: fc.integer({ min: 0, max: 4 }) }) },
      { weight: 3, arbitrary: fc.record({ release: fc.nat(1000) }) },
      { weight: 1, arbitrary: fc.record({ clear: fc.nat(2) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const members = membersOf(31, 3);
        const model = new Model();
        for (const step of steps) apply(step, members, model);
        for (let key = 0; key < 31; key += 1) {
          expect(members[0]?.count(`key-${key}`)).toBe(model.count(`key-${key}`));
        }
        for (const [slot, member] of members.entries()) {
          expect(member.columnTotal(slot)).toBe(model.held.filter((hold) => hold.slot === slot).length);
        }
      }),
    );
  });

  it('says that it is full, counts nothing then, and has room again when a key falls to zero', () => {
    const [gauge] = membersOf(1, 1);
    if (gauge === undefined) throw new Error('no table');
    const handles = Array.from({ length: 14 }, (_, index) => gauge.acquire(`key-${index}`, 9));
    expect(handles.every((handle) => handle >= 0)).toBe(true);
    expect(gauge.acquire('one more', 9)).toBe(GAUGE_FULL);
    expect(gauge.count('one more')).toBe(0);
    expect(gauge.columnTotal(0)).toBe(14);
    // Keys that are counted already still count.
    expect(gauge.acquire('key-3', 2)).toBe(handles[3]);
    expect(gauge.acquire('key-3', 2)).toBe(GAUGE_REFUSED);
    gauge.release(handles[8] ?? -1);
    expect(gauge.acquire('one more', 9)).toBe(handles[8]);
    expect(gauge.count('one more')).toBe(1);
    expect(gauge.count('key-8')).toBe(0);
  });

  it('refuses everything where nothing is allowed', () => {
    const [gauge] = membersOf(10, 1);
    expect(gauge?.acquire('key', 0)).toBe(GAUGE_REFUSED);
    expect(gauge?.columnTotal(0)).toBe(0);
  });

  it('does not take back what was never counted', () => {
    const [gauge] = membersOf(10, 1);
    const handle = gauge?.acquire('key', 1) ?? -1;
    gauge?.release(handle);
    expect(() => gauge?.release(handle)).toThrow('counts nothing');
    expect(gauge?.count('key')).toBe(0);
  });

  it('holds the number of keys it is made for, whatever they are', () => {
    const [gauge] = membersOf(20_000, 1);
    for (let key = 0; key < 20_000; key += 1) {
      const text = `198.51.${key >> 8}.${key & 255}`;
      if ((gauge?.acquire(text, 1) ?? -1) < 0) throw new Error(`no place for ${text}`);
    }
    expect(gauge?.columnTotal(0)).toBe(20_000);
  });

  it('is exact when threads fight for the same few keys, and never above the limit', async () => {
    const members = membersOf(8, 4);
    const [main] = members;
    const buffer = main?.buffer ?? new SharedArrayBuffer(0);
    const notes = new SharedArrayBuffer(24 * 4);
    const threads = [1, 2, 3].map((slot) =>
      startThread({ do: 'count', table: buffer, slot, keys: 24, max: 2, rounds: 40_000, notes }),
    );
    const results = await Promise.all(threads.map(resultOf));
    expect(results).toHaveLength(3);
    expect(members.map((member, slot) => member.columnTotal(slot))).toEqual([0, 0, 0, 0]);
    expect(new Int32Array(notes).every((noted) => noted === 0)).toBe(true);
    expect(main?.acquire('key-0', 1)).toBeGreaterThanOrEqual(0);
  });

  it('is usable and exact after a thread was ended in the middle of counting', async () => {
    const members = membersOf(2, 3);
    const [main] = members;
    const buffer = main?.buffer ?? new SharedArrayBuffer(0);
    const kept = main?.acquire('kept', 3) ?? -1;
    for (let round = 0; round < 2; round += 1) {
      const shape = { table: buffer, keys: 40, max: 1_000_000, notes: new SharedArrayBuffer(40 * 4) };
      const victim = startThread({ do: 'count', ...shape, slot: 1, rounds: 1e9 });
      const other = resultOf(startThread({ do: 'count', ...shape, slot: 2, rounds: 20_000 }));
      while (members[1]?.columnTotal(1) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      await victim.terminate();
      const before = members[1]?.columnTotal(1);
      expect(main?.clearColumn(1)).toBe(before);
      await other;
      expect(members.map((member, slot) => member.columnTotal(slot))).toEqual([1, 0, 0]);
    }
    expect(main?.count('kept')).toBe(1);
    main?.release(kept);
    // No lock was left behind: every bucket takes new names.
    for (let key = 0; key < 200; key += 1) {
      const handle = main?.acquire(`new-${key}`, 1) ?? -1;
      expect(handle).toBeGreaterThanOrEqual(0);
      main?.release(handle);
    }
  });

  it('frees a lock that a dead thread held, and answers full until then', () => {
    const [main] = membersOf(1, 2);
    const words = new Int32Array(main?.buffer ?? new SharedArrayBuffer(0));
    main?.acquire('known', 1);
    const entry = words.findIndex((word, at) => at >= 18 && word !== 0);
    // Slot 1 holds the lock of the only bucket and has marked the only entry that has a name.
    words[16] = 2;
    words[entry] = (words[entry] ?? 0) | -(2 ** 31);
    expect(main?.acquire('key', 1)).toBe(GAUGE_FULL);
    expect(main?.acquire('known', 2)).toBe(GAUGE_FULL);
    expect(main?.clearColumn(1)).toBe(0);
    expect(main?.acquire('key', 1)).toBeGreaterThanOrEqual(0);
    expect(main?.count('known')).toBe(1);
  });

  it.each([
    { keysMax: 0, slots: 1 },
    { keysMax: 1_000_001, slots: 1 },
    { keysMax: 1, slots: 0 },
    { keysMax: 1, slots: 65 },
  ])('refuses options out of range (row %#)', (options) => {
    expect(() => SharedGaugeTable.allocate(options)).toThrow(RangeError);
  });

  it('refuses a slot it does not have', () => {
    const buffer = SharedGaugeTable.allocate({ keysMax: 1, slots: 2 });
    expect(() => new SharedGaugeTable(buffer, { hashKey, slot: 2 })).toThrow(
      'slot 2 is not a whole number from 0 to 1',
    );
  });
});

type Step = { slot: number; key: number; max: number } | { release: number } | { clear: number };

function apply(step: Step, members: readonly SharedGaugeTable[], model: Model): void {
  if ('clear' in step) {
    const mine = model.held.filter(({ slot }) => slot === step.clear);
    expect(members[0]?.clearColumn(step.clear)).toBe(mine.length);
    for (const hold of mine) model.held.splice(model.held.indexOf(hold), 1);
  } else if ('release' in step) {
    const [hold] = model.held.splice(step.release % Math.max(1, model.held.length), 1);
    if (hold !== undefined) members[hold.slot]?.release(hold.handle);
  } else {
    const key = `key-${step.key}`;
    const handle = members[step.slot]?.acquire(key, step.max) ?? GAUGE_FULL;
    expect(handle >= 0 ? 'counted' : handle).toBe(model.count(key) < step.max ? 'counted' : GAUGE_REFUSED);
    if (handle >= 0) model.held.push({ slot: step.slot, key, handle });
  }
}
