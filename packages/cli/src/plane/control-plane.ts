import type {
  CommandOutcome,
  ConfirmedBy,
  ConnectionQuery,
  ControlPlane,
  DecisionLog,
  ReloadOutcome,
  RollbackOutcome,
  SallyportConfig,
} from '@sallyport/control';
import type { ConnectionRecord, PolicyRecord, StatusAnswer, WorkerStatus } from '@sallyport/control/contract';
import type { OpenConnection, SystemEmitter } from '@sallyport/gateway';
import {
  type Clock,
  type Command,
  contains,
  type Decision,
  IpAddress,
  type ListenAddress,
  parseNetwork,
} from '@sallyport/kernel';
import { VERSION } from '../version.ts';
import type { Fleet } from './fleet.ts';
import type { Policies } from './policies.ts';
import type { WorkerThread } from './worker-thread.ts';

export interface RunningPlaneOptions {
  readonly node: string;
  readonly mode: StatusAnswer['mode'];
  readonly clock: Clock;
  readonly emitter: SystemEmitter;
  readonly fleet: Fleet;
  readonly policies: Policies;
  readonly decisions: DecisionLog;
  /** Ends the process, without losing what is in progress. */
  readonly drain: () => void;
}

/** The running gateway, as the admin API sees it. */
export class RunningPlane implements ControlPlane {
  readonly #options: RunningPlaneOptions;
  readonly #startedMs: number;
  /** What commands said, for those that are repeated after a worker was replaced. */
  #attackLevel = 0;
  #isDraining = false;

  constructor(options: RunningPlaneOptions) {
    this.#options = options;
    this.#startedMs = options.clock.wallMs();
  }

  status(): StatusAnswer {
    const { node, mode, clock, emitter, fleet, policies } = this.#options;
    const { ready, reasons } = fleet.readiness();
    const { current } = policies.history;
    const tls = new Set(
      current?.content?.config.gateway.listeners.flatMap(({ name, tls: has }) => (has === undefined ? [] : [name])),
    );
    const slots = fleet.supervisor.status();
    return {
      node,
      version: VERSION,
      boot: emitter.boot,
      startedMs: this.#startedMs,
      uptimeMs: clock.wallMs() - this.#startedMs,
      mode,
      isReady: ready && !this.#isDraining,
      notReadyReasons: reasons,
      isDraining: this.#isDraining,
      attackLevel: this.#attackLevel,
      listeners: [...fleet.addresses()].map(([name, address]) => ({
        name,
        address: addressText(address),
        isTls: tls.has(name),
      })),
      upstreams: fleet.upstreams(),
      workers: { running: slots.filter(({ state }) => state === 'ready').length, all: slots.length },
      policy: { version: current?.version ?? 0, hash: current?.hash ?? '', publishedMs: current?.timeMs ?? 0 },
    };
  }

  workers(): Promise<readonly WorkerStatus[]> {
    const { fleet, clock } = this.#options;
    const threads = new Map(fleet.threads().map((thread) => [thread.slot, thread]));
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    return Promise.all(
      fleet.supervisor.status().map(async ({ slot, state, startedMs, restarts, lastEnd, lastEndMs }) => {
        const vitals = await threads
          .get(slot)
          ?.vitals()
          .catch(() => undefined);
        return {
          id: slot,
          state: STATES[state],
          startedMs: Math.round(startedMs + offsetMs),
          restarts,
          lastFailure:
            lastEnd === undefined
              ? null
              : { timeMs: Math.round(lastEndMs + offsetMs), reason: `${lastEnd.cause}: ${lastEnd.detail}` },
          connections: vitals?.connections ?? 0,
          eventLoopDelayMs: vitals?.loopDelayP99Ms ?? null,
          heapUsedBytes: vitals?.heapBytes ?? null,
        };
      }),
    );
  }

  policies(): { readonly current: number; readonly policies: readonly PolicyRecord[] } {
    const { attempts, current } = this.#options.policies.history;
    return {
      current: current?.version ?? 0,
      policies: attempts.toReversed().map(({ version, hash, timeMs, source, author, result, problems }) => ({
        version: version ?? null,
        hash,
        timeMs,
        source,
        author,
        result,
        problems,
      })),
    };
  }

  policyConfig(version: number): SallyportConfig | undefined {
    return this.#options.policies.history.contentOf(version)?.config;
  }

  reload({ author }: { readonly author: string }): Promise<ReloadOutcome> {
    return this.#options.policies.reload({ source: 'api', author });
  }

  async rollback(version: number, { author }: { readonly author: string }): Promise<RollbackOutcome> {
    const outcome = await this.#options.policies.rollback(version, { source: 'rollback', author });
    if (outcome === undefined) return { kind: 'unknown-version' };
    // A policy that was good once cannot be refused: only publishing it can fail.
    return outcome.kind === 'refused' ? { kind: 'failed', detail: 'the policy was refused' } : outcome;
  }

  decisions(): ReturnType<DecisionLog['snapshot']> {
    return this.#options.decisions.snapshot();
  }

  async take(decision: Decision): Promise<ConfirmedBy | 'too-many'> {
    const taken = this.#options.decisions.take(decision);
    if (taken === 'too-many') return taken;
    const { kind, scope, id, author } = decision;
    if (taken !== 'known')
      this.#options.emitter.system('decision-taken', `${id}: ${kind} of ${scope.value} by ${author}`);
    return this.#confirmed(taken === 'known' ? undefined : await taken);
  }

  async revoke(id: string): Promise<ConfirmedBy | undefined> {
    const revoked = this.#options.decisions.revoke(id);
    if (revoked === undefined) return undefined;
    this.#options.emitter.system('decision-revoked', id);
    return this.#confirmed(await revoked);
  }

  async command(command: Command): Promise<CommandOutcome> {
    const { action, id } = command;
    const ready = this.#options.fleet.supervisor.ready();
    const of = ready.length;
    if (action.kind === 'drain') {
      // Not a worker's business: one that ended would be replaced.
      const isRepeat = this.#isDraining;
      this.#isDraining = true;
      if (!isRepeat) this.#options.drain();
      return { acks: ready.map(({ slot }) => ({ id, worker: slot, closed: 0, isRepeat })), of };
    }
    const acks = await this.#options.fleet.supervisor.command(command);
    if (action.kind === 'set-attack-level') this.#attackLevel = action.level;
    return { acks, of };
  }

  async connections(
    query: ConnectionQuery,
  ): Promise<{ readonly total: number; readonly connections: readonly ConnectionRecord[] }> {
    const lists = await Promise.all(
      this.#options.fleet.threads().map(async (thread) => {
        const open = await thread.connections(CONNECTIONS_LISTED_MAX).catch(() => []);
        return open.map((connection) => this.#record(thread, connection));
      }),
    );
    const network = query.client === undefined ? undefined : parseNetwork(query.client);
    const matching = lists.flat().filter(({ kind, client }) => {
      if (query.kind !== undefined && kind !== query.kind) return false;
      if (network === undefined) return true;
      const address = IpAddress.parse(client);
      return address !== undefined && contains(network, address);
    });
    return { total: matching.length, connections: matching.slice(0, query.limit) };
  }

  #record(thread: WorkerThread, connection: OpenConnection): ConnectionRecord {
    const { id, listener, phase, client, route, ageMs, bytesIn, bytesOut } = connection;
    return {
      id,
      worker: thread.slot,
      kind: phase === 'websocket' ? 'websocket' : 'http',
      listener,
      route,
      client: client.address,
      openedMs: this.#options.clock.wallMs() - ageMs,
      bytesIn,
      bytesOut,
    };
  }

  #confirmed(workers: number | undefined): ConfirmedBy {
    const of = this.#options.fleet.supervisor.ready().length;
    return { workers: Math.min(workers ?? of, of), of };
  }
}

const STATES: Readonly<Record<'absent' | 'starting' | 'ready' | 'draining', WorkerStatus['state']>> = {
  absent: 'failed',
  starting: 'starting',
  ready: 'running',
  draining: 'draining',
};

/** Most connections that one worker lists. */
const CONNECTIONS_LISTED_MAX = 10_000;

function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
