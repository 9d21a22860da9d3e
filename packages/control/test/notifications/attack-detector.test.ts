import { describe, expect, it } from 'vitest';
import { AttackDetector } from '../../src/index.ts';

/** A gateway that takes and refuses so many exchanges a minute, looked at every five seconds. */
class Town {
  readonly #detector = new AttackDetector({ refusedMin: 600, shareMin: 0.3, timesUsual: 5 });
  #nowMs = 0;
  #all = 0;
  #refused = 0;

  /** Returns in which minutes it was an attack, from 0. */
  live(minutes: number, { passed, refused }: { readonly passed: number; readonly refused: number }): readonly number[] {
    const attacked: number[] = [];
    for (let step = 0; step < minutes * 12; step += 1) {
      this.#nowMs += 5_000;
      this.#all += (passed + refused) / 12;
      this.#refused += refused / 12;
      const { isAttack } = this.#detector.look({ all: this.#all, refused: this.#refused }, this.#nowMs);
      const minute = Math.floor(step / 12);
      if (isAttack && attacked.at(-1) !== minute) attacked.push(minute);
    }
    return attacked;
  }
}

describe('the detector of attacks', () => {
  it.each([
    ['few refusals, all of what comes', { passed: 0, refused: 590 }],
    ['many refusals, a small part of what comes', { passed: 10_000, refused: 2_400 }],
    ['nothing', { passed: 0, refused: 0 }],
  ])('is silent for %s', (_, traffic) => {
    expect(new Town().live(60, traffic)).toEqual([]);
  });

  it('speaks within the minute in which refusals become many and a large part', () => {
    const town = new Town();
    expect(town.live(60, { passed: 1_000, refused: 50 })).toEqual([]);
    expect(town.live(2, { passed: 1_000, refused: 6_000 })).toEqual([0, 1]);
  });

  it('is silent for what is usual here, and speaks when it is five times as much', () => {
    const town = new Town();
    // A scanner that has always been there: the bar rises while it is below the other thresholds.
    town.live(300, { passed: 1_700, refused: 590 });
    expect(town.live(30, { passed: 100, refused: 1_200 })).toEqual([]);
    expect(town.live(2, { passed: 100, refused: 9_000 })).not.toEqual([]);
  });

  it('is over after five minutes far below, and not in a pause between two waves', () => {
    const town = new Town();
    town.live(60, { passed: 1_000, refused: 10 });
    town.live(5, { passed: 1_000, refused: 6_000 });
    expect(town.live(4, { passed: 1_000, refused: 10 })).toEqual([0, 1, 2, 3]);
    town.live(2, { passed: 1_000, refused: 6_000 });
    expect(town.live(20, { passed: 1_000, refused: 10 })).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('does not end a siege of hours by getting used to it', () => {
    const town = new Town();
    town.live(60, { passed: 1_000, refused: 10 });
    expect(town.live(240, { passed: 1_000, refused: 6_000 })).toHaveLength(240);
  });
});
