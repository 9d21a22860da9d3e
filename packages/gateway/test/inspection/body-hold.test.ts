import { describe, expect, it } from 'vitest';
import { BodyHold } from '../../src/inspection/body-hold.ts';
import { HeldBytes } from '../../src/inspection/held-bytes.ts';

const CLIENT = '192.0.2.1';

function account(heldBytesMax: number, heldPerClientBytesMax = heldBytesMax): HeldBytes {
  return new HeldBytes({ heldBytesMax, heldPerClientBytesMax });
}

/** Whole numbers from 0 to below a bound, always the same for a seed: a linear congruential generator. */
function belowOf(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

describe('a held body', () => {
  it('is exactly what came, whatever its pieces were', () => {
    const pieces = ['a', '', 'bcd', 'e'.repeat(10_000), 'f'.repeat(3), 'g'.repeat(70_000)];
    const hold = new BodyHold({ bytesMax: 100_000, account: account(1_000_000), client: CLIENT });
    expect(pieces.map((piece) => hold.add(Buffer.from(piece)))).toEqual(pieces.map(() => 'held'));
    expect(hold.bytes().toString()).toBe(pieces.join(''));
  });

  it('costs no more than twice its length, also when every byte comes in a chunk of its own', () => {
    const held = account(1_000_000);
    const hold = new BodyHold({ bytesMax: 100_000, account: held, client: CLIENT });
    for (let index = 0; index < 50_000; index += 1) hold.add(Buffer.of(0x61));
    expect(hold.length).toBe(50_000);
    expect(held.bytes).toBeLessThanOrEqual(100_000);
  });

  it('is what came in pieces of any sizes, with memory of their own or not, and costs at most twice that (seeded)', () => {
    const below = belowOf(20_261_128);
    const memory = Buffer.allocUnsafeSlow(60_000).map((_, index) => index % 251);
    for (let round = 0; round < 200; round += 1) {
      const held = account(100_000_000);
      const hold = new BodyHold({ bytesMax: 10_000_000, account: held, client: CLIENT });
      const pieces = Array.from({ length: below(30) }, () => {
        const length = below([2, 100, 5_000, 40_000][below(4)] ?? 0);
        const part = Buffer.from(memory.buffer, below(20_000), length);
        return below(2) === 0 ? part : Buffer.from(Uint8Array.from(part).buffer);
      });
      for (const piece of pieces) expect(hold.add(piece)).toBe('held');
      const whole = Buffer.concat(pieces);
      expect(hold.length).toBe(whole.length);
      expect(held.bytes).toBeLessThanOrEqual(2 * whole.length + 4_096);
      expect(hold.bytes().equals(whole)).toBe(true);
      expect(hold.bytes().equals(whole)).toBe(true);
      expect(held.bytes).toBeGreaterThanOrEqual(whole.length);
      expect(held.bytes).toBeLessThanOrEqual(2 * whole.length + 4_096);
      hold.release();
      expect(held.bytes).toBe(0);
    }
  });

  it('takes nothing back when it is asked for after its release', () => {
    const held = account(1_000_000);
    const hold = new BodyHold({ bytesMax: 100_000, account: held, client: CLIENT });
    for (const length of [20_000, 30_000]) hold.add(Buffer.alloc(length));
    hold.release();
    expect(hold.bytes()).toHaveLength(50_000);
    expect([held.bytes, held.clients]).toEqual([0, 0]);
  });

  it('is the piece itself when there is only one, and does not hang on to the memory of many', () => {
    const memory = Buffer.alloc(60_000, 'x');
    const only = new BodyHold({ bytesMax: 100_000, account: account(1_000_000), client: CLIENT });
    const held = account(1_000_000);
    const part = new BodyHold({ bytesMax: 100_000, account: held, client: CLIENT });
    only.add(memory);
    part.add(memory.subarray(0, 20_000));
    expect(only.bytes().buffer).toBe(memory.buffer);
    expect(part.bytes().buffer).not.toBe(memory.buffer);
    expect(held.bytes).toBeLessThanOrEqual(40_000);
  });

  it('may have its largest length, and is longer with one byte more', () => {
    const hold = new BodyHold({ bytesMax: 5_000, account: account(1_000_000), client: CLIENT });
    expect(hold.add(Buffer.alloc(5_000))).toBe('held');
    expect(hold.add(Buffer.alloc(1))).toBe('longer');
    expect(hold.length).toBe(5_001);
  });

  it('gives back what it took, once', () => {
    const held = account(1_000_000);
    const hold = new BodyHold({ bytesMax: 100_000, account: held, client: CLIENT });
    hold.add(Buffer.alloc(50_000));
    expect(held.bytes).toBeGreaterThanOrEqual(50_000);
    hold.release();
    hold.release();
    expect([held.bytes, held.clients]).toEqual([0, 0]);
  });

  it('finds no room beyond the bound of all bodies together, and keeps what it has', () => {
    const held = account(100_000);
    const first = new BodyHold({ bytesMax: 80_000, account: held, client: CLIENT });
    const second = new BodyHold({ bytesMax: 80_000, account: held, client: '192.0.2.2' });
    expect(first.add(Buffer.alloc(80_000))).toBe('held');
    expect(second.add(Buffer.alloc(10_000))).toBe('held');
    expect(second.add(Buffer.alloc(20_000))).toBe('full');
    expect(second.length).toBe(10_000);
    expect(held.bytes).toBeLessThanOrEqual(100_000);
    first.release();
    expect(second.add(Buffer.alloc(20_000))).toBe('held');
  });

  it('finds no room beyond what one client may hold, while others do', () => {
    const held = account(100_000, 20_000);
    const hold = (client: string): BodyHold => new BodyHold({ bytesMax: 20_000, account: held, client });
    expect(hold(CLIENT).add(Buffer.alloc(15_000))).toBe('held');
    expect(hold(CLIENT).add(Buffer.alloc(15_000))).toBe('client-full');
    expect(hold('192.0.2.2').add(Buffer.alloc(15_000))).toBe('held');
  });

  it('shares the bound among the data planes of one node', () => {
    const held = new HeldBytes({ heldBytesMax: 100_000, heldPerClientBytesMax: 50_000 }, 4);
    expect(held.take(CLIENT, 25_000)).toBe('taken');
    expect(held.take('192.0.2.2', 1)).toBe('full');
  });

  it('is measured by new limits when a policy brings them', () => {
    const held = account(10_000);
    expect(held.take(CLIENT, 10_000)).toBe('taken');
    held.setLimits({ heldBytesMax: 5_000, heldPerClientBytesMax: 5_000 });
    expect(held.take('192.0.2.2', 1)).toBe('full');
    held.give(CLIENT, 10_000);
    expect(held.take('192.0.2.2', 5_000)).toBe('taken');
  });
});
