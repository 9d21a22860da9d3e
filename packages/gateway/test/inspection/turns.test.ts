import { describe, expect, test } from 'vitest';
import { type LongWork, Turns } from '../../src/inspection/turns.ts';

/** Turns of a loop that the test turns by hand, and who had them. */
function rig(): {
  turns: Turns;
  had: string[];
  turn: () => boolean;
  worker: (name: string, slices: number, bytes?: number) => LongWork;
} {
  const scheduled: (() => void)[] = [];
  const had: string[] = [];
  const turns = new Turns((run) => scheduled.push(run));
  const turn = (): boolean => {
    const next = scheduled.shift();
    next?.();
    return next !== undefined;
  };
  /** The client is what stands before the number in the name. */
  const worker = (name: string, slices: number, bytes = 1): LongWork => {
    let left = slices;
    const slice = (): 'more' | 'done' => {
      had.push(name);
      left -= 1;
      return left > 0 ? 'more' : 'done';
    };
    return { slice, bytes, client: name.replace(/\d+$/, '') };
  };
  return { turns, had, turn, worker };
}

describe('turns of long judgements', () => {
  test('are one slice in each turn of the loop, in the order in which they wait', () => {
    const { turns, had, turn, worker } = rig();
    turns.add(worker('a', 3));
    turns.add(worker('b', 1));
    expect(had).toEqual([]);
    turn();
    expect(had).toEqual(['a']);
    turns.add(worker('c', 2));
    while (turn());
    expect(had).toEqual(['a', 'b', 'a', 'c', 'a', 'c']);
  });

  test('begin again when nobody waited in between', () => {
    const { turns, had, turn, worker } = rig();
    for (const name of ['a', 'b']) {
      turns.add(worker(name, 1));
      while (turn());
    }
    expect(had).toEqual(['a', 'b']);
  });

  test('go on for the others when one fails', () => {
    const { turns, had, turn, worker } = rig();
    const slice = (): never => {
      throw new Error('a bug');
    };
    turns.add({ slice, bytes: 1, client: 'a' });
    turns.add(worker('b', 1));
    expect(turn).toThrow('a bug');
    while (turn());
    expect(had).toEqual(['b']);
  });

  test('begin side by side only as far as sixteen megabytes of bodies go, and the client with least under way is next', () => {
    const { turns, had, turn, worker } = rig();
    for (const number of [1, 2, 3, 4]) turns.add(worker(`flood${number}`, 2, 8 * MIB));
    turns.add(worker('guest', 1, MIB));
    while (turn());
    expect(had).toEqual(['flood1', 'flood2', 'flood1', 'flood2', 'guest', 'flood3', 'flood4', 'flood3', 'flood4']);
    expect(turns.count).toBe(0);
  });

  test('are had by one that is too long to be beside others, and it is not overtaken for ever', () => {
    const { turns, had, turn, worker } = rig();
    for (const [name, bytes] of [
      ['a', 1],
      ['b', 20 * MIB],
      ['c', 1],
    ] as const)
      turns.add(worker(name, 2, bytes));
    while (turn());
    expect(had).toEqual(['a', 'a', 'b', 'b', 'c', 'c']);
  });

  test('are not kept for those who have given up, who would be more than bodies that are held', () => {
    const { turns, had, turn, worker } = rig();
    const works = Array.from({ length: 1_000 }, (_, index) => worker(`gone${index}`, 2, MIB));
    for (const work of works) turns.add(work);
    expect(turns.count).toBe(1_000);
    turn();
    for (const work of [...works, ...works]) turns.remove(work);
    expect(turns.count).toBe(0);
    turns.add(worker('b', 1));
    while (turn());
    expect(had).toEqual(['gone0', 'b']);
  });

  test('end for one that is removed within its own slice', () => {
    const { turns, had, turn, worker } = rig();
    const work: LongWork = {
      slice: () => {
        turns.remove(work);
        return 'more';
      },
      bytes: 16 * MIB,
      client: 'a',
    };
    turns.add(work);
    turns.add(worker('b', 1));
    while (turn());
    expect([had, turns.count]).toEqual([['b'], 0]);
  });
});

const MIB = 1_048_576;
