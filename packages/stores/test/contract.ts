/**
 * What every store of the state promises, as a test suite. Exported as `@sallyport/stores/contract`, so that drivers elsewhere pass
 * the same one.
 *
 * @module
 */
import type { AuditEntry, Decision, DecisionChange, StateBatch, StateStore, StoredPolicy } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

export { type OutboxContract, runOutboxContract } from './outbox/contract.ts';

export interface StateStoreContract {
  /** A store with nothing in it. */
  open(): StateStore | Promise<StateStore>;
  /** The same store as the next process finds it; undefined for one that ends with its process. */
  readonly reopen: ((store: StateStore) => Promise<StateStore>) | undefined;
  /** Gives everything up. */
  close(): Promise<void>;
}

export function decisionOf(id: string, endsMs?: number): Decision {
  const scope = { kind: 'address', value: '192.0.2.1' } as const;
  return { id, kind: 'ban', scope, reason: 'spam', author: 'socket:alice', createdMs: 1_000, endsMs };
}

export function take(sequence: number, decision: Decision): DecisionChange {
  return { kind: 'take', sequence, decision };
}

export function entryOf(detail: string): AuditEntry {
  return { timeMs: 1_000, author: 'socket:alice', session: '', operation: 'takeDecision', result: 'done', detail };
}

export function batchOf(parts: Partial<StateBatch>): StateBatch {
  return { nowMs: 1_000, changes: [], audit: [], policies: [], ...parts };
}

const POLICY: StoredPolicy = {
  version: 1,
  hash: 'aa',
  source: 'start',
  author: '',
  timeMs: 1_000,
  result: 'published',
  problems: [],
};

/** Declares the suite under `name`. */
export function runStateStoreContract(name: string, contract: StateStoreContract): void {
  describe(`${name}, as a store of the state`, () => {
    let store: StateStore;

    beforeEach(async () => {
      store = await contract.open();
    });

    afterEach(async () => {
      await contract.close();
    });

    it('begins with nothing', async () => {
      expect(await store.load()).toEqual({
        decisions: { sequence: 0, decisions: [] },
        revoked: [],
        policies: [],
        head: { sequence: 0, hash: '' },
        movedAside: undefined,
      });
    });

    it('takes nothing before it was loaded, and after it was released', async () => {
      await expect(store.commit(batchOf({}))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await store.load();
      await store.release();
      await expect(store.commit(batchOf({}))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await expect(store.readAudit({ after: 0, limit: 1 })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    });

    it('keeps decisions in the order in which they were taken, with their ends', async () => {
      await store.load();
      await store.commit(batchOf({ changes: [take(1, decisionOf('b', 9_000)), take(2, decisionOf('a'))] }));
      await store.commit(batchOf({ changes: [take(3, decisionOf('c')), { kind: 'revoke', sequence: 4, id: 'a' }] }));
      const { decisions, revoked } = await store.load();
      expect(decisions).toEqual({ sequence: 4, decisions: [decisionOf('b', 9_000), decisionOf('c')] });
      expect(revoked).toEqual(['a']);
    });

    it('forgets what has ended, and the sequence stays', async () => {
      await store.load();
      await store.commit(batchOf({ changes: [take(1, decisionOf('a', 2_000)), take(2, decisionOf('b', 2_001))] }));
      await store.commit(batchOf({ nowMs: 2_000 }));
      expect((await store.load()).decisions).toEqual({ sequence: 2, decisions: [decisionOf('b', 2_001)] });
    });

    it('takes an id again after its end', async () => {
      await store.load();
      await store.commit(batchOf({ changes: [take(1, decisionOf('a', 2_000))] }));
      await store.commit(batchOf({ nowMs: 2_000, changes: [take(2, decisionOf('a', 3_000))] }));
      expect((await store.load()).decisions.decisions).toEqual([decisionOf('a', 3_000)]);
    });

    const conflicts: readonly (readonly [string, readonly DecisionChange[]])[] = [
      ['a number that was used', [take(1, decisionOf('x'))]],
      ['a gap', [take(3, decisionOf('x'))]],
      ['an id that is in force', [take(2, decisionOf('a'))]],
      ['one that is good and one that is not', [take(2, decisionOf('x')), take(4, decisionOf('y'))]],
    ];

    it.each(conflicts)('stores nothing of a batch with %s', async (_what, changes) => {
      await store.load();
      await store.commit(batchOf({ changes: [take(1, decisionOf('a'))], audit: [entryOf('one')] }));
      const before = await store.load();
      const wrong = batchOf({ changes, audit: [entryOf('two')], policies: [POLICY] });
      await expect(store.commit(wrong)).rejects.toMatchObject({ name: 'StoreError', code: 'CONFLICT' });
      expect(await store.load()).toEqual(before);
      await store.commit(batchOf({ changes: [take(2, decisionOf('b'))] }));
    });

    it('remembers ten thousand revoked ids, and no more', async () => {
      await store.load();
      const changes = Array.from({ length: 10_001 }, (_, index): readonly DecisionChange[] => [
        take(index * 2 + 1, decisionOf(`id-${index}`)),
        { kind: 'revoke', sequence: index * 2 + 2, id: `id-${index}` },
      ]).flat();
      await store.commit(batchOf({ changes }));
      const { revoked } = await store.load();
      expect([revoked.length, revoked[0], revoked.at(-1)]).toEqual([10_000, 'id-1', 'id-10000']);
    });

    it('remembers a hundred policies, and no more', async () => {
      await store.load();
      const policies = Array.from({ length: 101 }, (_, index) => ({ ...POLICY, version: index + 1 }));
      await store.commit(batchOf({ policies }));
      const versions = (await store.load()).policies.map(({ version }) => version);
      expect([versions.length, versions[0], versions.at(-1)]).toEqual([100, 2, 101]);
    });

    it('numbers and chains entries of the audit log, and reads them in pages', async () => {
      await store.load();
      const first = await store.commit(batchOf({ audit: [entryOf('one')] }));
      const head = await store.commit(batchOf({ audit: [entryOf('two'), entryOf('three')] }));
      expect([first.sequence, head.sequence]).toEqual([1, 3]);
      const all = await store.readAudit({ after: 0, limit: 10 });
      expect(all.map(({ sequence, detail }) => [sequence, detail])).toEqual([
        [1, 'one'],
        [2, 'two'],
        [3, 'three'],
      ]);
      expect([all[0]?.hash, all[2]?.hash]).toEqual([first.hash, head.hash]);
      expect(await store.readAudit({ after: 1, limit: 1 })).toEqual([all[1]]);
      expect((await store.load()).head).toEqual(head);
      const page = await store.verifyAudit({ after: 0, limit: 2 });
      expect(page).toEqual({ checked: 2, next: 2, problem: undefined, head });
      expect(await store.verifyAudit({ after: 2, limit: 2 })).toEqual({ ...page, checked: 1, next: undefined });
    });

    const { reopen } = contract;
    if (reopen === undefined) return;

    it('is the same for the next process', async () => {
      await store.load();
      const changes = [take(1, decisionOf('a', 9_000)), take(2, decisionOf('b'))];
      const head = await store.commit(batchOf({ changes, audit: [entryOf('one')], policies: [POLICY] }));
      const before = await store.load();
      const next = await reopen(store);
      expect(await next.load()).toEqual(before);
      expect(await next.verifyAudit({ after: 0, limit: 10 })).toEqual({
        checked: 1,
        next: undefined,
        problem: undefined,
        head,
      });
      await next.commit(batchOf({ changes: [take(3, decisionOf('c'))], audit: [entryOf('two')] }));
    });
  });
}
