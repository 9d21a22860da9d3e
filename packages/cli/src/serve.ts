/**
 * The composition root: the one file that knows every package and joins them.
 */
import { availableParallelism, hostname } from 'node:os';
import { type AdminAddresses, DecisionLog, type PolicySource, type SallyportConfig } from '@sallyport/control';
import { SystemEmitter } from '@sallyport/gateway';
import {
  DECISIONS_MAX,
  type ListenAddress,
  type Log,
  MetricsRegistry,
  type MetricsSnapshot,
  type StoredState,
} from '@sallyport/kernel';
import { openPino, type PinoOutput } from '@sallyport/stores/log';
import { systemClock } from './clock.ts';
import { registerFleetMetrics } from './metrics/fleet-metrics.ts';
import { registerOwnMetrics } from './metrics/own-metrics.ts';
import { createErrorReports, type ErrorReports } from './notifications/error-reports.ts';
import { createNotifier, type Notifier } from './notifications/notifier.ts';
import { type Compiled, type CompileRequest, compileConfig } from './plane/compile.ts';
import { CompileThread } from './plane/compile-thread.ts';
import { ControlListeners, type OperationsAddress } from './plane/control-listeners.ts';
import { type ControlMetrics, controlMetrics } from './plane/control-metrics.ts';
import { RunningPlane } from './plane/control-plane.ts';
import { Fleet, type FleetOptions } from './plane/fleet.ts';
import type { Channel } from './plane/hand-over/channel.ts';
import { HandOver, type TakeOver } from './plane/hand-over/hand-over.ts';
import type { Predecessor } from './plane/hand-over/predecessor.ts';
import { Policies, type PublishOutcome } from './plane/policies.ts';
import { publish } from './plane/publish.ts';
import { ServiceHealth } from './plane/service-health.ts';
import { closeUnused, type Inherited } from './plane/take-over.ts';
import { TurnedAwayLog } from './plane/turned-away.ts';
import { recordWorkerNews } from './plane/worker-news.ts';
import { AuditTrail } from './store/audit-trail.ts';
import { eventQuestions } from './store/event-questions.ts';
import { type EventRings, openEventRings, withStore } from './store/event-rings.ts';
import { Stores } from './store/stores.ts';
import { VERSION } from './version.ts';

export interface ServeOptions {
  /** Sees every line of the log; for the demo's screen. */
  readonly onLine?: (line: string) => void;
  /** What is read again on a reload. Default: nothing can be. */
  readonly file?: Pick<CompileRequest, 'path' | 'environment'>;
  /** Listening sockets that were opened before us. */
  readonly inherited?: Inherited;
  /** The way to the process that they are from. */
  readonly predecessor?: Channel | undefined;
}

/** A running gateway. */
export interface Serving {
  readonly log: Log;
  /** Where the listeners really are now: a reload may have changed them. */
  addresses(): ReadonlyMap<string, ListenAddress>;
  /** Where metrics and health are served; undefined when they are not. */
  readonly operations: OperationsAddress | undefined;
  /** Where the admin API is served; undefined when it is not. */
  readonly admin: AdminAddresses | undefined;
  /** Counts an error that nobody foresaw; see `run`. */
  onInternalError(cause: unknown): void;
  /** Reads the configuration again, and publishes it when nothing is wrong with it. */
  reload(source: PolicySource, author: string): Promise<PublishOutcome>;
  /** Numbers of all listening sockets, for a process that takes over. */
  socketNumbers(): ReadonlyMap<string, number>;
  /** Before another process takes over: what was ordered is stored, and that process may have the store. */
  yieldState(): Promise<void>;
  /** Nobody has taken over: takes the store back. */
  resumeState(): Promise<void>;
  /** Records that another process has taken over, or could not. Resolves when the drain may begin. */
  noteTakeOver(result: TakeOver): Promise<void>;
  /** Tells the process before us, if there is one, that we serve, and has it follow what is decided here. */
  tellPredecessor(): void;
  /** Calls back when an administrator wants the process to end without losing what is in progress. */
  onDrainAsked(callback: () => void): void;
  /** A link to the admin API for whoever sits at the terminal; undefined without a port to lead to. Holds a secret. */
  firstLink(): string | undefined;
  /** Cuts what is in progress, records it, and writes the lines of the log that still wait: an end without a drain. */
  abort(): Promise<void>;
  /** Drains and stops; resolves when nothing is left and everything is written. */
  stop(): Promise<void>;
}

/** Starts everything a configuration asks for. @throws Error when an address or the log file cannot be had. */
export async function serve(config: SallyportConfig, options: ServeOptions = {}): Promise<Serving> {
  const registry = new MetricsRegistry();
  registerOwnMetrics(registry, VERSION);
  const metrics = controlMetrics(registry);
  const output = openLog(config.log, metrics);
  const { inherited = NOTHING_INHERITED } = options;
  const node = hostname();
  const rings = openEventRings(config, workersOf(config));
  const emitter = new SystemEmitter({ node, sink: withStore(output.sink, rings), clock: systemClock });
  const stores = await openStores(config, { emitter, metrics, output, rings });
  const stored = await loadState(stores, output);
  const basis = { clock: systemClock, log: output.log, registry };
  const notifier = createNotifier(config, { node, ...basis, outbox: stores.outbox });
  const reports = createErrorReports(config, { node, ...basis });
  const health = new ServiceHealth({ ...basis, emitter, store: stores.health, notices: notifier.notices });
  const handOver = new HandOver({ channel: options.predecessor, log: output.log, emitter, metrics });
  const { predecessor } = handOver;
  const basics = { node, emitter, options, inherited, metrics, output, predecessor };
  const parts = { ...basics, rings, stores, stored, health, notifier, reports };
  const planes = joinPlanes(config, parts);
  const { fleet, plane, decisions } = planes;
  const eventRings = [...rings.workers, ...(rings.own === undefined ? [] : [rings.own])];
  registerFleetMetrics(registry, { fleet, decisions, eventRings, plane, predecessor });
  const settled = predecessor.settled;
  const listeners = new ControlListeners(config, { plane, fleet, ...basis, settled });
  const handedOver = { fleet, plane, decisions, listeners, registry, stores, notifier, health };
  const endings = endingsOf({ fleet, listeners, health, notifier, reports, stores, output, handOver });
  let operations: OperationsAddress | undefined;
  let admin: AdminAddresses | undefined;
  try {
    operations = await listeners.openOperations(inherited);
    await fleet.start();
    admin = await listeners.openAdmin(inherited);
    // What was counted before us would look like an attack, if it came later.
    const counts = (): Promise<MetricsSnapshot> => settled.then(() => fleet.metrics(registry.snapshot()));
    await notifier.start({ counts, drops: stores.drops });
    // Whoever is told has to know by then what was told before.
    await health.start(config);
  } catch (cause) {
    // Workers that serve already would keep a process alive that nobody watches over.
    await endings.abort();
    throw cause;
  }
  closeUnused(inherited, [
    ...config.gateway.listeners.flatMap(({ name, address }) => (address.kind === 'tcp' ? [name] : [])),
    ...listeners.socketNumbers().map(([name]) => name),
  ]);
  return {
    log: output.log,
    addresses: () => fleet.addresses(),
    operations,
    admin,
    onInternalError: (cause) => noteUnforeseen(cause, parts),
    reload: (source, author) => reloadAudited(planes, source, author),
    socketNumbers: () => new Map([...fleet.socketNumbers(), ...listeners.socketNumbers()]),
    yieldState: () => handOver.yield(handedOver),
    resumeState: () => handOver.resume(handedOver),
    noteTakeOver: (result) => handOver.note(result, handedOver),
    tellPredecessor: () => handOver.begin(handedOver),
    onDrainAsked: planes.onDrainAsked,
    firstLink: () => listeners.firstLink(),
    ...endings,
  };
}

interface Served extends Pick<Parts, 'stores' | 'output' | 'reports'> {
  readonly fleet: Fleet;
  readonly listeners: ControlListeners;
  readonly health: ServiceHealth;
  readonly notifier: Notifier;
  readonly handOver: HandOver;
}

/** What is told and stored last is what happens while traffic ends. */
function endingsOf(served: Served): Pick<Serving, 'abort' | 'stop'> {
  const { fleet, listeners, health, notifier, reports, stores, output, handOver } = served;
  let finishing: Promise<void> | undefined;
  // A drain that is cut ends as well, and what is closed by then must not be told anything.
  const finish = (): Promise<void> => {
    finishing ??= finishNow();
    return finishing;
  };
  const finishNow = async (): Promise<void> => {
    await listeners.close();
    await health.close();
    await notifier.stop();
    await stores.close();
    await reports.close();
    await output.flush();
  };
  return {
    abort: async () => {
      await fleet.close();
      await finish();
    },
    stop: async () => {
      await fleet.drain();
      await handOver.leave();
      await finish();
    },
  };
}

function noteUnforeseen(
  cause: unknown,
  { metrics, output, reports }: Pick<Parts, 'metrics' | 'output' | 'reports'>,
): void {
  metrics.internalErrors.add();
  output.log.error('an error that nobody foresaw', { error: cause });
  reports.thrown(cause);
}

function openLog({ destination, level }: SallyportConfig['log'], metrics: ControlMetrics): PinoOutput {
  return openPino({
    level,
    file: destination.kind === 'file' ? destination.path : undefined,
    onDropped: (lines) => metrics.dropped.add(lines),
  });
}

async function openStores(
  config: SallyportConfig,
  { emitter, metrics, output, rings }: Pick<Parts, 'emitter' | 'metrics' | 'output' | 'rings'>,
): Promise<Stores> {
  try {
    return await Stores.open(config, { clock: systemClock, log: output.log, emitter, metrics, rings });
  } catch (cause) {
    await output.flush();
    throw cause;
  }
}

/** @throws StoreError when it cannot be read: whoever is banned must not be let in because a disk was not there. */
async function loadState(stores: Stores, output: PinoOutput): Promise<StoredState> {
  try {
    return await stores.load();
  } catch (cause) {
    await stores.close();
    await output.flush();
    throw cause;
  }
}

async function reloadAudited(
  { policies, plane }: Planes,
  source: PolicySource,
  author: string,
): Promise<PublishOutcome> {
  const outcome = await policies.reload({ source, author });
  const isDone = outcome.kind === 'published' || outcome.kind === 'unchanged';
  await plane.audit({
    timeMs: systemClock.wallMs(),
    author: `${source}:${author}`,
    session: '',
    operation: 'reload',
    result: isDone ? 'done' : outcome.kind,
    detail: isDone ? `${outcome.kind}, policy ${outcome.version}` : '',
  });
  return outcome;
}

interface Parts {
  readonly stores: Stores;
  readonly stored: StoredState;
  readonly node: string;
  readonly emitter: SystemEmitter;
  readonly options: ServeOptions;
  readonly inherited: Inherited;
  readonly metrics: ControlMetrics;
  readonly output: PinoOutput;
  readonly rings: EventRings;
  readonly health: ServiceHealth;
  readonly notifier: Notifier;
  readonly reports: ErrorReports;
  readonly predecessor: Predecessor;
}

function workersOf({ workers: { count } }: SallyportConfig): number {
  return count === 0 ? availableParallelism() : count;
}

function threadsOf(config: SallyportConfig): FleetOptions['workers'] {
  const { memoryBytesMax, hangMs } = config.workers;
  return { count: workersOf(config), heapMibMax: Math.round(memoryBytesMax / 1_048_576), hangMs };
}

interface Planes {
  readonly fleet: Fleet;
  readonly policies: Policies;
  readonly plane: RunningPlane;
  readonly decisions: DecisionLog;
  /** Calls back when somebody has told the gateway to drain. */
  readonly onDrainAsked: (callback: () => void) => void;
}

/** The data planes, and what the control plane brings to them. */
function joinPlanes(config: SallyportConfig, parts: Parts): Planes {
  const { node, emitter, options, inherited, metrics, output, rings, stores, stored, health, notifier } = parts;
  const clock = systemClock;
  const first = compileConfig(config, { version: versionAfter(stored), previous: undefined });
  const audit = new AuditTrail({ store: stores.state, clock, emitter, log: output.log, metrics });
  const decisions = joinDecisions(parts, { audit, fleet: () => fleet });
  const { diagnostics } = config.workers;
  const news = { emitter, metrics, reports: parts.reports, log: output.log, clock, diagnostics };
  const turnedAway = new TurnedAwayLog({ counter: metrics.turnedAway, log: output.log, clock });
  const fleet: Fleet = new Fleet({
    node,
    image: first.image,
    workers: threadsOf(config),
    clock,
    log: output.log,
    logLevel: config.log.level,
    output,
    eventRings: rings.workers,
    onLine: options.onLine,
    onDropped: (lines) => metrics.dropped.add(lines),
    onTurnedAway: (listener, why) => turnedAway.note(listener, why),
    decisions: () => decisions.snapshot(),
    onWorker: (what) => {
      recordWorkerNews(what, news);
      if (what.kind === 'started') plane.bring(what.slot);
    },
    inherited: inherited.sockets,
    isTakingOver: inherited.isTakingOver,
    countsBefore: () => parts.predecessor.counts(),
  });
  const compiler = new CompileThread();
  const policies = new Policies({
    clock,
    first: { ok: true, ...first, warnings: [] },
    file: options.file,
    compile: (request) => compiler.compile(request),
    publish: (image, compileMs) => publish(fleet, image, { metrics, emitter, compileMs }),
    onRefused: (why) => {
      metrics.reloads.with('refused').add();
      emitter.system('policy-refused', why);
    },
    onPublished: (published) => bringPublished(published, parts),
    earlier: stored.policies,
    onAttempt: (attempt) => void stores.keepPolicy(attempt),
  });
  metrics.version.set(first.image.version);
  let drain = (): void => undefined;
  const plane: RunningPlane = new RunningPlane({
    node,
    clock,
    emitter,
    fleet,
    policies,
    predecessor: parts.predecessor,
    decisions,
    state: stores.state,
    audit,
    events: eventQuestions(stores),
    services: health.report,
    notifications: notifier.desk,
    onAttackLevel: (level) => notifier.onAttackLevel(level),
    drain: () => drain(),
  });
  const onDrainAsked = (callback: () => void): void => {
    drain = callback;
  };
  return { fleet, policies, plane, decisions, onDrainAsked };
}

/** What else is to know of a policy that is in force. */
function bringPublished(published: Compiled, { health, predecessor }: Pick<Parts, 'health' | 'predecessor'>): void {
  health.apply(published.config);
  predecessor.bringPolicy(published);
}

/** The log of decisions, which begins with those that are stored. */
function joinDecisions(
  { stores, stored, output, predecessor }: Parts,
  { audit, fleet }: { readonly audit: AuditTrail; readonly fleet: () => Fleet },
): DecisionLog {
  const decisions = new DecisionLog({
    clock: systemClock,
    decisionsMax: DECISIONS_MAX,
    store: stores.state,
    onChange: async (change) => {
      const confirmed = [fleet().supervisor.applyDecision(change), predecessor.applyDecision(change)];
      return (await Promise.all(confirmed)).reduce((sum, workers) => sum + workers, 0);
    },
    onAudited: (head) => audit.grown(head),
    onReplaced: () => {
      fleet().supervisor.replaceDecisions();
      predecessor.replaceDecisions();
    },
  });
  decisions.adopt(stored);
  stores.onRestored(() => {
    decisions.lookAgain().catch((error: unknown) => output.log.error('the state cannot be read', { error }));
  });
  return decisions;
}

/** Numbers go on where they were, so that one means the same policy in the whole history. */
function versionAfter({ policies }: StoredState): number {
  return policies.reduce((last, { version = 0 }) => Math.max(last, version), 0) + 1;
}

const NOTHING_INHERITED: Inherited = { sockets: new Map(), isTakingOver: false };
