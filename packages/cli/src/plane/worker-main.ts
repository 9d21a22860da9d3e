/**
 * A data plane: what runs in a worker thread. It gets sockets, policies, decisions and commands from the control plane, and
 * gives events, metrics and answers back.
 */
import { strict as assert } from 'node:assert';
import type { Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';
import {
  checkSocketFile,
  Gateway,
  numberOf,
  openDescriptors,
  type PolicyImage,
  type SharedCounts,
  SharedDoors,
  type TurnedAway,
} from '@sallyport/gateway';
import {
  ByteRing,
  type Clock,
  FlightRecorder,
  type ListenAddress,
  MetricsRegistry,
  SharedGaugeTable,
  WorkerBoard,
} from '@sallyport/kernel';
import { openRing } from '@sallyport/stores/log';
import { countOpenFiles, filesMax } from '../metrics/process-metrics.ts';
import { registerThreadMetrics } from '../metrics/thread-metrics.ts';
import { describeThrown } from '../notifications/describe-thrown.ts';
import { FileBudget } from './file-budget.ts';
import type { Answer, FromWorker, Question, StartFailure, ToWorker, WorkerStart } from './messages.ts';
import { StageFailures } from './stage-failures.ts';

const port = parentPort;
assert(port !== null, 'this file runs in a worker thread');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `WorkerThread` starts this file, and with this.
const start = workerData as WorkerStart;

/** How often the watchdog sees that the event loop turns. */
const HEARTBEAT_MS = 250;

/** How many connections more than the fewest a data plane may accept: below that it costs more to hand them on than they cost. */
const LEAD = 4;
const LEAD_SHARE = 1 / 64;

/** Time for what was cut to be recorded. */
const CLOSE_MS = 50;

const LOOP_DELAY_RESOLUTION_MS = 20;

const clock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
const board = new WorkerBoard(start.memory.board);
const counts = new SharedGaugeTable(start.memory.counts, { hashKey: start.memory.hashKey, slot: start.slot });
const metrics = new MetricsRegistry();
const { events } = start.memory;
const output = openRing(
  new ByteRing(start.memory.ring),
  start.logLevel,
  events === undefined ? undefined : new ByteRing(events),
);
const loopDelay = monitorEventLoopDelay({ resolution: LOOP_DELAY_RESOLUTION_MS });
const internalErrors = metrics
  .counter('sallyport_internal_errors_total', 'Errors that nobody foresaw; each is a bug.')
  .with();
registerThreadMetrics(metrics, String(start.slot));
const stageFailures = new StageFailures(clock, (stage, error) => say({ kind: 'stage-failed', stage, error }));
const gateway = new Gateway(start.image, {
  node: start.node,
  sink: output.sink,
  metrics,
  log: output.log,
  clock,
  counts: sharedCounts(counts),
  plane: start.slot,
  planes: start.planes,
  ticketKeys: Buffer.from(start.ticketKeys),
  recorder: new FlightRecorder(start.memory.recorder),
  onLoad: (by) => board.addLoad(start.slot, by),
  onTurnedAway,
  onStageFailure: (stage, cause) => stageFailures.note(stage, cause),
});
const descriptors = openDescriptors();
const files = new FileBudget({
  filesMax: filesMax(),
  countOpen: countOpenFiles,
  connections: () => board.totalLoad(),
  nowMs: () => performance.now(),
});
const doors = new SharedDoors({
  descriptors,
  admit: () => files.admit(),
  isAhead: () => isAhead(),
  serve: (listener, socket) => gateway.adopt(listener, socket),
  handOn: (listener, socket) => say({ kind: 'socket', listener, socket }, [socket]),
  onRefused: onTurnedAway,
});
const inherited = new Map(start.inherited);
let inForce: PolicyImage = start.image;
let prepared: PolicyImage | undefined;
let heartbeat: NodeJS.Timeout | undefined;
let lastState = '';
/** It accepts nobody any more: socket files are another one's, or will be. */
let isLeaving = false;

process.on('uncaughtException', onUnforeseen);
process.on('unhandledRejection', onUnforeseen);
port.on('message', (message: ToWorker) => receive(message));
begin().catch((cause: unknown) => {
  say({ kind: 'start-failed', failure: failureOf(cause) });
  gateway.close();
  setTimeout(() => process.exit(1), CLOSE_MS);
});

async function begin(): Promise<void> {
  loopDelay.enable();
  heartbeat = setInterval(beat, HEARTBEAT_MS);
  beat();
  await gateway.ready();
  if (start.ownListeners) await openSocketFiles(() => start.isTakingOver, start.isReplacement);
  gateway.serve();
  beat();
  say({ kind: 'started', addresses: ownAddresses() });
}

/**
 * Opens the listeners on socket files that are not open yet. `isOurs`: who answers on that file is the worker or process that we
 * replace. Where others are served already, one that cannot be had must not end everything else: it is logged.
 */
async function openSocketFiles(isOurs: (path: string) => boolean, isServing: boolean): Promise<void> {
  for (const { name, address } of inForce.config.listeners) {
    if (address.kind !== 'unix' || gateway.isOpen(name)) continue;
    try {
      const socket = inherited.get(name);
      // Once it is closed the number is another descriptor's.
      inherited.delete(name);
      await gateway.open(name, { socket, isTakingOver: isOurs(address.path) });
    } catch (error) {
      if (!isServing) throw error;
      output.log.error('a listener cannot be opened', { listener: name, error });
    }
  }
}

/** Of the listeners that are open here. */
function ownAddresses(): ReadonlyMap<string, ListenAddress> {
  return new Map([...gateway.addresses()].filter(([name]) => gateway.isOpen(name)));
}

/** A policy whose socket files cannot be had is known before it is in force. */
async function checkSocketFiles({ config }: PolicyImage): Promise<void> {
  const known = socketFiles(inForce);
  for (const { address } of config.listeners)
    if (address.kind === 'unix' && !known.has(address.path)) await checkSocketFile(address.path);
}

function socketFiles({ config }: PolicyImage): ReadonlySet<string> {
  return new Set(config.listeners.flatMap(({ address }) => (address.kind === 'unix' ? [address.path] : [])));
}

function receive(message: ToWorker): void {
  switch (message.kind) {
    case 'socket':
      // Nobody may read before the listener says how.
      message.socket.allowHalfOpen = true;
      keepFromChildren(message.socket);
      try {
        gateway.adopt(message.listener, message.socket);
      } finally {
        // The acceptor has counted it until here.
        board.addLoad(start.slot, -1);
        board.addHanded(start.slot, -1);
      }
      return;
    case 'doors':
      return doors.set(message.doors);
    case 'ask':
      return void answer(message.id, message.question);
    case 'discard':
      return gateway.discard();
    case 'decisions':
      return gateway.replaceDecisions(message.snapshot);
    case 'ticket-keys':
      return gateway.setTicketKeys(Buffer.from(message.keys));
    case 'drain':
      isLeaving = true;
      doors.close();
      return void gateway.drain().then(finish);
    case 'close':
      isLeaving = true;
      doors.close();
      gateway.close();
      // Sockets say that they are gone in later turns of the event loop.
      setTimeout(finish, CLOSE_MS);
  }
}

async function answer(id: number, question: Question): Promise<void> {
  try {
    say({ kind: 'answer', id, answer: await answerTo(question) });
  } catch (cause) {
    say({ kind: 'failure', id, message: cause instanceof Error ? cause.message : String(cause) });
  }
}

async function answerTo(question: Question): Promise<Answer> {
  switch (question.kind) {
    case 'prepare': {
      const sinceMs = clock.monotonicMs();
      if (start.ownListeners && !isLeaving) await checkSocketFiles(question.image);
      await gateway.prepare(question.image);
      prepared = question.image;
      return { kind: 'duration', ms: clock.monotonicMs() - sinceMs };
    }
    case 'activate': {
      const ms = activate(question);
      const before = socketFiles(inForce);
      if (prepared !== undefined) inForce = prepared;
      if (start.ownListeners && !isLeaving) {
        await openSocketFiles((path) => before.has(path), true);
        say({ kind: 'addresses', addresses: ownAddresses() });
      }
      return { kind: 'duration', ms };
    }
    case 'decision':
      return { kind: 'decided', isInOrder: gateway.applyDecision(question.change) };
    case 'command':
      return { kind: 'ack', ack: { ...gateway.command(question.command), worker: start.slot } };
    case 'metrics':
      return { kind: 'metrics', snapshot: metrics.snapshot() };
    case 'connections':
      return { kind: 'connections', open: gateway.connections(question.query) };
    case 'memory':
      return {
        kind: 'memory',
        heapBytes: process.memoryUsage().heapUsed,
        loopDelayP99Ms: loopDelay.percentile(99) / 1e6,
        connections: board.load(start.slot),
      };
  }
}

/** Doors have their new names in the same turn in which the policy knows these names. */
function activate({ version, doors: next }: Extract<Question, { kind: 'activate' }>): number {
  let ms: number;
  try {
    ms = gateway.activate(version);
  } catch (cause) {
    // The policy before is in force, and so are its names. Nobody would ever accept from what only the next one has.
    for (const { server } of next ?? []) server?.close();
    throw cause;
  }
  if (next !== undefined) doors.set(next);
  return ms;
}

/**
 * Whoever is quicker accepts more, which is as it should be until it shows: players stay for minutes. And nobody is refused by the
 * limit of one data plane while another one has room.
 */
function isAhead(): boolean {
  const least = board.leastLoad() ?? Number.POSITIVE_INFINITY;
  const own = board.load(start.slot);
  const room = Math.ceil(inForce.config.connections.connectionsMax / start.planes);
  return own - least > LEAD + own * LEAD_SHARE || (own >= room && least < room);
}

function keepFromChildren(socket: Socket): void {
  const number = numberOf(socket);
  if (number !== undefined) descriptors?.keepFromChildren(number);
}

function beat(): void {
  board.beat(start.slot);
  const state = { readiness: gateway.readiness(), upstreams: gateway.upstreamStatus() };
  const text = JSON.stringify(state);
  if (text === lastState) return;
  lastState = text;
  say({ kind: 'state', state });
}

function onTurnedAway(listener: string, why: TurnedAway): void {
  say({ kind: 'turned-away', listener, why });
}

/** R0.5: nothing ends the process. The control plane decides whether this data plane may go on. */
function onUnforeseen(cause: unknown): void {
  internalErrors.add();
  output.log.error('an error that nobody foresaw', { error: cause });
  say({ kind: 'unforeseen', error: describeThrown(cause) });
}

/** What the control plane tells of a start that failed: errors lose what they are on the way between threads. */
function failureOf(cause: unknown): StartFailure {
  const of = (name: string): unknown => (cause instanceof Error ? Reflect.get(cause, name) : undefined);
  const [code, address, port] = [of('code'), of('address'), of('port')];
  return {
    message: cause instanceof Error ? cause.message : String(cause),
    code: typeof code === 'string' ? code : undefined,
    address: typeof address === 'string' ? address : undefined,
    port: typeof port === 'number' ? port : undefined,
  };
}

function finish(): void {
  clearInterval(heartbeat);
  say({ kind: 'finished', counts: metrics.snapshot() });
  process.exit(0);
}

function say(message: FromWorker, moved: Socket[] = []): void {
  port?.postMessage(message, moved);
}

function sharedCounts(table: SharedGaugeTable): SharedCounts {
  return {
    acquire: (key, max) => {
      const handle = table.acquire(key, max);
      return handle < 0 ? undefined : () => table.release(handle);
    },
  };
}
