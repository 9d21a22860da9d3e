import type { Server, Socket } from 'node:net';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DataPlane, PlaneEnd, PlaneEndCause } from '@sallyport/control';
import type {
  OpenConnectionQuery,
  OpenConnections,
  PolicyImage,
  SharedDoor,
  SocketTaker,
  TurnedAway,
} from '@sallyport/gateway';
import type {
  Command,
  CommandAck,
  DecisionChange,
  DecisionSnapshot,
  ListenAddress,
  MetricsSnapshot,
} from '@sallyport/kernel';
import type { ThrownFacts } from '../notifications/describe-thrown.ts';
import type { Answer, FromWorker, PlaneFacts, Question, ToWorker, WorkerStart } from './messages.ts';

export interface WorkerThreadOptions {
  readonly start: WorkerStart;
  /** Largest heap of the thread in MiB; beyond it the thread ends, and no other one with it. */
  readonly heapMibMax: number;
  readonly onState: (state: PlaneFacts) => void;
  /** All decisions in force, for one that has missed a change. */
  readonly decisions: () => DecisionSnapshot;
  /** What it is to accept from by the policy in force, with sockets for the doors that it does not know. */
  readonly share: (known: ReadonlySet<number>) => readonly SharedDoor[];
  /** It has accepted a connection that somebody else is to have. */
  readonly onHandedOn: (listener: string, socket: Socket) => void;
  /** It has closed a connection as it came. */
  readonly onTurnedAway: (listener: string, why: TurnedAway) => void;
  /** It ends in order, and has counted this. */
  readonly onFinished: (counts: MetricsSnapshot) => void;
  /** Something was thrown outside of every connection. */
  readonly onUnforeseen: (error: ThrownFacts) => void;
  readonly onStageFailed: (stage: string, error: ThrownFacts) => void;
}

/** Of what an outsider can see of a worker thread that runs. */
export type WorkerVitals = Extract<Answer, { kind: 'memory' }>;

/** A data plane in a worker thread. */
export class WorkerThread implements DataPlane<PolicyImage>, SocketTaker {
  readonly slot: number;
  readonly started: Promise<void>;
  readonly ended: Promise<PlaneEnd>;
  readonly #worker: Worker;
  readonly #options: WorkerThreadOptions;
  readonly #asked = new Map<number, Asked>();
  #addresses: ReadonlyMap<string, ListenAddress> = new Map();
  /** Doors that it accepts from; undefined before it serves. */
  #doors: ReadonlySet<number> | undefined;
  #lastId = 0;
  #failure: PlaneEnd | undefined;
  #isTold = false;
  #isEnded = false;
  #resolveStarted: () => void = () => undefined;
  #rejectStarted: (cause: Error) => void = () => undefined;

  constructor(options: WorkerThreadOptions) {
    this.slot = options.start.slot;
    this.#options = options;
    this.started = new Promise((resolve, reject) => {
      this.#resolveStarted = resolve;
      this.#rejectStarted = reject;
    });
    // Whoever waits for the start hears of a failure there; nobody has to.
    this.started.catch(() => undefined);
    this.#worker = new Worker(new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url), {
      name: `worker ${options.start.slot}`,
      workerData: options.start,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMibMax, maxYoungGenerationSizeMb: YOUNG_MIB_MAX },
    });
    this.#worker.on('message', (message: FromWorker) => this.#receive(message));
    this.#worker.on('error', (error) => this.#onError(error));
    this.ended = new Promise((resolve) => {
      this.#worker.on('exit', (code) => resolve(this.#onExit(code)));
    });
  }

  /** Socket files that it has opened, by listener. */
  get addresses(): ReadonlyMap<string, ListenAddress> {
    return this.#addresses;
  }

  take(listener: string, socket: Socket): void {
    // What is sent to a thread that has ended goes nowhere, and would stay open.
    if (this.#isEnded) return void socket.destroy();
    this.#tell({ kind: 'socket', listener, socket }, [socket]);
  }

  /** It serves: from now on it accepts. */
  open(): void {
    this.#doors = new Set();
    const doors = this.#share();
    this.#tell({ kind: 'doors', doors }, socketsOf(doors));
  }

  /** Accepts nobody any more; resolves when everything that it has handed on until then is here, or when it does not answer soon. */
  async stopAccepting(): Promise<void> {
    if (this.#doors === undefined) return;
    this.#doors = new Set();
    this.#tell({ kind: 'doors', doors: [] });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_ACCEPTING_MS_MAX);
    });
    // Messages come in order: what it has handed on is before this answer.
    await Promise.race([this.vitals().catch(() => undefined), late]);
    clearTimeout(timer);
  }

  prepare(image: PolicyImage): Promise<number> {
    return this.#duration({ kind: 'prepare', image });
  }

  async activate(version: number): Promise<number> {
    const before = this.#doors;
    // One that finishes what it has accepts nobody, and needs no descriptor for that.
    const isAccepting = this.#doors !== undefined && !this.#isTold;
    const doors = isAccepting ? this.#share() : undefined;
    const shared = this.#doors;
    try {
      return await this.#duration({ kind: 'activate', version, doors }, socketsOf(doors ?? []));
    } catch (cause) {
      // It has those that it had, unless it was told otherwise meanwhile.
      if (this.#doors === shared) this.#doors = before;
      throw cause;
    }
  }

  discard(): void {
    this.#tell({ kind: 'discard' });
  }

  replaceDecisions(snapshot: DecisionSnapshot): void {
    this.#tell({ kind: 'decisions', snapshot });
  }

  async applyDecision(change: DecisionChange): Promise<void> {
    const answer = await this.#ask({ kind: 'decision', change });
    // The snapshot holds the change, and everything that was missing before it.
    if (answer.kind === 'decided' && !answer.isInOrder) this.replaceDecisions(this.#options.decisions());
  }

  setTicketKeys(keys: Uint8Array): void {
    this.#tell({ kind: 'ticket-keys', keys });
  }

  async command(command: Command): Promise<CommandAck> {
    const answer = await this.#ask({ kind: 'command', command });
    if (answer.kind !== 'ack') throw new TypeError(`a command was answered with ${answer.kind}`);
    return answer.ack;
  }

  async metrics(): Promise<MetricsSnapshot> {
    const answer = await this.#ask({ kind: 'metrics' });
    if (answer.kind !== 'metrics') throw new TypeError(`metrics were answered with ${answer.kind}`);
    return answer.snapshot;
  }

  async connections(query: OpenConnectionQuery): Promise<OpenConnections> {
    const answer = await this.#ask({ kind: 'connections', query });
    if (answer.kind !== 'connections') throw new TypeError(`connections were answered with ${answer.kind}`);
    return answer.open;
  }

  async vitals(): Promise<WorkerVitals> {
    const answer = await this.#ask({ kind: 'memory' });
    if (answer.kind !== 'memory') throw new TypeError(`vitals were answered with ${answer.kind}`);
    return answer;
  }

  drain(): void {
    this.#isTold = true;
    this.#tell({ kind: 'drain' });
  }

  close(): void {
    this.#isTold = true;
    this.#tell({ kind: 'close' });
    setTimeout(() => void this.#worker.terminate(), CLOSE_MS_MAX).unref();
  }

  terminate(cause: PlaneEndCause): void {
    this.#failure ??= { cause, detail: 'ended by the control plane' };
    void this.#worker.terminate();
  }

  /** Without descriptors it could not accept, and would be thought to: another one has to take its place. */
  #share(): readonly SharedDoor[] {
    try {
      const doors = this.#options.share(this.#doors ?? new Set());
      this.#doors = new Set(doors.map(({ id }) => id));
      return doors;
    } catch (cause) {
      this.#failure ??= { cause: 'start', detail: `it has no listening sockets: ${String(cause)}` };
      void this.#worker.terminate();
      return [];
    }
  }

  #tell(message: ToWorker, moved: readonly (Server | Socket)[] = []): void {
    this.#worker.postMessage(message, moved);
  }

  #ask(question: Question, moved: readonly Server[] = []): Promise<Answer> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(new Error(`worker ${this.slot} did not answer within ${ANSWER_MS_MAX} ms`));
      }, ANSWER_MS_MAX);
      this.#asked.set(id, { resolve, reject, timer });
      this.#tell({ kind: 'ask', id, question }, moved);
    });
  }

  async #duration(question: Question, moved: readonly Server[] = []): Promise<number> {
    const answer = await this.#ask(question, moved);
    if (answer.kind !== 'duration') throw new TypeError(`${question.kind} was answered with ${answer.kind}`);
    return answer.ms;
  }

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'started':
        this.#addresses = message.addresses;
        return this.#resolveStarted();
      case 'addresses':
        this.#addresses = message.addresses;
        return;
      case 'start-failed': {
        const { message: why, ...facts } = message.failure;
        this.#failure ??= { cause: 'start', detail: why };
        return this.#rejectStarted(Object.assign(new Error(why), facts));
      }
      case 'answer':
        return this.#settle(message.id)?.resolve(message.answer);
      case 'failure':
        return this.#settle(message.id)?.reject(new Error(message.message));
      case 'state':
        return this.#options.onState(message.state);
      case 'socket':
        return this.#options.onHandedOn(message.listener, message.socket);
      case 'turned-away':
        return this.#options.onTurnedAway(message.listener, message.why);
      case 'unforeseen':
        return this.#options.onUnforeseen(message.error);
      case 'stage-failed':
        return this.#options.onStageFailed(message.stage, message.error);
      case 'finished':
        return this.#options.onFinished(message.counts);
    }
  }

  #settle(id: number): Asked | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    clearTimeout(asked?.timer);
    return asked;
  }

  #onError(error: unknown): void {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    const cause = code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out-of-memory' : 'error';
    this.#failure ??= { cause, detail: error instanceof Error ? error.message : String(error) };
    this.#rejectStarted(error instanceof Error ? error : new Error(String(error)));
  }

  #onExit(code: number): PlaneEnd {
    this.#isEnded = true;
    const end: PlaneEnd =
      this.#failure ??
      (this.#isTold ? { cause: 'stopped', detail: '' } : { cause: 'error', detail: `it ended with ${code}` });
    const gone = new Error(`worker ${this.slot} ended: ${end.detail || end.cause}`);
    this.#rejectStarted(gone);
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(gone);
    }
    this.#asked.clear();
    return end;
  }
}

function socketsOf(doors: readonly SharedDoor[]): readonly Server[] {
  return doors.flatMap(({ server }) => (server === undefined ? [] : [server]));
}

interface Asked {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Room for what was allocated and is not yet known to be needed, in MiB: three spaces of 8 MiB. V8 would take four times as much
 * when much is allocated at once, and gives it back only when nothing happens for long.
 */
const YOUNG_MIB_MAX = 24;

/** A worker that has not answered by then hangs, which the watchdog sees earlier; or its machine does. */
const ANSWER_MS_MAX = 30_000;

/** Nobody may be kept from draining by one that hangs. */
const STOP_ACCEPTING_MS_MAX = 500;

/** A worker that is told to close and does not is ended. */
const CLOSE_MS_MAX = 1_000;
