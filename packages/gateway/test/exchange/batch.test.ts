import { ManualClock } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { Batch, type Batched } from '../../src/exchange/batch.ts';

/** A loop that the test turns by hand, and what happened in it. */
function rig(): {
  happened: string[];
  add: (name: string, options?: { readonly tookMs?: number; readonly goesOn?: () => void }) => Batched;
  addThrowing: (name: string, where: 'judge' | 'follow') => Batched;
  turn: () => boolean;
} {
  const clock = new ManualClock();
  const scheduled: (() => void)[] = [];
  const happened: string[] = [];
  const batch = new Batch(clock, (run) => scheduled.push(run));
  const fail = (name: string): never => {
    throw new Error(`${name} fails`);
  };
  const onThrow = (cause: unknown): void => void happened.push(String(cause));
  return {
    happened,
    add: (name, { tookMs = 0, goesOn = () => undefined } = {}) =>
      batch.add(() => {
        happened.push(`judge ${name}`);
        clock.advance(tookMs);
        return () => {
          happened.push(`follow ${name}`);
          goesOn();
        };
      }, onThrow),
    addThrowing: (name, where) => batch.add(() => (where === 'judge' ? fail(name) : () => fail(name)), onThrow),
    turn: () => {
      const next = scheduled.shift();
      next?.();
      return next !== undefined;
    },
  };
}

describe('what one turn of the event loop brings', () => {
  test('is judged one behind the other, and only then goes on, in the same order', () => {
    const { happened, add, turn } = rig();
    for (const name of ['a', 'b', 'c']) add(name);
    expect(happened).toEqual([]);
    expect(turn()).toBe(true);
    expect(happened).toEqual(['judge a', 'judge b', 'judge c', 'follow a', 'follow b', 'follow c']);
    expect(turn()).toBe(false);
  });

  test('goes on after four milliseconds, and the rest is judged in the next turn', () => {
    const { happened, add, turn } = rig();
    for (const name of ['a', 'b', 'c']) add(name, { tookMs: 2 });
    turn();
    expect(happened.splice(0)).toEqual(['judge a', 'judge b', 'follow a', 'follow b']);
    add('d');
    turn();
    expect(happened.splice(0)).toEqual(['judge c', 'judge d', 'follow c', 'follow d']);
    expect(turn()).toBe(false);
  });

  test('is at least one judgement, however long it takes', () => {
    const { happened, add, turn } = rig();
    add('a', { tookMs: 500 });
    add('b', { tookMs: 500 });
    turn();
    expect(happened).toEqual(['judge a', 'follow a']);
    turn();
    expect(happened.slice(2)).toEqual(['judge b', 'follow b']);
  });

  test('may bring more: that is the next turn', () => {
    const { happened, add, turn } = rig();
    add('a', { goesOn: () => void add('b') });
    turn();
    expect(happened).toEqual(['judge a', 'follow a']);
    turn();
    expect(happened.slice(2)).toEqual(['judge b', 'follow b']);
  });

  test('loses nobody when one of them throws (R0.5)', () => {
    const { happened, add, addThrowing, turn } = rig();
    addThrowing('a', 'judge');
    add('b');
    addThrowing('c', 'follow');
    add('d');
    turn();
    expect(happened).toEqual(['Error: a fails', 'judge b', 'judge d', 'follow b', 'Error: c fails', 'follow d']);
  });
});

describe('who cannot wait', () => {
  test('is judged and goes on at once, and not once more with the others', () => {
    const { happened, add, turn } = rig();
    const first = add('a');
    add('b');
    first.now();
    first.now();
    expect(happened).toEqual(['judge a', 'follow a']);
    turn();
    expect(happened.slice(2)).toEqual(['judge b', 'follow b']);
  });

  test('goes on at once when it has been judged already', () => {
    const { happened, add, turn } = rig();
    const others: Batched[] = [];
    add('a', { goesOn: () => others[0]?.now() });
    others.push(add('b'));
    add('c');
    turn();
    expect(happened).toEqual(['judge a', 'judge b', 'judge c', 'follow a', 'follow b', 'follow c']);
  });
});
