import { compilePolicy } from '@sallyport/gateway';
import { config } from '@sallyport/gateway/test-config';
import type { Decision, DecisionChange, DecisionSnapshot, MetricsSnapshot } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CarriedPolicy } from '../../../src/plane/hand-over/carried-policy.ts';
import { Predecessor } from '../../../src/plane/hand-over/predecessor.ts';
import { type FollowingPlane, Successor } from '../../../src/plane/hand-over/successor.ts';
import { ChannelPair } from './channel-pair.ts';

const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

function ban(number: number): Decision {
  const scope = { kind: 'address', value: `192.0.2.${number % 256}` } as const;
  return { id: `d${number}`, kind: 'ban', scope, reason: 'r', author: 'a', createdMs: 1, endsMs: undefined };
}

function counter(value: number): MetricsSnapshot {
  const family = { help: '', merge: 'sum', labels: [], bounds: [] } as const;
  return [
    { ...family, name: 'gateway_x_total', type: 'counter', series: [{ labels: '', values: [value] }] },
    { ...family, name: 'gateway_open', type: 'gauge', series: [{ labels: '', values: [value] }] },
  ];
}

/** An old process and a new one, with what holds in the old one. */
class Rig {
  readonly pair = new ChannelPair();
  /** What the new process has decided. */
  all: DecisionSnapshot = { sequence: 0, decisions: [] };
  /** What the old one holds. */
  held: DecisionSnapshot = { sequence: 0, decisions: [] };
  snapshots = 0;
  /** The policy in force in the new process, and those by which the old one was told to judge. */
  policy: CarriedPolicy = carried('a');
  readonly judgedBy: CarriedPolicy[] = [];
  readonly done: string[] = [];
  count = 1;
  readonly predecessor: Predecessor;
  readonly successor: Successor;

  constructor() {
    this.predecessor = new Predecessor({
      channel: this.pair.young,
      log: LOG,
      end: () => void this.done.push('ended'),
      onGone: (why) => void this.done.push(why),
    });
    // The first message is for whoever has started the process.
    const { old } = this.pair;
    const rest = {
      ...old,
      listen: (to: Parameters<typeof old.listen>[0]) =>
        old.listen({ ...to, onMessage: (message) => void (message === 'serving' || to.onMessage(message)) }),
    };
    this.successor = new Successor(rest, this.#plane(), LOG);
  }

  async begin(): Promise<void> {
    await this.predecessor.begin({
      decisions: () => this.all,
      policy: () => this.policy,
      onFollowing: ({ attackLevel }) => void this.done.push(`level ${attackLevel}`),
    });
    await settled();
  }

  /** The new process takes a decision; answers how many workers of the old one have confirmed it. */
  take(): Promise<number> {
    const sequence = this.all.sequence + 1;
    const decision = ban(sequence);
    this.all = { sequence, decisions: [...this.all.decisions, decision] };
    return this.predecessor.applyDecision({ kind: 'take', sequence, decision });
  }

  #plane(): FollowingPlane {
    return {
      follow: () => ({ attackLevel: 2, policyHash: 'a' }),
      workers: () => 3,
      replaceDecisions: (snapshot) => {
        this.snapshots += 1;
        this.held = snapshot;
      },
      applyDecision: (change) => this.#apply(change),
      judgeBy: async (policy) => {
        this.judgedBy.push(policy);
        return 3;
      },
      command: async ({ id, action }) => {
        this.done.push(`${action.kind} ${id}`);
        return { acks: [{ id, worker: 0, closed: 1, isRepeat: false }], of: 3 };
      },
      connections: async () => ({ total: 7, connections: [] }),
      counts: async () => counter(this.count),
      onOrphaned: () => void this.done.push('orphaned'),
    };
  }

  #apply(change: DecisionChange): Promise<number> | undefined {
    if (change.sequence !== this.held.sequence + 1 || change.kind !== 'take') return undefined;
    this.held = { sequence: change.sequence, decisions: [...this.held.decisions, change.decision] };
    return Promise.resolve(3);
  }
}

function carried(hash: string): CarriedPolicy {
  return { hash, image: compilePolicy(config({ upstreams: [] }), 7) };
}

/** Nothing is on its way any more. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('an old process and the one that has taken over', () => {
  it('agree that it follows, and it begins with all decisions in force', async () => {
    const rig = new Rig();
    rig.all = { sequence: 9, decisions: [ban(4), ban(9)] };
    await rig.begin();
    expect(rig.held).toEqual(rig.all);
    expect([rig.predecessor.isFollowing, rig.predecessor.workers, rig.done]).toEqual([true, 3, ['level 2']]);
  });

  it('bring decisions in pieces, which hold when the last one is there', async () => {
    const rig = new Rig();
    rig.all = { sequence: 2_500, decisions: Array.from({ length: 2_500 }, (_, index) => ban(index)) };
    await rig.begin();
    expect([rig.held.decisions.length, rig.held.sequence, rig.snapshots]).toEqual([2_500, 2_500, 1]);
  });

  it('hold what is decided in its order, and confirm it', async () => {
    const rig = new Rig();
    await rig.begin();
    expect(await Promise.all([rig.take(), rig.take(), rig.take()])).toEqual([3, 3, 3]);
    expect([rig.held, rig.snapshots]).toEqual([rig.all, 1]);
  });

  it('make good by all decisions what was missed', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.take();
    rig.held = { sequence: 0, decisions: [] };
    expect(await rig.take()).toBe(0);
    await settled();
    expect([rig.held, rig.snapshots]).toEqual([rig.all, 2]);
  });

  it('keep no more than a thousand changes for one that stalls, and bring all decisions when it flows again', async () => {
    const rig = new Rig();
    await rig.begin();
    rig.pair.isStalled = true;
    const before = rig.pair.sent.length;
    const orders = Array.from({ length: 1_500 }, () => rig.take());
    await settled();
    expect(rig.pair.sent.length - before).toBe(1_000);
    rig.pair.flow();
    await vi.advanceTimersByTimeAsync(10);
    expect((await Promise.all(orders)).filter((workers) => workers === 3)).toHaveLength(1_000);
    expect([rig.held, rig.snapshots]).toEqual([rig.all, 2]);
    expect(await rig.take()).toBe(3);
  });

  it('pass commands and lists on', async () => {
    const rig = new Rig();
    await rig.begin();
    const action = { kind: 'close-client', client: '192.0.2.1', reason: 'r' } as const;
    expect((await rig.predecessor.command({ id: 'c', action })).acks).toHaveLength(1);
    expect(rig.done).toContain('close-client c');
    expect(await rig.predecessor.connections({ client: undefined, kind: undefined, limit: 5 })).toEqual({
      total: 7,
      connections: [],
    });
  });

  it('keep what was counted to the end, and no gauge, when it has left', async () => {
    const rig = new Rig();
    await rig.begin();
    rig.count = 5;
    await rig.successor.leave();
    await settled();
    await rig.predecessor.gone;
    expect(await rig.predecessor.counts()).toEqual(counter(5).slice(0, 1));
    expect([rig.done.at(-1), rig.predecessor.isFollowing, rig.predecessor.workers]).toEqual(['left', false, 0]);
    expect(await rig.take()).toBe(0);
  });

  it('end an old one that does not answer at five looks', async () => {
    const rig = new Rig();
    await rig.begin();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(rig.done).not.toContain('ended');
    rig.pair.isStalled = true;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(rig.done).not.toContain('ended');
    await vi.advanceTimersByTimeAsync(2_000);
    expect(rig.done.slice(1)).toEqual(['ended', 'orphaned', 'lost']);
  });

  it('do not let an old one live on whose successor is gone', async () => {
    const rig = new Rig();
    await rig.begin();
    rig.pair.young.close();
    await settled();
    expect(rig.done).toContain('orphaned');
  });

  it('judge by the same policy from the beginning, and by each that comes later', async () => {
    const rig = new Rig();
    await rig.begin();
    expect(rig.judgedBy, 'the old one has it').toEqual([]);
    rig.predecessor.bringPolicy(carried('b'));
    await settled();
    const other = new Rig();
    other.policy = carried('c');
    await other.begin();
    const hashes = [rig, other].map(({ judgedBy }) => judgedBy.map(({ hash }) => hash));
    expect(hashes).toEqual([['b'], ['c']]);
  });

  it('do without one another when they speak different languages, or one speaks none', async () => {
    const rig = new Rig();
    rig.pair.old.close();
    const begun = rig.predecessor.begin({
      decisions: () => rig.all,
      policy: () => rig.policy,
      onFollowing: () => undefined,
    });
    await settled();
    await begun;
    await rig.predecessor.settled;
    await rig.predecessor.gone;
    await rig.successor.settled;
    expect([rig.predecessor.isFollowing, rig.done]).toEqual([false, []]);
  });
});
