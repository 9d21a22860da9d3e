import { describe, expect, it } from 'vitest';
import { FIRST, Rig, SECOND, settled } from './supervisor-rig.ts';

describe('a supervisor that starts', () => {
  it('starts all, tells each the decisions before it serves, and serves when all do', async () => {
    const rig = new Rig(2);
    rig.decisions = { sequence: 7, decisions: [] };
    rig.isStarting = false;
    const started = rig.supervisor.start();
    expect(rig.states).toEqual(['0 starting', '1 starting']);
    expect(rig.spawned.map(({ told }) => told)).toEqual([['decisions 7'], ['decisions 7']]);
    rig.plane(1).startedBy.resolve();
    await settled();
    expect(rig.supervisor.ready().map(({ slot }) => slot)).toEqual([1]);
    rig.plane(0).startedBy.resolve();
    await started;
    expect(rig.supervisor.ready().map(({ slot }) => slot)).toEqual([0, 1]);
  });

  it('leaves none when one cannot start, and says why', async () => {
    const rig = new Rig(2);
    rig.isStarting = false;
    const started = rig.supervisor.start();
    rig.plane(0).startedBy.resolve();
    rig.plane(1).startedBy.reject(new Error('EADDRINUSE'));
    await expect(started).rejects.toThrow('EADDRINUSE');
    expect(rig.plane(0).told).toContain('close');
    expect(rig.supervisor.status().map(({ state }) => state)).toEqual(['absent', 'absent']);
    expect(rig.pauses).toEqual([]);
  });
});

describe('a policy that is published (design: everywhere or nowhere)', () => {
  it('is in force when all have prepared it, and not before', async () => {
    const rig = await Rig.started();
    rig.plane(1).prepares = 'waits';
    const publication = rig.supervisor.publish(SECOND);
    await settled();
    expect(rig.spawned.map(({ inForce }) => inForce)).toEqual([1, 1]);
    expect(rig.supervisor.image).toBe(FIRST);
    rig.plane(1).answerPrepared();
    expect(await publication).toEqual({ version: 2, planes: 2, swapMs: 0.002, prepareMs: 2 });
    expect(rig.spawned.map(({ inForce }) => inForce)).toEqual([2, 2]);
    expect(rig.supervisor.image).toBe(SECOND);
  });

  it('is in force nowhere when one cannot use it, and all let go of it', async () => {
    const rig = await Rig.started();
    rig.plane(1).prepares = 'fails';
    await expect(rig.supervisor.publish(SECOND)).rejects.toThrow('plane 1 cannot use it');
    expect(rig.spawned.map(({ told }) => told.slice(1))).toEqual([
      ['prepare 2', 'discard'],
      ['prepare 2', 'discard'],
    ]);
    expect([rig.supervisor.image, ...rig.spawned.map(({ inForce }) => inForce)]).toEqual([FIRST, 1, 1]);
  });

  it('waits for the one before it, and comes into force after a failure of that', async () => {
    const rig = await Rig.started(1);
    rig.plane(0).prepares = 'waits';
    const first = rig.supervisor.publish(SECOND);
    const second = rig.supervisor.publish({ version: 3 });
    await settled();
    expect(rig.plane(0).told.slice(1)).toEqual(['prepare 2']);
    rig.plane(0).prepares = 'fails';
    rig.plane(0).answerPrepared();
    await first;
    await expect(second).rejects.toThrow('cannot use it');
    rig.plane(0).prepares = 'at-once';
    await rig.supervisor.publish({ version: 4 });
    expect(rig.plane(0).inForce).toBe(4);
  });

  it('does not ask one that ends while it prepares, whose successor begins with it', async () => {
    const rig = await Rig.started();
    rig.plane(1).prepares = 'waits';
    const publication = rig.supervisor.publish(SECOND);
    await settled();
    rig.plane(1).end('out-of-memory');
    expect((await publication).planes).toBe(1);
    await rig.passPause();
    expect(rig.plane(1).first).toBe(SECOND);
    expect(rig.spawned.map(({ inForce }) => inForce)).toEqual([2, 1, 2]);
  });

  it('is in force nowhere when preparing it ends all of them: the next ones begin with the one before', async () => {
    const rig = await Rig.started();
    for (const plane of rig.spawned) plane.prepares = 'waits';
    const publication = rig.supervisor.publish(SECOND);
    const refused = expect(publication).rejects.toThrow('plane 0 ended: out-of-memory');
    await settled();
    for (const plane of rig.spawned) plane.end('out-of-memory');
    await refused;
    await rig.passPause();
    await rig.passPause();
    expect(rig.supervisor.image).toBe(FIRST);
    expect(rig.spawned.slice(2).map(({ first }) => first)).toEqual([FIRST, FIRST]);
  });

  it('retires one that has prepared it and cannot put it in force, and its successor begins with it', async () => {
    const rig = await Rig.started();
    rig.plane(1).isActivating = false;
    expect((await rig.supervisor.publish(SECOND)).planes).toBe(1);
    expect([rig.stateOf(0), rig.stateOf(1), rig.plane(1).told.at(-1)]).toEqual(['ready', 'draining', 'drain']);
    rig.plane(1).end('stopped');
    await settled();
    await rig.passPause();
    expect([rig.plane(1).first, rig.stateOf(1)]).toEqual([SECOND, 'ready']);
  });

  it('is in force nowhere when none can put it in force: the next one begins with the one before', async () => {
    const rig = await Rig.started();
    for (const plane of rig.spawned) plane.isActivating = false;
    await expect(rig.supervisor.publish(SECOND)).rejects.toThrow('2 was not prepared');
    expect([rig.supervisor.image, rig.stateOf(0), rig.stateOf(1)]).toEqual([FIRST, 'ready', 'ready']);
    await rig.replace(1);
    expect(rig.plane(1).first).toBe(FIRST);
  });

  it('can be published while none serves, so that a bad one can be replaced', async () => {
    const rig = await Rig.started(1);
    rig.plane(0).end('error');
    await settled();
    expect((await rig.supervisor.publish(SECOND)).planes).toBe(0);
    await rig.passPause();
    expect(rig.plane(0).first).toBe(SECOND);
  });
});

describe('a policy that is published while one starts', () => {
  it('reaches that when it has started, before it serves', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(1);
    await rig.supervisor.publish(SECOND);
    expect([rig.plane(1).first, rig.stateOf(1)]).toEqual([FIRST, 'starting']);
    rig.plane(1).startedBy.resolve();
    await settled();
    expect(rig.plane(1).told.slice(1)).toEqual(['prepare 2', 'activate 2']);
    expect([rig.plane(1).inForce, rig.stateOf(1)]).toEqual([2, 'ready']);
  });

  it('reaches one that has started while the others prepared it, before that serves', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(1);
    rig.plane(0).prepares = 'waits';
    const publication = rig.supervisor.publish(SECOND);
    await settled();
    rig.plane(1).startedBy.resolve();
    await settled();
    expect(rig.stateOf(1), 'it waits for what comes').toBe('starting');
    rig.plane(0).answerPrepared();
    await publication;
    await settled();
    expect([rig.plane(1).inForce, rig.stateOf(1)]).toEqual([2, 'ready']);
  });

  it('does not keep one back that has started while another failed to prepare it', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(1);
    rig.plane(0).prepares = 'fails';
    const refused = expect(rig.supervisor.publish(SECOND)).rejects.toThrow('cannot use it');
    rig.plane(1).startedBy.resolve();
    await refused;
    await settled();
    expect([rig.plane(1).inForce, rig.stateOf(1)]).toEqual([1, 'ready']);
  });

  it('ends one that cannot catch up with it', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(1);
    await rig.supervisor.publish(SECOND);
    rig.plane(1).prepares = 'fails';
    rig.plane(1).startedBy.resolve();
    await settled();
    expect(rig.plane(1).told).toContain('terminate start');
    expect([rig.stateOf(1), rig.lost.at(-1)?.end.cause]).toEqual(['absent', 'start']);
  });

  it('is what a successor begins with whose pause is over before it is in force', async () => {
    const rig = await Rig.started();
    rig.plane(1).end('error');
    rig.plane(0).prepares = 'waits';
    const publication = rig.supervisor.publish(SECOND);
    await settled();
    await rig.passPause();
    expect(rig.spawned, 'nobody begins while it is published').toHaveLength(2);
    rig.plane(0).answerPrepared();
    await publication;
    await settled();
    expect(rig.plane(1).first).toBe(SECOND);
  });
});

describe('a data plane that fails', () => {
  it('is told of when nothing of it is left, and replaced after a pause', async () => {
    const rig = await Rig.started();
    rig.clock.advance(500);
    rig.plane(0).end('hang');
    await settled();
    expect(rig.states.at(-1)).toBe('0 absent');
    expect(rig.lost).toEqual([{ slot: 0, end: { cause: 'hang', detail: 'a test' } }]);
    expect(rig.supervisor.ready().map(({ slot }) => slot)).toEqual([1]);
    expect(await rig.passPause()).toBe(50);
    expect(rig.states.slice(-2)).toEqual(['0 starting', '0 ready']);
    expect(rig.supervisor.status()[0]).toEqual({
      slot: 0,
      state: 'ready',
      restarts: 1,
      startedMs: 500,
      lastEnd: { cause: 'hang', detail: 'a test' },
      lastEndMs: 500,
    });
  });

  it('comes back after ever longer pauses, each slot for itself, and at once after a calm', async () => {
    const rig = await Rig.started();
    const pauses: number[] = [];
    for (let failure = 0; failure < 11; failure += 1) pauses.push(await rig.replace(0));
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    expect(await rig.replace(1)).toBe(50);
    rig.clock.advance(60_001);
    expect(await rig.replace(0)).toBe(50);
  });

  it('is tried again when its successor cannot start', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(0);
    rig.plane(0).end('start');
    await settled();
    expect(await rig.passPause()).toBe(100);
    expect(rig.spawned).toHaveLength(4);
  });

  it('has a successor that knows every decision that was taken meanwhile', async () => {
    const rig = await Rig.started();
    rig.plane(0).end('error');
    await settled();
    rig.decisions = { sequence: 3, decisions: [] };
    await rig.passPause();
    expect(rig.plane(0).snapshots).toEqual([rig.decisions]);
  });
});

describe('what is brought to all data planes', () => {
  it('is a decision for each that lives, also for those that start', async () => {
    const rig = await Rig.started(3);
    rig.isStarting = false;
    await rig.replace(2);
    rig.plane(1).end('error');
    await settled();
    expect(await rig.supervisor.applyDecision({ kind: 'revoke', sequence: 1, id: 'a' })).toBe(2);
    expect(rig.plane(2).told).toContain('decision 1');
  });

  it('is confirmed by those that answered, when one ends over it', async () => {
    const rig = await Rig.started();
    rig.plane(1).isAnswering = false;
    const confirmed = rig.supervisor.applyDecision({ kind: 'revoke', sequence: 1, id: 'a' });
    const acks = rig.supervisor.command({ id: 'c', action: { kind: 'set-attack-level', level: 1 } });
    await settled();
    rig.plane(1).end('error');
    expect(await confirmed).toBe(1);
    expect(await acks).toEqual([{ id: 'c', worker: 0, closed: 1, isRepeat: false }]);
  });
});

describe('the end', () => {
  it('of one that is retired comes when it has finished, and another takes its place', async () => {
    const rig = await Rig.started();
    rig.supervisor.retire(0);
    expect([rig.stateOf(0), rig.plane(0).told.at(-1)]).toEqual(['draining', 'drain']);
    expect(rig.supervisor.ready().map(({ slot }) => slot)).toEqual([1]);
    expect((await rig.supervisor.publish(SECOND)).planes).toBe(2);
    expect(rig.plane(0).inForce, 'what it still has is judged like all else').toBe(2);
    rig.plane(0).end('stopped');
    await settled();
    await rig.passPause();
    expect([rig.stateOf(0), rig.plane(0).inForce]).toEqual(['ready', 2]);
  });

  it('of one that is retired does not keep commands from what it still has', async () => {
    const rig = await Rig.started();
    rig.supervisor.retire(0);
    const action = { kind: 'close-client', client: '192.0.2.1', reason: '' } as const;
    const acks = await rig.supervisor.command({ id: 'one', action });
    expect(acks.map(({ worker }) => worker)).toEqual([0, 1]);
    expect(rig.supervisor.carrying().map(({ slot }) => slot)).toEqual([0, 1]);
  });

  it('of one that is retired comes once', async () => {
    const rig = await Rig.started();
    rig.supervisor.retire(0);
    rig.supervisor.retire(0);
    rig.supervisor.retire(7);
    expect(rig.plane(0).told.filter((told) => told === 'drain')).toHaveLength(1);
  });

  it('waits for all that drain, and nobody is replaced any more', async () => {
    const rig = await Rig.started();
    let isDrained = false;
    const drained = rig.supervisor.drain().finally(() => {
      isDrained = true;
    });
    rig.plane(0).end('stopped');
    await settled();
    expect([isDrained, rig.stateOf(0), rig.stateOf(1)]).toEqual([false, 'absent', 'draining']);
    rig.plane(1).end('error');
    await drained;
    expect([rig.pauses, rig.spawned.length]).toEqual([[], 2]);
  });

  it('starts nobody whose pause is over afterwards', async () => {
    const rig = await Rig.started();
    rig.plane(0).end('error');
    await settled();
    await rig.supervisor.close();
    await rig.passPause();
    expect(rig.spawned).toHaveLength(2);
  });

  it('of all is no reason to keep a policy: what they still have is judged by it, or it is refused', async () => {
    const rig = await Rig.started();
    const drained = rig.supervisor.drain();
    expect((await rig.supervisor.publish(SECOND)).planes).toBe(2);
    rig.plane(1).prepares = 'fails';
    await expect(rig.supervisor.publish({ version: 3 })).rejects.toThrow('plane 1 cannot use it');
    expect([rig.supervisor.image, ...rig.spawned.map(({ inForce }) => inForce)]).toEqual([SECOND, 2, 2]);
    for (const slot of [0, 1]) rig.plane(slot).end('stopped');
    await drained;
  });

  it('does not make one ready that has started while all drain', async () => {
    const rig = await Rig.started();
    rig.isStarting = false;
    await rig.replace(0);
    const drained = rig.supervisor.drain();
    rig.plane(0).startedBy.resolve();
    await settled();
    expect(rig.stateOf(0)).toBe('draining');
    for (const slot of [0, 1]) rig.plane(slot).end('stopped');
    await drained;
  });
});
