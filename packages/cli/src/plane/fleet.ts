import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { type PlaneEnd, type PlaneState, type Publication, Supervisor } from '@sallyport/control';
import { Acceptor, openDescriptors, type PolicyImage, type Readiness, type TurnedAway } from '@sallyport/gateway';
import {
  ByteRing,
  type Clock,
  type DecisionSnapshot,
  FlightRecorder,
  HeartbeatWatch,
  type ListenAddress,
  type Log,
  MergedMetrics,
  type MetricsSnapshot,
  SharedGaugeTable,
  WorkerBoard,
} from '@sallyport/kernel';
import { type Level, RING_SHARES } from '@sallyport/stores/log';
import { countOpenFiles, filesMax } from '../metrics/process-metrics.ts';
import type { ThrownFacts } from '../notifications/describe-thrown.ts';
import { FileBudget } from './file-budget.ts';
import { type LineOutput, LogDrain } from './log-drain.ts';
import type { PlaneFacts, WorkerStart } from './messages.ts';
import { requireDistinct, tcpListeners } from './tcp-listeners.ts';
import { WorkerThread } from './worker-thread.ts';

export interface FleetOptions {
  readonly node: string;
  readonly image: PolicyImage;
  /** How the data planes run. */
  readonly workers: { readonly count: number; readonly heapMibMax: number; readonly hangMs: number };
  readonly clock: Clock;
  readonly log: Log;
  readonly logLevel: Level;
  readonly output: LineOutput;
  /** Rings to the store, one for each worker; none when events are only logged. */
  readonly eventRings: readonly ByteRing[];
  readonly onLine?: ((line: string) => void) | undefined;
  readonly onDropped: (lines: number) => void;
  /** A connection was closed as it came. */
  readonly onTurnedAway: (listener: string, why: TurnedAway) => void;
  readonly decisions: () => DecisionSnapshot;
  /** A worker began, or was lost: for events. `inputs`: what a lost one was judging. */
  readonly onWorker: (what: WorkerNews) => void;
  /** What the process before us has counted. */
  readonly countsBefore: () => Promise<MetricsSnapshot>;
  /** Sockets that were opened before us, by listener. */
  readonly inherited: ReadonlyMap<string, number>;
  readonly isTakingOver: boolean;
}

export type WorkerNews =
  | { readonly kind: 'started'; readonly slot: number }
  | { readonly kind: 'unforeseen'; readonly slot: number; readonly error: ThrownFacts }
  | { readonly kind: 'stage-failed'; readonly slot: number; readonly stage: string; readonly error: ThrownFacts }
  | {
      readonly kind: 'lost';
      readonly slot: number;
      readonly end: PlaneEnd;
      readonly inputs: readonly Uint8Array[];
    };

/** All data planes with what they share, the acceptor in front of them and the watchdog behind. */
export class Fleet {
  readonly supervisor: Supervisor<PolicyImage>;
  readonly #options: FleetOptions;
  readonly #acceptor: Acceptor;
  readonly #board: WorkerBoard;
  readonly #watch: HeartbeatWatch;
  readonly #counts: SharedGaugeTable;
  readonly #hashKey: Uint8Array = randomBytes(16);
  readonly #recorders: readonly FlightRecorder[];
  readonly #rings: readonly ByteRing[];
  readonly #drains: readonly LogDrain[];
  readonly #threads: (WorkerThread | undefined)[] = [];
  readonly #facts: (PlaneFacts | undefined)[] = [];
  readonly #metrics = new MergedMetrics();
  /** When each slot was last replaced because of an error that nobody foresaw. */
  readonly #retiredMs: number[] = [];
  #ticketKeys: Uint8Array = randomBytes(TICKET_KEY_BYTES);
  #timers: NodeJS.Timeout[] = [];
  #isFirstStart = true;
  #isDraining = false;
  /** Resolves when all workers have been told to finish what they have. */
  readonly #draining = Promise.withResolvers<void>();

  constructor(options: FleetOptions) {
    this.#options = options;
    const { workers, clock, output, onLine, onDropped, image } = options;
    const { count } = workers;
    const onFailure = (error: unknown): void =>
      options.log.error('lines of a worker cannot be carried over', { error });
    this.#board = new WorkerBoard(WorkerBoard.allocate(count));
    this.#watch = new HeartbeatWatch(this.#board, { stillMs: workers.hangMs });
    const keysMax = Math.min(COUNTED_KEYS_MAX, image.config.connections.connectionsMax * 2 + COUNTED_KEYS_MIN);
    // The control plane takes the last column: it counts nothing itself.
    this.#counts = new SharedGaugeTable(SharedGaugeTable.allocate({ keysMax, slots: count + 1 }), {
      hashKey: this.#hashKey,
      slot: count,
    });
    const slots = Array.from({ length: count });
    this.#recorders = slots.map(
      () => new FlightRecorder(FlightRecorder.allocate({ cells: RECORDED_INPUTS, inputBytes: RECORDED_BYTES })),
    );
    this.#rings = slots.map(() => new ByteRing(ByteRing.allocate({ bytes: RING_BYTES, shares: RING_SHARES })));
    this.#drains = this.#rings.map((ring) => new LogDrain({ ring, output, onLine, onDropped, onFailure }));
    const files = new FileBudget({
      filesMax: filesMax(),
      countOpen: countOpenFiles,
      connections: () => this.#board.totalLoad(),
      nowMs: () => performance.now(),
    });
    this.#acceptor = new Acceptor({
      choose: () => this.#choose(),
      isInForce: ({ name, address }) =>
        this.supervisor.image.config.listeners.some(
          (item) => item.name === name && isDeepStrictEqual(item.address, address),
        ),
      admit: () => files.admit(),
      descriptors: openDescriptors(),
      onRefused: options.onTurnedAway,
    });
    this.supervisor = new Supervisor(image, {
      count,
      clock,
      spawn: (slot, policy) => this.#spawn(slot, policy),
      decisions: options.decisions,
      onState: (slot, state) => this.#onState(slot, state),
      onLost: (slot, end) => this.#onLost(slot, end),
    });
  }

  /** Opens every listener and starts every worker, or nothing. @throws Error when an address cannot be had or a worker cannot start. */
  async start(): Promise<void> {
    try {
      await this.openListeners(this.#options.image);
      await this.supervisor.start();
    } catch (cause) {
      this.#acceptor.closeAll();
      await this.supervisor.close();
      this.stop();
      throw cause;
    }
    this.#isFirstStart = false;
    this.#timers = [
      setInterval(() => this.#watchOver(), WATCH_MS),
      setInterval(() => this.#renewTicketKeys(), TICKET_KEY_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  /** Opens the TCP listeners of a policy that are not open yet. @throws Error when an address cannot be had; those that were open stay. */
  async openListeners(image: PolicyImage): Promise<void> {
    try {
      this.#requireServing();
      const listeners = tcpListeners(image);
      requireDistinct(listeners);
      for (const listener of listeners) {
        if (this.#acceptor.has(listener)) continue;
        const inherited = this.#isFirstStart ? this.#options.inherited.get(listener.name) : undefined;
        await this.#acceptor.open(listener, { socket: inherited, isTakingOver: this.#options.isTakingOver });
        this.#requireServing();
      }
    } catch (cause) {
      this.closeOtherListeners(this.supervisor.image);
      throw cause;
    }
  }

  /** Who connects in a drain finds nobody, and a policy of our own would come behind that of the process that has taken over. */
  #requireServing(): void {
    if (this.#isDraining) throw new Error('the process drains, and takes no policy of its own any more');
  }

  /** Closes the listeners that a policy does not have; in a drain all. */
  closeOtherListeners(image: PolicyImage): void {
    this.#acceptor.closeOthers(this.#isDraining ? [] : tcpListeners(image));
  }

  /** Where the listeners really are. */
  addresses(): ReadonlyMap<string, ListenAddress> {
    return new Map([...(this.#threads[0]?.addresses ?? []), ...this.#acceptor.addresses()]);
  }

  /** Numbers of the listening sockets, for a process that inherits them. */
  socketNumbers(): Map<string, number> {
    return new Map(this.#acceptor.socketNumbers());
  }

  /** The threads that may have connections, by slot: those that serve, and those that finish what they have. */
  threads(): readonly WorkerThread[] {
    const carrying = new Set(this.supervisor.carrying().map(({ slot }) => slot));
    return this.#threads.flatMap((thread) => (thread !== undefined && carrying.has(thread.slot) ? [thread] : []));
  }

  /** Connections that were accepted in this thread and wait for a worker. */
  get waiting(): number {
    return this.#acceptor.waiting;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Ready when one worker is; the reasons of all. */
  readiness(): Readiness {
    if (this.#isDraining) return { ready: false, reasons: ['draining'] };
    const known = this.#facts.flatMap((facts) => (facts === undefined ? [] : [facts.readiness]));
    if (known.length === 0) return { ready: false, reasons: ['no worker is ready'] };
    return {
      ready: known.some(({ ready }) => ready),
      reasons: [...new Set(known.flatMap(({ reasons }) => reasons))],
    };
  }

  /** What one of the workers says of upstreams: each checks them itself. */
  upstreams(): PlaneFacts['upstreams'] {
    return this.#facts.find((facts) => facts !== undefined)?.upstreams ?? [];
  }

  /** The metrics of all workers, of the process before us and `own`; of who does not answer, what they counted last. */
  async metrics(own: MetricsSnapshot): Promise<MetricsSnapshot> {
    const [before] = await Promise.all([
      this.#options.countsBefore(),
      ...this.threads().map(async (thread) => {
        const snapshot = await thread.metrics().catch(() => undefined);
        if (snapshot !== undefined && this.#threads[thread.slot] === thread)
          this.#metrics.update(String(thread.slot), snapshot);
      }),
    ]);
    this.#metrics.inherit(before);
    return this.#metrics.snapshot(own);
  }

  /** No new connections; what is in progress ends. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#acceptor.closeAll();
    // What one hands on now has to find another that still takes it: the process that takes over has not seen it.
    await Promise.all(this.threads().map((thread) => thread.stopAccepting()));
    const drained = this.supervisor.drain();
    this.#draining.resolve();
    await drained;
    this.stop();
  }

  /**
   * Judges what is still open by the policy of the process that has taken over, as soon as nobody is accepted here any more. It opens
   * no listener: they are that one's. @throws Error of a worker that cannot use it; the one before it stays.
   */
  async follow(image: PolicyImage): Promise<Publication> {
    await this.#draining.promise;
    // Without a state folder every process counts from one, and workers know a policy by its number.
    const version = Math.max(image.version, this.supervisor.image.version + 1);
    return this.supervisor.publish({ ...image, version });
  }

  async close(): Promise<void> {
    this.#acceptor.closeAll();
    await this.supervisor.close();
    this.stop();
  }

  /** Writes what still waits in the rings. */
  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    for (const drain of this.#drains) drain.stop();
  }

  #choose(): WorkerThread | undefined {
    const slot = this.#board.leastLoaded();
    const thread = slot === -1 ? undefined : this.#threads[slot];
    if (thread === undefined) return undefined;
    this.#board.addLoad(slot, 1);
    this.#board.addHanded(slot, 1);
    return thread;
  }

  #spawn(slot: number, image: PolicyImage): WorkerThread {
    const { node, workers, logLevel, isTakingOver, onWorker } = this.#options;
    const recorder = this.#recorders[slot];
    const ring = this.#rings[slot];
    if (recorder === undefined || ring === undefined) throw new RangeError(`there is no slot ${slot}`);
    const start: WorkerStart = {
      slot,
      node,
      image,
      planes: workers.count,
      logLevel,
      ticketKeys: this.#ticketKeys,
      memory: {
        board: this.#board.buffer,
        ring: ring.buffer,
        events: this.#options.eventRings[slot]?.buffer,
        recorder: recorder.buffer,
        counts: this.#counts.buffer,
        hashKey: this.#hashKey,
      },
      ownListeners: slot === SOCKET_FILES_SLOT,
      inherited: this.#isFirstStart ? this.#inheritedFiles() : new Map(),
      isTakingOver: !this.#isFirstStart || isTakingOver,
      isReplacement: !this.#isFirstStart,
    };
    const thread = new WorkerThread({
      start,
      heapMibMax: workers.heapMibMax,
      onState: (state) => {
        if (this.#threads[slot] === thread) this.#facts[slot] = state;
      },
      decisions: this.#options.decisions,
      share: (known) => this.#acceptor.share(tcpListeners(this.supervisor.image), known),
      onHandedOn: (listener, socket) => this.#acceptor.spread(listener, socket),
      onTurnedAway: this.#options.onTurnedAway,
      onFinished: (counts) => this.#metrics.update(String(slot), counts),
      onUnforeseen: (error) => {
        onWorker({ kind: 'unforeseen', slot, error });
        this.#retire(slot);
      },
      onStageFailed: (stage, error) => onWorker({ kind: 'stage-failed', slot, stage, error }),
    });
    this.#threads[slot] = thread;
    return thread;
  }

  /**
   * Sockets for the listeners on socket files: of a service manager, because a process hands on those of ports alone. The number of
   * a port is another descriptor's as soon as the acceptor has it, and must not be taken for a file that gets its name later.
   */
  #inheritedFiles(): ReadonlyMap<string, number> {
    const { inherited, isTakingOver, image } = this.#options;
    const ports = tcpListeners(image).map(({ name }) => name);
    return new Map([...inherited].filter(([name]) => !isTakingOver && !ports.includes(name)));
  }

  /**
   * A worker in which something unforeseen was thrown may hold what it should not: another one takes its place, and it
   * finishes what it has. But not again and again: somebody who knows such an input could otherwise end everybody's
   * connections at will, and until then nothing was worse than one connection. Nor where nobody else takes what comes
   * meanwhile: the only worker that serves, and the one with the socket files, go on.
   */
  #retire(slot: number): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - (this.#retiredMs[slot] ?? Number.NEGATIVE_INFINITY) < RETIRE_PAUSE_MS) return;
    const { listeners } = this.supervisor.image.config;
    if (slot === SOCKET_FILES_SLOT && listeners.some(({ address }) => address.kind === 'unix')) return;
    if (this.supervisor.retire(slot)) this.#retiredMs[slot] = nowMs;
  }

  #onState(slot: number, state: PlaneState): void {
    this.#board.setState(slot, state);
    if (state !== 'ready') return;
    this.#options.onWorker({ kind: 'started', slot });
    this.#threads[slot]?.open();
    this.#acceptor.flush();
  }

  #onLost(slot: number, end: PlaneEnd): void {
    const inputs = (this.#recorders[slot]?.read() ?? []).map(({ bytes }) => bytes);
    this.#recorders[slot]?.clear();
    this.#counts.clearColumn(slot);
    this.#board.clear(slot);
    this.#drains[slot]?.flush();
    this.#facts[slot] = undefined;
    this.#threads[slot] = undefined;
    this.#metrics.retire(String(slot));
    this.#options.onWorker({ kind: 'lost', slot, end, inputs });
  }

  #watchOver(): void {
    for (const slot of this.#watch.look(this.#options.clock.monotonicMs())) this.#threads[slot]?.terminate('hang');
  }

  #renewTicketKeys(): void {
    this.#ticketKeys = randomBytes(TICKET_KEY_BYTES);
    for (const thread of this.#threads) thread?.setTicketKeys(this.#ticketKeys);
  }
}

/** The worker that has the listeners on socket files. */
const SOCKET_FILES_SLOT = 0;

/** Lines of one worker that wait to be written: at 600 bytes for a request, a quarter of a second at 25,000 a second. */
const RING_BYTES = 4_194_304;

/** Inputs in judgement at the same moment: most are judged within one turn of the event loop. */
const RECORDED_INPUTS = 64;
const RECORDED_BYTES = 4_096;

/** Keys of counts: clients, and clients on routes with WebSockets. Each open connection holds at most two. */
const COUNTED_KEYS_MIN = 1_024;
const COUNTED_KEYS_MAX = 1_000_000;

const WATCH_MS = 500;

/** Longest time between two replacements of a worker because of something that was thrown. */
const RETIRE_PAUSE_MS = 600_000;

/** AES and HMAC keys and a name, as node:tls takes them. Whoever learns them reads the sessions of the hours they were in use. */
const TICKET_KEY_BYTES = 48;
const TICKET_KEY_MS = 12 * 3_600_000;
