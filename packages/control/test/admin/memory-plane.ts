import { createHash } from 'node:crypto';
import {
  type AuditEntry,
  type AuditPage,
  type AuditRecord,
  type AuditVerification,
  type Command,
  type CommandAck,
  type Decision,
  StoreError,
} from '@sallyport/kernel';
import type { ConnectionRecord, PolicyRecord, PolicySource, StatusAnswer, WorkerStatus } from '../../src/contract.ts';
import type {
  Actor,
  CommandOutcome,
  ConfirmedBy,
  ConnectionQuery,
  ControlPlane,
  EventQuestionsPort,
  NotificationDesk,
  NotTaken,
  PublishedPolicy,
  PublishOrder,
  ReloadOutcome,
  RollbackOutcome,
  SallyportConfig,
  ServiceHealthPort,
  SignIn,
} from '../../src/index.ts';
import { formatProblem, loadConfig, RuleImages } from '../../src/index.ts';
import { memoryFiles } from '../memory-files.ts';
import { memoryEvents } from './memory-events.ts';
import { memoryServices } from './memory-services.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const START_MS = 1_700_000_000_000;

/** A control plane of two workers that carry nothing. */
export class MemoryPlane implements ControlPlane {
  /** The text of the configuration file. */
  text: string;
  /** What the next call does instead. */
  accident: 'none' | 'throws' | 'hangs' | 'no-state' = 'none';
  /** What the next publication says. */
  isWorkerFailing = false;
  decisionsMax = 1_000;
  readonly commands: Command[] = [];
  open: readonly ConnectionRecord[] = [];
  events: EventQuestionsPort | undefined = memoryEvents(() => this.#happenLater());
  readonly services: ServiceHealthPort = memoryServices(() => this.#happen());
  readonly notifications: NotificationDesk = {
    overview: async () => {
      await this.#happenLater();
      const waits = { waiting: 2, oldestMs: START_MS, failure: 'timeout' } as const;
      return {
        channels: [{ name: 'ops', kind: 'webhook', target: 'ops.example.com', ...waits }],
        open: [],
        dead: [{ id: 'ntf_1', channel: 'ops', failure: 'expired', enqueuedMs: START_MS }],
      };
    },
    test: async (channel) => {
      await this.#happenLater();
      return channel === 'ops' ? { channel, failure: null } : undefined;
    },
  };
  readonly #records: PolicyRecord[] = [];
  readonly #configs = new Map<number, SallyportConfig>();
  readonly #decisions = new Map<string, Decision>();
  readonly audited: AuditRecord[] = [];
  readonly signIns: SignIn[] = [];
  readonly #seen = new Set<string>();
  readonly #revoked = new Set<string>();
  #sequence = 0;
  #version = 0;

  constructor(text: string) {
    this.text = text;
    const outcome = this.#publishFile('start', 'start');
    if (outcome.kind !== 'published') throw new Error('the first configuration is not good');
  }

  status(): StatusAnswer {
    this.#happen();
    return {
      node: 'gate-1',
      version: '0.1.0',
      boot: 'b1',
      startedMs: START_MS,
      uptimeMs: 5_000,
      mode: 'production',
      isReady: true,
      notReadyReasons: [],
      isDraining: this.commands.some(({ action }) => action.kind === 'drain'),
      attackLevel: 0,
      listeners: [{ name: 'public', address: '127.0.0.1:8080', isTls: false }],
      upstreams: [{ name: 'game', serversUp: 1, serversAll: 2, isBreakerOpen: false }],
      workers: { running: 2, all: 2 },
      policy: { version: this.#version, hash: this.#currentHash(), publishedMs: START_MS },
    };
  }

  async workers(): Promise<readonly WorkerStatus[]> {
    await this.#happenLater();
    const worker = { state: 'running', startedMs: START_MS, connections: 3, eventLoopDelayMs: 0.5 } as const;
    return [
      { ...worker, id: 0, restarts: 0, lastFailure: null, heapUsedBytes: 1_000 },
      {
        ...worker,
        id: 1,
        restarts: 1,
        lastFailure: { timeMs: START_MS, reason: 'out of memory' },
        heapUsedBytes: null,
      },
    ];
  }

  policies(): { readonly current: number; readonly policies: readonly PolicyRecord[] } {
    this.#happen();
    return { current: this.#version, policies: this.#records.toReversed() };
  }

  policyConfig(version: number): SallyportConfig | undefined {
    this.#happen();
    return this.#configs.get(version);
  }

  async reload({ author }: PublishOrder): Promise<ReloadOutcome> {
    await this.#happenLater();
    return this.#publishFile('api', author);
  }

  async rollback(version: number, { author }: PublishOrder): Promise<RollbackOutcome> {
    await this.#happenLater();
    const config = this.#configs.get(version);
    return config === undefined ? { kind: 'unknown-version' } : this.#publish(config, 'rollback', author);
  }

  decisions(): { readonly sequence: number; readonly decisions: readonly Decision[] } {
    this.#happen();
    return { sequence: this.#sequence, decisions: [...this.#decisions.values()] };
  }

  async take(decision: Decision, actor: Actor): Promise<ConfirmedBy | 'too-many'> {
    await this.#happenLater();
    if (!this.#decisions.has(decision.id) && this.#decisions.size >= this.decisionsMax) return 'too-many';
    if (!this.#decisions.has(decision.id)) {
      this.#sequence += 1;
      this.#decisions.set(decision.id, decision);
      await this.audit(this.#entry('takeDecision', actor));
    }
    return { workers: 2, of: 2 };
  }

  async revoke(id: string, actor: Actor): Promise<ConfirmedBy | undefined> {
    await this.#happenLater();
    if (!this.#decisions.delete(id)) return undefined;
    this.#sequence += 1;
    this.#revoked.add(id);
    await this.audit(this.#entry('revokeDecision', actor));
    return { workers: 2, of: 2 };
  }

  isRevoked(id: string): boolean {
    return this.#revoked.has(id);
  }

  async audit(entry: AuditEntry): Promise<void> {
    const sequence = this.audited.length + 1;
    this.audited.push({ ...entry, sequence, hash: `hash-${sequence}` });
  }

  noteSignIn(attempt: SignIn): void {
    this.signIns.push(attempt);
  }

  async readAudit({ after, limit }: AuditPage): Promise<readonly AuditRecord[]> {
    await this.#happenLater();
    return this.audited.slice(after, after + limit);
  }

  async verifyAudit(page: AuditPage): Promise<AuditVerification> {
    const records = await this.readAudit(page);
    const { sequence = 0, hash = '' } = this.audited.at(-1) ?? {};
    const next = records.length === page.limit ? records.at(-1)?.sequence : undefined;
    return { checked: records.length, next, problem: undefined, head: { sequence, hash } };
  }

  #entry(operation: string, { author, session }: Actor): AuditEntry {
    return { timeMs: START_MS, author, session, operation, result: 'done', detail: '' };
  }

  async command(command: Command): Promise<CommandOutcome> {
    await this.#happenLater();
    const isRepeat = this.#seen.has(command.id);
    this.#seen.add(command.id);
    if (!isRepeat) this.commands.push(command);
    const ack = (worker: number): CommandAck => ({
      id: command.id,
      worker,
      closed: isRepeat ? 0 : this.#close(command, worker),
      isRepeat,
    });
    return { acks: [ack(0), ack(1)], of: 2 };
  }

  async connections({ client, kind, limit }: ConnectionQuery): Promise<{
    readonly total: number;
    readonly connections: readonly ConnectionRecord[];
  }> {
    await this.#happenLater();
    const matching = this.open.filter(
      (one) => (client === undefined || one.client === client) && (kind === undefined || one.kind === kind),
    );
    return { total: matching.length, connections: matching.slice(0, limit) };
  }

  #close({ action }: Command, worker: number): number {
    return this.open.filter(
      (one) =>
        one.worker === worker &&
        ((action.kind === 'close-connection' && one.id === action.connection) ||
          (action.kind === 'close-client' && one.client === action.client)),
    ).length;
  }

  #happen(): void {
    if (this.accident === 'throws') throw new Error('secret=hunter2');
    if (this.accident === 'no-state') throw new StoreError('UNAVAILABLE', 'the store thread is not running');
  }

  async #happenLater(): Promise<void> {
    this.#happen();
    // Nobody ever keeps this promise.
    if (this.accident === 'hangs') await new Promise(() => undefined);
  }

  #currentHash(): string {
    return this.#records.findLast(({ version }) => version === this.#version)?.hash ?? '';
  }

  #publishFile(source: PolicySource, author: string): ReloadOutcome {
    const files = memoryFiles({ '/etc/sallyport.yaml': this.text });
    const loaded = loadConfig({
      ruleImages: RULE_IMAGES,
      path: '/etc/sallyport.yaml',
      environment: ENVIRONMENT,
      files,
      nowMs: START_MS,
    });
    if (loaded.ok) return this.#publish(loaded.config, source, author);
    const problems = loaded.problems.map(formatProblem);
    this.#records.push({ version: null, hash: '', timeMs: START_MS, source, author, result: 'refused', problems });
    return { kind: 'refused', problems: loaded.problems };
  }

  #publish(config: SallyportConfig, source: PolicySource, author: string): PublishedPolicy | NotTaken {
    if (this.isWorkerFailing) return { kind: 'failed', detail: 'worker 1 did not answer' };
    const hash = createHash('sha256').update(JSON.stringify(config)).digest('hex');
    const isUnchanged = hash === this.#currentHash();
    if (!isUnchanged) this.#version += 1;
    const result = isUnchanged ? 'unchanged' : 'published';
    this.#configs.set(this.#version, config);
    this.#records.push({ version: this.#version, hash, timeMs: START_MS, source, author, result, problems: [] });
    return { kind: result, version: this.#version, hash, warnings: [] };
  }
}

const ENVIRONMENT = {
  FIRST: 'u8tVNkV0XxP3mWqLr2bYz5JcHs7DgEa9QfKo1TnBi4w',
  SECOND: 'Zk3RvPq8XsN1yLc6MdTj0WbGh5FuAe2QoIt7KxBn9Vr',
};
