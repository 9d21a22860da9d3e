import type {
  Actor,
  CommandOutcome,
  ConfirmedBy,
  ConnectionQuery,
  ControlPlane,
  DecisionLog,
  EventQuestionsPort,
  NotificationDesk,
  ReloadOutcome,
  RollbackOutcome,
  SallyportConfig,
  ServiceHealthPort,
  SignIn,
  SlotStatus,
} from '@sallyport/control';
import type {
  ConnectionRecord,
  ConnectionsAnswer,
  PolicyRecord,
  StatusAnswer,
  WorkerStatus,
} from '@sallyport/control/contract';
import type { OpenConnection, OpenConnections, SystemEmitter } from '@sallyport/gateway';
import type {
  AuditEntry,
  AuditPage,
  AuditRecord,
  AuditVerification,
  Clock,
  Command,
  Decision,
  ListenAddress,
  StateStore,
} from '@sallyport/kernel';
import type { AuditTrail } from '../store/audit-trail.ts';
import { VERSION } from '../version.ts';
import type { Fleet } from './fleet.ts';
import type { CarriedPolicy } from './hand-over/carried-policy.ts';
import { commandFor, namedConnection } from './hand-over/connection-name.ts';
import type { Predecessor } from './hand-over/predecessor.ts';
import type { Policies } from './policies.ts';
import type { WorkerThread } from './worker-thread.ts';

export interface RunningPlaneOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly emitter: SystemEmitter;
  readonly fleet: Fleet;
  readonly policies: Policies;
  /** What it still has open is ours to close. */
  readonly predecessor: Predecessor;
  readonly decisions: DecisionLog;
  readonly state: Pick<StateStore, 'readAudit' | 'verifyAudit'>;
  readonly audit: AuditTrail;
  readonly events: EventQuestionsPort | undefined;
  readonly services: ServiceHealthPort;
  readonly notifications: NotificationDesk;
  readonly onAttackLevel: (level: number) => void;
  /** Ends the process, without losing what is in progress. */
  readonly drain: () => void;
}

/** The running gateway, as the admin API sees it. */
export class RunningPlane implements ControlPlane {
  readonly #options: RunningPlaneOptions;
  readonly #startedMs: number;
  /** What data planes that begin later have to be told. */
  #attackLevel = 0;
  #isDraining = false;

  constructor(options: RunningPlaneOptions) {
    this.#options = options;
    this.#startedMs = options.clock.wallMs();
  }

  get events(): EventQuestionsPort | undefined {
    return this.#options.events;
  }

  get attackLevel(): number {
    return this.#attackLevel;
  }

  get services(): ServiceHealthPort {
    return this.#options.services;
  }

  get notifications(): NotificationDesk {
    return this.#options.notifications;
  }

  status(): StatusAnswer {
    const { node, clock, emitter, fleet, policies } = this.#options;
    const { ready, reasons } = fleet.readiness();
    const { current } = policies.history;
    const gateway = current?.content?.config.gateway;
    const tls = new Set(gateway?.listeners.flatMap(({ name, tls: has }) => (has === undefined ? [] : [name])));
    const slots = fleet.supervisor.status();
    return {
      node,
      version: VERSION,
      boot: emitter.boot,
      startedMs: this.#startedMs,
      uptimeMs: clock.wallMs() - this.#startedMs,
      mode: gateway?.mode ?? 'production',
      isReady: ready && !this.#isDraining,
      notReadyReasons: ready && this.#isDraining ? ['draining'] : reasons,
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
          state: stateOf(state, lastEnd),
          startedMs: Math.round(startedMs + offsetMs),
          restarts,
          lastFailure:
            lastEnd === undefined || lastEnd.cause === 'stopped'
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

  /** For a process before us. */
  policyInForce(): CarriedPolicy {
    return this.#options.policies.inForce;
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

  async take(decision: Decision, actor: Actor): Promise<ConfirmedBy | 'too-many'> {
    const { decisions, emitter, audit } = this.#options;
    const { kind, scope, id } = decision;
    const entry = this.#entry('takeDecision', `${kind} ${scope.value}, decision ${id}`, actor);
    const taken = await decisions.take(decision, entry);
    if (taken === 'too-many') return taken;
    if (taken === 'known') return this.#confirmed(undefined);
    emitter.decision({ phase: 'taken', decision, author: actor.author });
    audit.emit(entry);
    return this.#confirmed(taken);
  }

  async revoke(id: string, actor: Actor): Promise<ConfirmedBy | undefined> {
    const { decisions, emitter, audit } = this.#options;
    const decision = decisions.find(id);
    const entry = this.#entry('revokeDecision', `decision ${id}`, actor);
    const confirmed = await decisions.revoke(id, entry);
    if (confirmed === undefined) return undefined;
    if (decision !== undefined) emitter.decision({ phase: 'revoked', decision, author: actor.author });
    audit.emit(entry);
    return this.#confirmed(confirmed);
  }

  isRevoked(id: string): boolean {
    return this.#options.decisions.isRevoked(id);
  }

  audit(entry: AuditEntry): Promise<void> {
    return this.#options.audit.write(entry);
  }

  noteSignIn(attempt: SignIn): void {
    this.#options.emitter.authentication(attempt);
  }

  readAudit(page: AuditPage): Promise<readonly AuditRecord[]> {
    return this.#options.state.readAudit(page);
  }

  verifyAudit(page: AuditPage): Promise<AuditVerification> {
    return this.#options.state.verifyAudit(page);
  }

  async command(command: Command): Promise<CommandOutcome> {
    const { action, id } = command;
    const { fleet, predecessor } = this.#options;
    const { supervisor } = fleet;
    if (action.kind === 'drain') {
      // Not a worker's business: one that ended would be replaced.
      const isRepeat = this.#isDraining;
      const carrying = supervisor.carrying();
      this.#isDraining = true;
      if (!isRepeat) this.#options.drain();
      return { acks: carrying.map(({ slot }) => ({ id, worker: slot, closed: 0, isRepeat })), of: carrying.length };
    }
    if (action.kind === 'set-attack-level') this.#setAttackLevel(action.level);
    const of = supervisor.carrying().length;
    const meant = commandFor(process.pid, command);
    const [acks, before] = await Promise.all([
      meant.own === undefined ? [] : supervisor.command(meant.own),
      meant.others === undefined ? NOBODY : predecessor.command(meant.others),
    ]);
    return { acks: [...acks, ...before.acks], of: (meant.own === undefined ? 0 : of) + before.of };
  }

  #setAttackLevel(level: number): void {
    this.#attackLevel = level;
    this.#options.onAttackLevel(level);
  }

  /** A data plane begins: it knows of no attack. */
  bring(slot: number): void {
    if (this.#attackLevel === 0) return;
    const action = { kind: 'set-attack-level', level: this.#attackLevel } as const;
    const answer = this.#options.fleet.supervisor.planeOf(slot)?.command({ id: 'begin', action });
    // It has ended again: the next one in its place is told as well.
    answer?.catch(() => undefined);
  }

  async connections(query: ConnectionQuery): Promise<ConnectionsAnswer> {
    const { client, kind, limit } = query;
    const wanted = { client, isWebSocket: kind === undefined ? undefined : kind === 'websocket', max: limit };
    const lists = await Promise.all(
      this.#options.fleet.threads().map(async (thread) => {
        const { total, connections } = await thread.connections(wanted).catch(() => NONE_OPEN);
        return { total, records: connections.map((connection) => this.#record(thread, connection)) };
      }),
    );
    const before = await this.#options.predecessor.connections(query);
    const total = lists.reduce((sum, list) => sum + list.total, before.total);
    const records = [...lists.flatMap((list) => list.records), ...before.connections];
    // The oldest of each worker are not yet the oldest of all.
    records.sort((left, right) => left.openedMs - right.openedMs);
    return { total, connections: records.slice(0, limit) };
  }

  /** The same, for another process: ids of ours say whose they are. */
  async namedConnections(query: ConnectionQuery): Promise<ConnectionsAnswer> {
    const { total, connections } = await this.connections(query);
    return { total, connections: connections.map((record) => namedConnection(process.pid, record)) };
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

  #entry(operation: string, detail: string, { author, session }: Actor): AuditEntry {
    return { timeMs: this.#options.clock.wallMs(), author, session, operation, result: 'done', detail };
  }

  #confirmed(workers: number | undefined): ConfirmedBy {
    const { fleet, predecessor } = this.#options;
    const of = fleet.supervisor.ready().length + predecessor.workers;
    return { workers: Math.min(workers ?? of, of), of };
  }
}

function stateOf(state: SlotStatus['state'], lastEnd: SlotStatus['lastEnd']): WorkerStatus['state'] {
  switch (state) {
    case 'ready':
      return 'running';
    case 'starting':
    case 'draining':
      return state;
    case 'absent':
      return lastEnd === undefined || lastEnd.cause === 'stopped' ? 'stopped' : 'failed';
  }
}

const NOBODY: CommandOutcome = { acks: [], of: 0 };

/** What a worker that ends has open. */
const NONE_OPEN: OpenConnections = { total: 0, connections: [] };

function addressText(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
