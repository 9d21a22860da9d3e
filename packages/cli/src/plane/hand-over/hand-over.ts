import { setTimeout as sleep } from 'node:timers/promises';
import type { DecisionLog } from '@sallyport/control';
import type { SystemEmitter } from '@sallyport/gateway';
import type { Log, MetricsRegistry, MetricsSnapshot } from '@sallyport/kernel';
import type { Notifier } from '../../notifications/notifier.ts';
import type { Stores } from '../../store/stores.ts';
import type { ControlListeners } from '../control-listeners.ts';
import type { ControlMetrics } from '../control-metrics.ts';
import type { RunningPlane } from '../control-plane.ts';
import type { Fleet } from '../fleet.ts';
import type { ServiceHealth } from '../service-health.ts';
import type { Channel } from './channel.ts';
import { Predecessor } from './predecessor.ts';
import { type FollowingPlane, Successor } from './successor.ts';

export interface HandOverOptions {
  /** To the process before us, if there is one. */
  readonly channel: Channel | undefined;
  readonly log: Log;
  readonly emitter: SystemEmitter;
  readonly metrics: ControlMetrics;
}

/** What is handed over, and by whom. */
export interface HandedOver {
  readonly fleet: Fleet;
  readonly plane: RunningPlane;
  readonly decisions: DecisionLog;
  readonly listeners: ControlListeners;
  readonly registry: MetricsRegistry;
  readonly stores: Stores;
  readonly notifier: Notifier;
  readonly health: ServiceHealth;
}

/** What became of the start of another process: it serves, or why it does not. */
export type TakeOver = { readonly pid: number; readonly channel: Channel | undefined } | { readonly failure: string };

/** The two ends of a process's life: it takes over from one, and hands over to another. Either may never happen. */
export class HandOver {
  readonly predecessor: Predecessor;
  readonly #options: HandOverOptions;
  #successor: Successor | undefined;

  constructor(options: HandOverOptions) {
    this.#options = options;
    const { channel, log, metrics } = options;
    // As long as it lives it is our parent, and while it is our parent nobody else can have its number.
    const pid = process.ppid;
    this.predecessor = new Predecessor({
      channel,
      log,
      end: () => {
        if (process.ppid === pid) process.kill(pid, 'SIGKILL');
      },
      onGone: (why) => metrics.predecessors.with(why).add(),
    });
  }

  /** Everything serves: the process before us may finish what it has. */
  begin({ decisions, plane }: Pick<HandedOver, 'decisions' | 'plane'>): void {
    void this.predecessor.begin({
      decisions: () => decisions.snapshot(),
      policy: () => plane.policyInForce(),
      onFollowing: ({ attackLevel }) => {
        if (attackLevel <= plane.attackLevel) return;
        void plane.command({ id: 'taken-over', action: { kind: 'set-attack-level', level: attackLevel } });
      },
    });
  }

  /** Before another process serves: what was ordered is stored, and that process may have the store. */
  async yield({ decisions, health, notifier, stores }: HandedOver): Promise<void> {
    // What it inherits has to be ours alone.
    await this.predecessor.settled;
    // The next process goes on telling; two of them would say everything twice.
    await health.pause();
    await notifier.stop();
    await decisions.pause();
    if (stores.isKept) await stores.state.release();
  }

  /** No other process serves: takes everything back. */
  async resume({ decisions, health, notifier }: HandedOver): Promise<void> {
    await notifier.resume();
    health.resume();
    await decisions.resume();
  }

  /** Resolves when the drain may begin. */
  async note(result: TakeOver, parts: HandedOver): Promise<void> {
    const { emitter, log, metrics } = this.#options;
    metrics.takeOvers.with('failure' in result ? 'failed' : 'served').add();
    if ('failure' in result) return emitter.system('take-over-failed', result.failure);
    emitter.system('taken-over', `process ${result.pid}`);
    // Who asks from now on means the process that serves.
    void parts.listeners.leaveAdmin();
    if (result.channel !== undefined) {
      let left = Promise.resolve();
      const onFollow = (): void => {
        left = parts.listeners.closeOperations();
      };
      this.#successor = new Successor(
        result.channel,
        followingPlane(parts, { before: this.predecessor, log, onFollow }),
        log,
      );
      await this.#successor.settled;
      // Who had connected before hears that all is well, which it is: we are still ready.
      await Promise.race([left, sleep(LEAVE_MS_MAX, undefined, { ref: false })]);
    }
  }

  /**
   * Nothing is left here. What was decided after us comes to the process before us by way of this one: so it goes first, and
   * then whoever has taken over hears what we have counted.
   */
  async leave(): Promise<void> {
    await this.predecessor.gone;
    await this.#successor?.leave();
  }
}

function followingPlane({ fleet, plane, decisions, registry }: HandedOver, ends: Ends): FollowingPlane {
  const { before, log, onFollow } = ends;
  return {
    follow: () => {
      onFollow();
      return { attackLevel: plane.attackLevel, policyHash: plane.policyInForce().hash };
    },
    workers: () => fleet.supervisor.carrying().length + before.workers,
    replaceDecisions: (snapshot) => decisions.replace(snapshot),
    applyDecision: (change) => decisions.follow(change),
    judgeBy: async (policy) => {
      const { planes } = await fleet.follow(policy.image);
      log.info('what is still open here is judged by the policy of the process that has taken over', {
        version: policy.image.version,
        hash: policy.hash,
        workers: planes,
      });
      before.bringPolicy(policy);
      return planes;
    },
    command: (command) => plane.command(command),
    connections: (query) => plane.namedConnections(query),
    counts: async () => countsOf(await fleet.metrics(registry.snapshot().filter(({ type }) => type !== 'gauge'))),
    onOrphaned: () => void setTimeout(() => void fleet.close(), ORPHAN_MS_MAX),
  };
}

/** What a process between two others knows of both. */
interface Ends {
  readonly before: Predecessor;
  readonly log: Log;
  readonly onFollow: () => void;
}

/** For questions at the operations port that were asked before another process answers there. */
const LEAVE_MS_MAX = 1_000;

/** For goodbyes and answers under way; nobody else can end what banned clients have open. */
const ORPHAN_MS_MAX = 10_000;

/** What happened to traffic. Figures of a process and its machine are not carried on by another one. */
function countsOf(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ name }) => !OF_A_PROCESS.test(name));
}

const OF_A_PROCESS = /^(?:process|nodejs|system|sallyport_cgroup)_/;
