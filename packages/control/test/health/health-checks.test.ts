import { type StoredService, StoreError } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { bad, GOOD, HealthRig, KeptStore, serviceOf, settled } from './rig.ts';

const BEGIN_MS = 1_700_000_000_000;

function stored(parts: Partial<StoredService>): StoredService {
  const nothing = { results: [], changes: [], hours: [], days: [] };
  return { name: 'api', status: 'up', sinceMs: 1, checkedMs: BEGIN_MS, isTold: false, ...nothing, ...parts };
}

describe('checks of services (part of R2.23)', () => {
  it('find a service down after three failures, tell once, and tell when it is back', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    for (const result of [GOOD, bad('REFUSED'), bad('REFUSED'), bad('REFUSED'), bad('REFUSED'), GOOD, GOOD, GOOD]) {
      await rig.round(result);
    }
    expect(rig.news.map(([, { tell }]) => tell)).toEqual([
      undefined,
      undefined,
      undefined,
      'down',
      undefined,
      undefined,
      'back',
      undefined,
    ]);
    expect(rig.checks.find('api')?.history.changes.map(({ from, to, code }) => [from, to, code])).toEqual([
      ['unknown', 'up', ''],
      ['up', 'down', 'REFUSED'],
      ['down', 'up', ''],
    ]);
    // Seven times ten seconds are between eight checks; it was down from the fourth to the seventh.
    expect(rig.checks.find('api')?.history.days).toMatchObject([{ upMs: 40_000, downMs: 30_000 }]);
  });

  it('are spread at first, and come at their interval then', async () => {
    const shares = [0, 0.5, 0.9];
    const rig = new HealthRig(new KeptStore(), () => shares.shift() ?? 0);
    await rig.checks.start([serviceOf('a'), serviceOf('b'), serviceOf('c')]);
    const begun = [];
    for (const ms of [0, 2_499, 1, 2_000, 5_499, 1]) {
      rig.clock.advance(ms);
      rig.checks.sweep();
      await rig.answer(GOOD);
      begun.push(rig.begun);
    }
    expect(begun).toEqual([1, 1, 2, 3, 3, 4]);
  });

  it('are one at a time for a service, and sixteen in all; who waits longest is next', async () => {
    const rig = new HealthRig();
    await rig.checks.start(Array.from({ length: 20 }, (_, index) => serviceOf(`s${index}`)));
    rig.checks.sweep();
    rig.clock.advance(4_000);
    rig.checks.sweep();
    expect([rig.begun, rig.waiting.has('s15'), rig.waiting.has('s16')]).toEqual([16, true, false]);
    await rig.answer(GOOD);
    rig.clock.advance(7_000);
    rig.checks.sweep();
    expect([...rig.waiting.keys()].slice(0, 5)).toEqual(['s16', 's17', 's18', 's19', 's0']);
  });

  it('are given up after their timeout, which is a failure', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api', { failuresToDown: 1 })]);
    rig.checks.sweep();
    rig.clock.advance(5_000);
    rig.checks.sweep();
    await settled();
    expect(rig.news).toEqual([]);
    rig.clock.advance(1);
    rig.checks.sweep();
    await settled();
    expect(rig.news).toMatchObject([['api', { result: { outcome: 'bad', code: 'TIMEOUT' }, tell: 'down' }]]);
  });

  it('count an answer that comes too late as a failure, and a slow one as slow', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api', { slowAfterMs: 100 })]);
    for (const ms of [100, 101, 5_001]) {
      rig.checks.sweep();
      rig.clock.advance(ms);
      await rig.answer(GOOD);
      rig.clock.advance(10_000);
    }
    expect(rig.news.map(([, { result }]) => result.outcome)).toEqual(['good', 'slow', 'bad']);
  });

  it('go on in another configuration; what has not changed does not notice, and what has keeps its history', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('a'), serviceOf('b'), serviceOf('gone')]);
    await rig.round(GOOD);
    rig.checks.sweep();
    rig.checks.apply([serviceOf('b', { intervalMs: 20_000 }), serviceOf('a'), serviceOf('new')]);
    expect(rig.removed).toEqual(['gone']);
    expect(rig.checks.watches.map(({ service }) => service.name)).toEqual(['b', 'a', 'new']);
    expect(rig.checks.watches.map(({ isRunning }) => isRunning)).toEqual([false, true, false]);
    expect([rig.statusOf('a'), rig.statusOf('b'), rig.statusOf('new')]).toEqual(['up', 'up', 'unknown']);
    // What was asked under the old configuration says nothing about the new one.
    await rig.answer(bad('REFUSED'));
    expect(rig.checks.find('b')?.history.results.length).toBe(1);
    expect(rig.checks.find('a')?.history.results.length).toBe(2);
  });

  it('let go of a certificate when they go to another server or leave TLS, and keep it otherwise', async () => {
    const rig = new HealthRig();
    const secured = serviceOf('web', {
      target: {
        kind: 'tls',
        address: { kind: 'tcp', host: 'web', port: 1 },
        tls: { ca: undefined, serverName: undefined },
      },
    });
    await rig.checks.start([secured]);
    const shown = { failure: undefined, certificate: { endsMs: rig.clock.wallMs() + 86_400_000 * 2 } };
    await rig.round(shown);
    rig.checks.apply([{ ...secured, intervalMs: 20_000 }]);
    expect([rig.gone, rig.checks.find('web')?.certificate?.stage]).toEqual([[], 'week']);
    // From TLS to plain text: no later check shows a certificate, and the alarm would go on for ever.
    rig.checks.apply([serviceOf('web')]);
    expect([rig.gone, rig.checks.find('web')?.certificate]).toEqual([['web week'], undefined]);
  });

  it('remember a service that is taken out and put back', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    await rig.round(GOOD);
    rig.checks.apply([]);
    rig.checks.apply([serviceOf('api')]);
    expect(rig.checks.find('api')?.history.results.length).toBe(1);
  });
});

describe('what is remembered of services', () => {
  it('goes on where it was after a short gap', async () => {
    const store = new KeptStore();
    store.stored = [stored({ checkedMs: BEGIN_MS - 20_000, changes: [] })];
    const rig = new HealthRig(store);
    await rig.checks.start([serviceOf('api')]);
    expect(rig.statusOf('api')).toBe('up');
    await rig.round(bad('REFUSED'));
    expect(rig.checks.find('api')?.history.days).toMatchObject([{ upMs: 20_000, downMs: 0 }]);
  });

  it('is unknown, and neither up nor down, during a long gap', async () => {
    const store = new KeptStore();
    const checkedMs = BEGIN_MS - 86_400_000;
    store.stored = [stored({ status: 'down', checkedMs, isTold: true })];
    const rig = new HealthRig(store);
    await rig.checks.start([serviceOf('api')]);
    expect(rig.checks.find('api')?.state).toMatchObject({ status: 'unknown', sinceMs: checkedMs });
    await rig.round(GOOD);
    await rig.round(GOOD);
    // Operators were told by the process before that it is down.
    expect(rig.news[0]?.[1]).toMatchObject({ tell: 'back', changes: [{ from: 'unknown', to: 'up' }] });
    expect(rig.checks.find('api')?.history.changes[0]).toMatchObject({
      from: 'down',
      to: 'unknown',
      timeMs: checkedMs,
    });
    expect(rig.checks.find('api')?.history.days).toMatchObject([{ upMs: 10_000, downMs: 0 }]);
  });

  it('is said once more when it is still down after a restart, for the message of the process before may not have gone', async () => {
    const store = new KeptStore();
    store.stored = [stored({ status: 'down', checkedMs: BEGIN_MS - 20_000, isTold: true })];
    const rig = new HealthRig(store);
    await rig.checks.start([serviceOf('api')]);
    for (const result of [bad('REFUSED'), bad('REFUSED'), GOOD, GOOD, GOOD]) await rig.round(result);
    expect(rig.news.map(([, { tell }]) => tell)).toEqual(['down', undefined, undefined, 'back', undefined]);
  });

  it('is let go of when operators were told of a service that is configured no more', async () => {
    const store = new KeptStore();
    store.stored = [stored({ status: 'down', isTold: true }), stored({ name: 'calm' })];
    const rig = new HealthRig(store);
    await rig.checks.start([]);
    expect(rig.removed).toEqual(['api']);
  });

  it('is a gap as well when this process was stopped for a while', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    await rig.round(GOOD, 3_600_000);
    await rig.round(GOOD);
    expect(rig.checks.find('api')?.history.changes.map(({ to }) => to)).toEqual(['up', 'unknown', 'up']);
    expect(rig.checks.find('api')?.history.days).toEqual([]);
  });

  it('is not forgotten because the clock has leapt ahead', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('web')]);
    await rig.round(GOOD);
    const { clock } = rig;
    const wallMs = clock.wallMs.bind(clock);
    const before = wallMs();
    // Of the wall clock alone: somebody has typed the wrong year.
    Object.assign(clock, { wallMs: () => wallMs() + 400 * 86_400_000 });
    await rig.round(bad('REFUSED'));
    await rig.checks.flush();
    const times = rig.store.batches.map(({ nowMs }) => nowMs);
    expect(Math.max(...times)).toBeLessThanOrEqual(before + 3_600_000 + 60_000);
  });

  it('is stored at once when a state changes, and otherwise every half minute, each thing once', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    for (let round = 0; round < 7; round += 1) await rig.round(GOOD);
    const sizes = rig.store.batches.map(({ services }) =>
      services.map(({ results, changes }) => [results.length, changes.length]),
    );
    expect(sizes).toEqual([[[1, 1]], [[2, 0]], [[3, 0]]]);
  });

  it('is stored later when the store was away, and nothing of it is lost', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    rig.store.failure = new StoreError('UNAVAILABLE', 'the store thread is not running');
    rig.store.isOpen = false;
    for (let round = 0; round < 4; round += 1) await rig.round(GOOD);
    expect(rig.storeFailures.length).toBeGreaterThan(0);
    rig.store.failure = undefined;
    await rig.checks.flush();
    expect(rig.store.batches.map(({ services }) => services[0]?.results.map(({ sequence }) => sequence))).toEqual([
      [1, 2, 3, 4],
    ]);
  });

  it('is not written over when it could not be read', async () => {
    const store = new KeptStore();
    store.failure = new StoreError('BUSY', 'another process has it');
    const rig = new HealthRig(store);
    await rig.checks.start([serviceOf('api')]);
    store.failure = undefined;
    await rig.round(GOOD);
    await rig.checks.pause();
    expect([rig.statusOf('api'), store.batches, rig.storeFailures.length]).toEqual(['up', [], 1]);
  });

  it('is stored and given up before another process takes over, and taken back when none does', async () => {
    const rig = new HealthRig();
    await rig.checks.start([serviceOf('api')]);
    await rig.round(GOOD);
    await rig.round(GOOD);
    rig.checks.sweep();
    await rig.checks.pause();
    expect([rig.store.isOpen, rig.store.batches.length]).toEqual([false, 2]);
    rig.clock.advance(10_000);
    rig.checks.sweep();
    expect(rig.begun).toBe(3);
    rig.checks.resume();
    await rig.round(GOOD);
    await rig.checks.flush();
    expect([rig.store.isOpen, rig.store.batches.length]).toEqual([true, 3]);
  });
});
