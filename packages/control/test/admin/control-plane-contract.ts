import { strict as assert } from 'node:assert';
import type { Decision } from '@sallyport/kernel';
import type { ControlPlane, ReloadOutcome, RollbackOutcome } from '../../src/index.ts';

/** A control plane under test, and the file it reads. */
export interface ContractRig {
  readonly plane: ControlPlane;
  /** Puts another text in the place of the configuration file. */
  readonly configure: (text: string) => void;
  /** What the plane started with, another good configuration, and one that is not good. */
  readonly texts: { readonly good: string; readonly other: string; readonly bad: string };
}

/** What every control plane has to do, as sentences; each is run with a plane of its own. Runs under any test runner. */
export const CONTROL_PLANE_CONTRACT: readonly {
  readonly name: string;
  readonly check: (rig: ContractRig) => Promise<void>;
}[] = [
  {
    name: 'says which policy is in force, and keeps its configuration',
    check: async ({ plane }) => {
      const { current, policies } = plane.policies();
      assert.equal(plane.status().policy.version, current);
      assert.ok(policies.some(({ version, result }) => version === current && result === 'published'));
      assert.ok(plane.policyConfig(current));
      assert.equal(plane.policyConfig(current + 1), undefined);
    },
  },
  {
    name: 'publishes a changed configuration under the next version, with its author',
    check: async ({ plane, configure, texts }) => {
      const before = plane.policies().current;
      configure(texts.other);
      const outcome = await plane.reload({ author: 'session:alice' });
      assert.equal(versionOf(outcome), before + 1);
      const { current, policies } = plane.policies();
      assert.equal(current, before + 1);
      assert.partialDeepStrictEqual(policies[0], {
        version: current,
        source: 'api',
        author: 'session:alice',
        result: 'published',
      });
      assert.notDeepEqual(plane.policyConfig(before), plane.policyConfig(current));
    },
  },
  {
    name: 'makes no new version of what is in force already',
    check: async ({ plane }) => {
      const before = plane.policies().current;
      const outcome = await plane.reload({ author: 'a' });
      assert.deepEqual([outcome.kind, versionOf(outcome)], ['unchanged', before]);
      assert.equal(plane.policies().current, before);
    },
  },
  {
    name: 'keeps the policy in force when the configuration is wrong, says why, and writes it down',
    check: async ({ plane, configure, texts }) => {
      const before = plane.policies().current;
      configure(texts.bad);
      const outcome = await plane.reload({ author: 'socket:bob' });
      assert.ok(outcome.kind === 'refused' && outcome.problems.length > 0);
      const { current, policies } = plane.policies();
      assert.equal(current, before);
      assert.equal(plane.status().policy.version, before);
      assert.partialDeepStrictEqual(policies[0], { version: null, result: 'refused', author: 'socket:bob' });
      assert.ok((policies[0]?.problems.length ?? 0) > 0);
    },
  },
  {
    name: 'takes an earlier version back into force with one call, as a new version',
    check: async ({ plane, configure, texts }) => {
      const first = plane.policies().current;
      configure(texts.other);
      await plane.reload({ author: 'a' });
      const outcome = await plane.rollback(first, { author: 'session:carol' });
      assert.equal(versionOf(outcome), first + 2);
      assert.deepEqual(plane.policyConfig(first + 2), plane.policyConfig(first));
      const { current, policies } = plane.policies();
      assert.equal(current, first + 2);
      assert.partialDeepStrictEqual(policies[0], { source: 'rollback', author: 'session:carol', result: 'published' });
      assert.equal(policies[0]?.hash, policies.find(({ version }) => version === first)?.hash);
    },
  },
  {
    name: 'knows no version that was never published',
    check: async ({ plane }) => {
      const before = plane.policies().current;
      assert.equal((await plane.rollback(before + 7, { author: 'a' })).kind, 'unknown-version');
      assert.equal(plane.policies().current, before);
    },
  },
  {
    name: 'carries out orders that come at once one after the other',
    check: async ({ plane, configure, texts }) => {
      const before = plane.policies().current;
      configure(texts.other);
      const outcomes = await Promise.all([
        plane.reload({ author: 'a' }),
        plane.reload({ author: 'b' }),
        plane.rollback(before, { author: 'c' }),
      ]);
      assert.deepEqual(
        outcomes.map((outcome) => [outcome.kind, versionOf(outcome)]),
        [
          ['published', before + 1],
          ['unchanged', before + 1],
          ['published', before + 2],
        ],
      );
    },
  },
  {
    name: 'takes a decision once, and confirms it again',
    check: async ({ plane }) => {
      const first = await plane.take(BAN, ALICE);
      assert.ok(first !== 'too-many' && first.of > 0 && first.workers === first.of);
      const { sequence, decisions } = plane.decisions();
      assert.deepEqual(
        decisions.filter(({ id }) => id === BAN.id),
        [BAN],
      );
      await plane.take({ ...BAN, reason: 'another' }, ALICE);
      assert.equal(plane.decisions().sequence, sequence);
      assert.deepEqual(
        plane.decisions().decisions.filter(({ id }) => id === BAN.id),
        [BAN],
      );
    },
  },
  {
    name: 'ends a decision, and knows none that is not in force',
    check: async ({ plane }) => {
      assert.equal(await plane.revoke(BAN.id, ALICE), undefined);
      await plane.take(BAN, ALICE);
      const confirmed = await plane.revoke(BAN.id, ALICE);
      assert.ok(confirmed !== undefined && confirmed.workers === confirmed.of);
      assert.ok(!plane.decisions().decisions.some(({ id }) => id === BAN.id));
      assert.equal(await plane.revoke(BAN.id, ALICE), undefined);
      assert.ok(plane.isRevoked(BAN.id) && !plane.isRevoked('another'));
    },
  },
  {
    name: 'writes down what is done, decisions with it, in one chain',
    check: async ({ plane }) => {
      await plane.take(BAN, ALICE);
      const entry = {
        timeMs: 1_000,
        author: 'session:bob',
        session: 's1',
        operation: 'reload',
        result: 'done',
      } as const;
      await plane.audit({ ...entry, detail: 'policy 2' });
      await plane.revoke(BAN.id, ALICE);
      const entries = await plane.readAudit({ after: 0, limit: 10 });
      assert.deepEqual(
        entries.map(({ sequence, author, operation }) => [sequence, author, operation]),
        [
          [1, 'socket:alice', 'takeDecision'],
          [2, 'session:bob', 'reload'],
          [3, 'socket:alice', 'revokeDecision'],
        ],
      );
      assert.deepEqual(await plane.readAudit({ after: 1, limit: 1 }), entries.slice(1, 2));
      const { hash = '' } = entries[2] ?? {};
      const verification = { checked: 3, next: undefined, problem: undefined, head: { sequence: 3, hash } };
      assert.deepEqual(await plane.verifyAudit({ after: 0, limit: 10 }), verification);
    },
  },
  {
    name: 'carries out a command once, and acknowledges it again',
    check: async ({ plane }) => {
      const command = { id: 'level-1', action: { kind: 'set-attack-level', level: 1 } } as const;
      const first = await plane.command(command);
      assert.ok(first.of > 0 && first.acks.length === first.of);
      assert.ok(first.acks.every(({ id, isRepeat }) => id === command.id && !isRepeat));
      const again = await plane.command(command);
      assert.ok(again.acks.length === again.of && again.acks.every(({ isRepeat }) => isRepeat));
    },
  },
  {
    name: 'acknowledges the end of a connection that is not there',
    check: async ({ plane }) => {
      const action = { kind: 'close-connection', connection: 'nobody', reason: 'test' } as const;
      const { acks } = await plane.command({ id: 'close-1', action });
      assert.ok(acks.every(({ closed }) => closed === 0));
    },
  },
  {
    name: 'lists no more connections than it was asked for',
    check: async ({ plane }) => {
      const { total, connections } = await plane.connections({ client: undefined, kind: undefined, limit: 1 });
      assert.ok(connections.length <= 1 && total >= connections.length);
      const none = await plane.connections({ client: '192.0.2.250', kind: 'websocket', limit: 10 });
      assert.deepEqual(none, { total: 0, connections: [] });
    },
  },
  {
    name: 'lists its workers, each under an id of its own',
    check: async ({ plane }) => {
      const workers = await plane.workers();
      assert.ok(workers.length > 0);
      assert.equal(new Set(workers.map(({ id }) => id)).size, workers.length);
      assert.equal(plane.status().workers.all, workers.length);
    },
  },
];

const ALICE = { author: 'socket:alice', session: '' } as const;

const BAN: Decision = {
  id: 'contract-ban',
  kind: 'ban',
  scope: { kind: 'address', value: '192.0.2.99' },
  reason: 'a test',
  author: 'session:alice',
  createdMs: 1_700_000_000_000,
  endsMs: undefined,
};

function versionOf(outcome: ReloadOutcome | RollbackOutcome): number | undefined {
  return outcome.kind === 'published' || outcome.kind === 'unchanged' ? outcome.version : undefined;
}
