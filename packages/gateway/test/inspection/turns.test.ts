import { describe, expect, test } from 'vitest';
import { type Slice, Turns } from '../../src/inspection/turns.ts';

/** Turns of a loop that the test turns by hand, and who had them. */
function rig(): { turns: Turns; had: string[]; turn: () => boolean; worker: (name: string, slices: number) => Slice } {
  const scheduled: (() => void)[] = [];
  const had: string[] = [];
  const turns = new Turns((run) => scheduled.push(run));
  const turn = (): boolean => {
    const next = scheduled.shift();
    next?.();
    return next !== undefined;
  };
  const worker = (name: string, slices: number): Slice => {
    let left = slices;
    return () => {
      had.push(name);
      left -= 1;
      return left > 0 ? 'more' : 'done';
    };
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
    turns.add(() => {
      throw new Error('a bug');
    });
    turns.add(worker('b', 1));
    expect(turn).toThrow('a bug');
    while (turn());
    expect(had).toEqual(['b']);
  });
});
