import { type AuditEntry, type Decision, type DecisionChange, ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { DecisionLog } from '../../src/planes/decision-log.ts';
import { MemoryDecisions } from './memory-decisions.ts';

const NOW_MS = 1_700_000_000_000;

function ban(id: string, change: Partial<Decision> = {}): Decision {
  return {
    id,
    kind: 'ban',
    scope: { kind: 'address', value: '192.0.2.1' },
    reason: 'a test',
    author: 'test',
    createdMs: NOW_MS,
    endsMs: undefined,
    ...change,
  };
}

const ENTRY: AuditEntry = { timeMs: NOW_MS, author: 'a', session: '', operation: 'o', result: 'done', detail: '' };

interface Rig {
  readonly log: DecisionLog;
  readonly clock: ManualClock;
  readonly store: MemoryDecisions;
  /** What data planes were told, and what was in force when they were. */
  readonly changes: DecisionChange[];
  readonly seen: (readonly string[])[];
  readonly replaced: (readonly string[])[];
}

function logOf(decisionsMax = 10): Rig {
  const clock = new ManualClock(NOW_MS);
  const store = new MemoryDecisions();
  const changes: DecisionChange[] = [];
  const seen: (readonly string[])[] = [];
  const replaced: (readonly string[])[] = [];
  const ids = (): readonly string[] => log.snapshot().decisions.map(({ id }) => id);
  const log: DecisionLog = new DecisionLog({
    clock,
    decisionsMax,
    store,
    onChange: (change) => {
      changes.push(change);
      seen.push(ids());
      return Promise.resolve(changes.length);
    },
    onAudited: () => undefined,
    onReplaced: () => void replaced.push(ids()),
  });
  return { log, clock, store, changes, seen, replaced };
}

describe('the log of decisions', () => {
  it('numbers what is taken and revoked in one order, without a gap', async () => {
    const { log, changes } = logOf();
    expect(await log.take(ban('a'), ENTRY)).toBe(1);
    expect(await log.take(ban('b'), ENTRY)).toBe(2);
    expect(await log.revoke('a', ENTRY)).toBe(3);
    expect(changes).toEqual([
      { kind: 'take', sequence: 1, decision: ban('a') },
      { kind: 'take', sequence: 2, decision: ban('b') },
      { kind: 'revoke', sequence: 3, id: 'a' },
    ]);
    expect(log.snapshot()).toEqual({ sequence: 3, decisions: [ban('b')] });
    expect([log.isRevoked('a'), log.isRevoked('b')]).toEqual([true, false]);
  });

  it('stores a decision before it holds, and holds it before anybody is told', async () => {
    const { log, seen, store } = logOf();
    const orders = [log.take(ban('a'), ENTRY), log.revoke('a', ENTRY)];
    expect(log.snapshot().decisions).toEqual([]);
    await Promise.all(orders);
    expect(seen).toEqual([['a'], []]);
    expect([store.steps, store.audit.length]).toEqual([[1, 1], 2]);
  });

  it('stores what comes while the store writes in one step, in order', async () => {
    const { log, store, changes } = logOf();
    const orders = ['a', 'b', 'c', 'b'].map((id) => log.take(ban(id), ENTRY));
    const rest = [log.revoke('b', ENTRY), log.revoke('b', ENTRY), log.take(ban('b'), ENTRY)];
    expect(await Promise.all([...orders, ...rest])).toEqual([1, 2, 3, 'known', 4, undefined, 5]);
    expect(store.steps).toEqual([1, 4]);
    expect(changes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
    expect(log.snapshot().decisions.map(({ id }) => id)).toEqual(['a', 'c', 'b']);
  });

  it('takes an id once, and changes nothing when it comes again', async () => {
    const { log, changes, store } = logOf();
    await log.take(ban('a'), ENTRY);
    expect(await log.take(ban('a', { reason: 'another' }), ENTRY)).toBe('known');
    expect(log.snapshot()).toEqual({ sequence: 1, decisions: [ban('a')] });
    expect([changes.length, store.audit.length]).toEqual([1, 1]);
  });

  it('revokes nothing that is not in force', async () => {
    const { log, changes } = logOf();
    expect(await log.revoke('a', ENTRY)).toBeUndefined();
    expect(changes).toEqual([]);
  });

  it('takes as many as it may, and one more when one is revoked', async () => {
    const { log } = logOf(2);
    const orders = ['a', 'b', 'c'].map((id) => log.take(ban(id), ENTRY));
    expect(await Promise.all(orders)).toEqual([1, 2, 'too-many']);
    const swap = [log.take(ban('c'), ENTRY), log.revoke('a', ENTRY), log.take(ban('c'), ENTRY)];
    expect(await Promise.all(swap)).toEqual(['too-many', 3, 4]);
    expect(log.snapshot()).toEqual({ sequence: 4, decisions: [ban('b'), ban('c')] });
  });

  it('forgets what has ended: it has no place, no id, and nobody is told', async () => {
    const { log, clock, changes } = logOf(1);
    await log.take(ban('a', { endsMs: NOW_MS + 100 }), ENTRY);
    clock.advance(99);
    expect(await log.take(ban('a'), ENTRY)).toBe('known');
    expect(await log.take(ban('b'), ENTRY)).toBe('too-many');
    clock.advance(1);
    expect(log.snapshot()).toEqual({ sequence: 1, decisions: [] });
    expect(await log.revoke('a', ENTRY)).toBeUndefined();
    expect(await log.take(ban('b'), ENTRY)).toBe(2);
    expect(changes.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('begins with what is stored, and goes on with its numbers', async () => {
    const { log, changes } = logOf();
    log.adopt({ decisions: { sequence: 41, decisions: [ban('a')] }, revoked: ['b'] });
    expect([log.snapshot().sequence, log.find('a'), log.isRevoked('b')]).toEqual([41, ban('a'), true]);
    expect(changes).toEqual([]);
  });
});

describe('the log of decisions, when the store fails', () => {
  it('takes nothing, tells nobody, and goes on when the store does', async () => {
    const { log, store, changes } = logOf();
    await log.take(ban('a'), ENTRY);
    store.accident = 'fails';
    await expect(log.take(ban('b'), ENTRY)).rejects.toMatchObject({ code: 'FULL' });
    await expect(log.revoke('a', ENTRY)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.snapshot()).toEqual({ sequence: 1, decisions: [ban('a')] });
    store.accident = 'none';
    expect(await log.revoke('a', ENTRY)).toBe(2);
    expect(changes.map(({ kind }) => kind)).toEqual(['take', 'revoke']);
  });

  it('looks again what is stored when nobody knows what became of a step, and data planes get all of it', async () => {
    const { log, store, replaced } = logOf();
    store.accident = 'lost';
    await expect(log.take(ban('a'), ENTRY)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.snapshot().decisions).toEqual([]);
    store.accident = 'none';
    await log.take(ban('b'), ENTRY);
    expect(replaced).toEqual([['a']]);
    expect(log.snapshot()).toEqual({ sequence: 2, decisions: [ban('a'), ban('b')] });
  });

  it('takes nothing while another process takes over, finishes what was ordered before, and goes on', async () => {
    const { log } = logOf();
    const before = log.take(ban('a'), ENTRY);
    await log.pause();
    expect(await before).toBe(1);
    await expect(log.take(ban('b'), ENTRY)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(log.snapshot().decisions).toEqual([ban('a')]);
    await log.resume();
    expect(await log.take(ban('b'), ENTRY)).toBe(2);
  });
});

describe('the log of a process that another one has taken over from', () => {
  it('holds what that one says, in its order, and tells data planes', async () => {
    const { log, changes, replaced } = logOf();
    await log.take(ban('a'), ENTRY);
    await log.pause();
    log.replace({ sequence: 7, decisions: [ban('b')] });
    expect([log.snapshot(), replaced.at(-1)]).toEqual([{ sequence: 7, decisions: [ban('b')] }, ['b']]);
    expect(await log.follow({ kind: 'take', sequence: 8, decision: ban('c') })).toBe(2);
    expect(await log.follow({ kind: 'revoke', sequence: 9, id: 'b' })).toBe(3);
    expect(changes.slice(1).map(({ sequence }) => sequence)).toEqual([8, 9]);
    expect(log.snapshot()).toEqual({ sequence: 9, decisions: [ban('c')] });
  });

  it('changes nothing by a change that it has, nor by one after a gap', async () => {
    const { log, changes } = logOf();
    log.replace({ sequence: 7, decisions: [ban('b')] });
    expect(await log.follow({ kind: 'revoke', sequence: 7, id: 'b' })).toBe(0);
    expect(log.follow({ kind: 'revoke', sequence: 9, id: 'b' })).toBeUndefined();
    expect([changes, log.snapshot().sequence]).toEqual([[], 7]);
  });
});
