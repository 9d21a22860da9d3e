import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeartbeatWatch, WorkerBoard } from '../../src/index.ts';

function readyBoard(slots: number): WorkerBoard {
  const board = new WorkerBoard(WorkerBoard.allocate(slots));
  for (let slot = 0; slot < slots; slot += 1) board.setState(slot, 'ready');
  return board;
}

describe('a worker board', () => {
  it('is one board for all who attach it', () => {
    const buffer = WorkerBoard.allocate(2);
    const [here, there] = [new WorkerBoard(buffer), new WorkerBoard(buffer)];
    expect(here.state(1)).toBe('absent');
    there.setState(1, 'starting');
    there.beat(1);
    there.addLoad(1, 3);
    expect([here.state(1), here.beats(1), here.load(1), here.load(0)]).toEqual(['starting', 1, 3, 0]);
  });

  it('gives the next connection to a ready worker with the fewest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ load: fc.nat(5), isReady: fc.boolean() }), { minLength: 1, maxLength: 9 }),
        (rows) => {
          const board = new WorkerBoard(WorkerBoard.allocate(rows.length));
          for (const [slot, { load, isReady }] of rows.entries()) {
            board.addLoad(slot, load);
            board.setState(slot, isReady ? 'ready' : 'draining');
          }
          const loads = rows.filter(({ isReady }) => isReady).map(({ load }) => load);
          const slot = board.leastLoaded();
          expect(board.leastLoad()).toBe(loads.length === 0 ? undefined : Math.min(...loads));
          if (loads.length === 0) expect(slot).toBe(-1);
          else expect(rows[slot]).toEqual({ load: Math.min(...loads), isReady: true });
        },
      ),
    );
  });

  it('takes turns among workers with equal loads', () => {
    const board = readyBoard(3);
    expect([1, 2, 3, 4].map(() => board.leastLoaded())).toEqual([0, 1, 2, 0]);
  });

  it('has nobody hand over to a worker that does not take what it was handed, unless all are so', () => {
    const board = readyBoard(2);
    board.addLoad(0, 100);
    for (let handed = 0; handed < 64; handed += 1) {
      expect([board.leastLoad(), board.leastLoaded()]).toEqual([handed, 1]);
      board.addLoad(1, 1);
      board.addHanded(1, 1);
    }
    expect([board.leastLoad(), board.leastLoaded()]).toEqual([100, 0]);
    board.addHanded(0, 64);
    expect([board.leastLoad(), board.leastLoaded()]).toEqual([undefined, 1]);
    board.addHanded(1, -1);
    expect([board.leastLoad(), board.leastLoaded()]).toEqual([64, 1]);
    board.addHanded(1, 1);
    board.clear(1);
    board.setState(1, 'ready');
    expect([board.leastLoad(), board.leastLoaded()]).toEqual([0, 1]);
  });

  it('lets one of two who change a state win', () => {
    const board = new WorkerBoard(WorkerBoard.allocate(1));
    board.setState(0, 'starting');
    expect([board.moveState(0, 'starting', 'failed'), board.moveState(0, 'starting', 'ready')]).toEqual([true, false]);
    expect(board.state(0)).toBe('failed');
  });

  it('is empty for a replacement, without a heartbeat that seems to go back', () => {
    const board = readyBoard(1);
    board.beat(0);
    board.addLoad(0, 7);
    board.clear(0);
    expect([board.state(0), board.load(0), board.beats(0)]).toEqual(['absent', 0, 1]);
  });

  it('counts heartbeats beyond 2^32', () => {
    const board = readyBoard(1);
    new Int32Array(board.buffer)[16] = -1;
    expect(board.beats(0)).toBe(2 ** 32 - 1);
    board.beat(0);
    expect(board.beats(0)).toBe(0);
  });

  it.each([0, 65, 1.5])('refuses %j slots', (slots) => {
    expect(() => WorkerBoard.allocate(slots)).toThrow(RangeError);
  });

  it.each([-1, 2, Number.NaN])('has no slot %j', (slot) => {
    expect(() => readyBoard(2).beat(slot)).toThrow('the board has no slot');
  });
});

describe('a heartbeat watch', () => {
  it('names workers whose heart has stood still for the whole time, and no other', () => {
    const board = readyBoard(4);
    board.setState(2, 'starting');
    board.setState(3, 'draining');
    const watch = new HeartbeatWatch(board, { stillMs: 1000 });
    expect(watch.look(0)).toEqual([]);
    board.beat(0);
    expect(watch.look(500)).toEqual([]);
    expect(watch.look(999)).toEqual([]);
    expect(watch.look(1000)).toEqual([1, 3]);
    expect(watch.look(1500)).toEqual([0, 1, 3]);
  });

  it('begins anew when a worker beats again or changes its state', () => {
    const board = readyBoard(1);
    const watch = new HeartbeatWatch(board, { stillMs: 1000 });
    watch.look(0);
    watch.look(500);
    expect(watch.look(1000)).toEqual([0]);
    board.beat(0);
    expect(watch.look(1200)).toEqual([]);
    board.setState(0, 'draining');
    expect(watch.look(1700)).toEqual([]);
    expect(watch.look(2200)).toEqual([]);
    expect(watch.look(2699)).toEqual([]);
    expect(watch.look(2700)).toEqual([0]);
  });

  it('says nothing about workers when it was itself not asked for long: the whole process stood still', () => {
    const board = readyBoard(1);
    const watch = new HeartbeatWatch(board, { stillMs: 1000 });
    watch.look(0);
    expect(watch.look(60_000)).toEqual([]);
    board.beat(0);
    expect(watch.look(60_500)).toEqual([]);
    expect(watch.look(61_000)).toEqual([]);
    expect(watch.look(61_500)).toEqual([0]);
  });
});
