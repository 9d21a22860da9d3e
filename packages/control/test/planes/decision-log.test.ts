import { type Decision, type DecisionChange, ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { DecisionLog } from '../../src/planes/decision-log.ts';

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

function logOf(decisionsMax = 10): { log: DecisionLog; clock: ManualClock; changes: DecisionChange[] } {
  const clock = new ManualClock(NOW_MS);
  const changes: DecisionChange[] = [];
  const onChange = (change: DecisionChange): Promise<number> => {
    changes.push(change);
    return Promise.resolve(changes.length);
  };
  return { log: new DecisionLog({ clock, decisionsMax, onChange }), clock, changes };
}

describe('the log of decisions', () => {
  it('numbers what is taken and revoked in one order, without a gap', async () => {
    const { log, changes } = logOf();
    expect(await log.take(ban('a'))).toBe(1);
    expect(await log.take(ban('b'))).toBe(2);
    expect(await log.revoke('a')).toBe(3);
    expect(changes).toEqual([
      { kind: 'take', sequence: 1, decision: ban('a') },
      { kind: 'take', sequence: 2, decision: ban('b') },
      { kind: 'revoke', sequence: 3, id: 'a' },
    ]);
    expect(log.snapshot()).toEqual({ sequence: 3, decisions: [ban('b')] });
  });

  it('holds a decision before anybody is told, so that whoever begins meanwhile has it', () => {
    const clock = new ManualClock(NOW_MS);
    const seen: (readonly string[])[] = [];
    const log: DecisionLog = new DecisionLog({
      clock,
      decisionsMax: 10,
      onChange: () => {
        seen.push(log.snapshot().decisions.map(({ id }) => id));
        return Promise.resolve(0);
      },
    });
    void log.take(ban('a'));
    void log.revoke('a');
    expect(seen).toEqual([['a'], []]);
  });

  it('takes an id once, and changes nothing when it comes again', () => {
    const { log, changes } = logOf();
    void log.take(ban('a'));
    expect(log.take(ban('a', { reason: 'another' }))).toBe('known');
    expect(log.snapshot()).toEqual({ sequence: 1, decisions: [ban('a')] });
    expect(changes).toHaveLength(1);
  });

  it('revokes nothing that is not in force', () => {
    const { log, changes } = logOf();
    expect(log.revoke('a')).toBeUndefined();
    expect(changes).toEqual([]);
  });

  it('takes as many as it may, and one more when one is revoked', () => {
    const { log } = logOf(2);
    void log.take(ban('a'));
    expect(log.take(ban('b'))).toBeInstanceOf(Promise);
    expect(log.take(ban('c'))).toBe('too-many');
    expect(log.snapshot()).toEqual({ sequence: 2, decisions: [ban('a'), ban('b')] });
    void log.revoke('a');
    expect(log.take(ban('c'))).toBeInstanceOf(Promise);
  });

  it('forgets what has ended: it has no place, no id, and nobody is told', () => {
    const { log, clock, changes } = logOf(1);
    void log.take(ban('a', { endsMs: NOW_MS + 100 }));
    clock.advance(99);
    expect(log.take(ban('a'))).toBe('known');
    expect(log.take(ban('b'))).toBe('too-many');
    clock.advance(1);
    expect(log.snapshot()).toEqual({ sequence: 1, decisions: [] });
    expect(log.revoke('a')).toBeUndefined();
    expect(log.take(ban('b'))).toBeInstanceOf(Promise);
    expect(changes.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });
});
