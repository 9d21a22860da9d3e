import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Candidates, leastConnections, Rendezvous, SmoothRoundRobin } from '../../src/upstream/balance.ts';

const weightsOf = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 });

function all(weights: readonly number[]): Candidates {
  return { weights, eligible: new Uint8Array(weights.length).fill(1) };
}

function without(weights: readonly number[], index: number): Candidates {
  const candidates = all(weights);
  candidates.eligible[index] = 0;
  return candidates;
}

function counts(length: number, picks: readonly number[]): readonly number[] {
  return Array.from({ length }, (_, index) => picks.filter((pick) => pick === index).length);
}

describe('smooth weighted round robin', () => {
  it('chooses each server as often as its weight says, in every run of as many choices as all weights', () => {
    fc.assert(
      fc.property(weightsOf, fc.integer({ min: 1, max: 4 }), (weights, runs) => {
        const roundRobin = new SmoothRoundRobin(weights.length);
        const sum = weights.reduce((total, weight) => total + weight, 0);
        for (let run = 0; run < runs; run += 1) {
          const picks = Array.from({ length: sum }, () => roundRobin.pick(all(weights)));
          expect(counts(weights.length, picks)).toEqual(weights);
        }
      }),
    );
  });

  it('spreads the choices of a heavy server', () => {
    const roundRobin = new SmoothRoundRobin(3);
    const picks = Array.from({ length: 7 }, () => roundRobin.pick(all([5, 1, 1])));
    expect(picks).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  it('never chooses a server that is not eligible, and shares its part among the others', () => {
    const roundRobin = new SmoothRoundRobin(3);
    const picks = Array.from({ length: 30 }, () => roundRobin.pick(without([1, 1, 2], 0)));
    expect(counts(3, picks)).toEqual([0, 10, 20]);
  });

  it('says -1 when none is eligible', () => {
    expect(new SmoothRoundRobin(1).pick(without([1], 0))).toBe(-1);
  });
});

describe('least connections', () => {
  it('chooses a server that no other undercuts for its weight', () => {
    const servers = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(50)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(servers, fc.nat(100), (rows, start) => {
        const weights = rows.map(([weight]) => weight);
        const active = rows.map(([, load]) => load);
        const loads = rows.map(([weight, load]) => (load + 1) / weight);
        const pick = leastConnections(all(weights), active, start);
        expect(loads[pick]).toBe(Math.min(...loads));
      }),
    );
  });

  it('begins where it is told among servers with equal load', () => {
    const picks = [0, 1, 2].map((start) => leastConnections(all([1, 1, 1]), [4, 4, 4], start));
    expect(picks).toEqual([0, 1, 2]);
  });

  it('passes over servers that are not eligible, and says -1 when none is', () => {
    expect(leastConnections(without([1, 1], 0), [0, 9], 0)).toBe(1);
    expect(leastConnections(without([1], 0), [0], 0)).toBe(-1);
  });
});

describe('rendezvous hashing', () => {
  const names = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80', '10.0.0.4:80'];
  const keys = Array.from({ length: 20_000 }, (_, index) => `198.51.${index >> 8}.${index & 255}`);
  const weights = [1, 1, 1, 1];
  const rendezvous = new Rendezvous(names);

  it('gives each server about its share of the keys', () => {
    const shares = counts(
      4,
      keys.map((key) => rendezvous.pick(all(weights), key)),
    );
    for (const share of shares) expect(Math.abs(share - 5_000)).toBeLessThan(250);
  });

  it('weighs the shares', () => {
    const shares = counts(
      4,
      keys.map((key) => rendezvous.pick(all([1, 1, 2, 4]), key)),
    );
    for (const [index, expected] of [2_500, 2_500, 5_000, 10_000].entries()) {
      expect(Math.abs((shares[index] ?? 0) - expected)).toBeLessThan(300);
    }
  });

  it('moves only the keys of a server that leaves, spreads them over all others, and gives them back', () => {
    const before = keys.map((key) => rendezvous.pick(all(weights), key));
    const after = keys.map((key) => rendezvous.pick(without(weights, 1), key));
    for (const [index, pick] of before.entries()) {
      if (pick !== 1) expect(after[index]).toBe(pick);
    }
    const moved = counts(
      4,
      after.filter((_, index) => before[index] === 1),
    );
    expect(moved[1]).toBe(0);
    for (const index of [0, 2, 3]) expect(moved[index]).toBeGreaterThan(1_300);
    expect(keys.map((key) => rendezvous.pick(all(weights), key))).toEqual(before);
  });

  it('does not depend on the order of the servers', () => {
    const reversed = new Rendezvous(names.toReversed());
    for (const key of keys.slice(0, 1_000)) {
      expect(names[rendezvous.pick(all(weights), key)]).toBe(names[3 - reversed.pick(all(weights), key)]);
    }
  });

  it('says -1 when none is eligible', () => {
    expect(new Rendezvous(['a']).pick(without([1], 0), 'x')).toBe(-1);
  });
});
