import { setTimeout as pause, setImmediate } from 'node:timers/promises';
import { FleetRig } from '../../packages/cli/test/plane/fleet-rig.ts';
import { config, listener, route, upstream } from '../../packages/gateway/test/harness/config.ts';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { parseExposition } from '../harness/exposition.ts';
import { SuiteScope } from '../harness/scope.ts';
import { startUpstream } from '../harness/upstream.ts';
import { openWebSocket } from '../harness/websocket-client.ts';
import { Random } from './regex/random-pattern.ts';
import { type Client, FreshClient, KeepAliveClient, type Outcome, SocketClient } from './workers/clients.ts';

/**
 * A gateway of three worker threads under load, of which one or all are ended at random moments.
 *
 * Only what was in progress in a worker that was ended may be lost: every other request is answered, no connection is refused,
 * no counter falls, no client's count is kept by a worker that is gone, and every worker comes back. One count is one request
 * or message.
 */
export const campaign: Campaign = { fullCount: 5_000_000, run };

const WORKERS = 3;
const SOCKETS = 8;
/** Twice as many as are open at a time: those of a lost worker count until its end is known. */
const SOCKETS_PER_CLIENT_MAX: number = SOCKETS * 2;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const scope = new SuiteScope();
  const random = new Random(seed);
  const rig = await startRig((await startUpstream(scope)).port);
  const port = rig.portOf('test');
  const clients: readonly Client[] = [
    ...Array.from({ length: 6 }, () => new KeepAliveClient(port)),
    ...Array.from({ length: 4 }, () => new FreshClient(port)),
    ...Array.from({ length: SOCKETS }, () => new SocketClient(port)),
  ];
  const ledger = new Ledger();
  const counters = new CounterWatch();
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  const isOver = (): boolean =>
    ledger.count >= countMax || ledger.failures.length >= 20 || process.hrtime.bigint() >= end;
  const loads = clients.map(async (client) => {
    while (!isOver()) ledger.add(await client.once());
  });
  while (!isOver()) {
    await pause(100 + random.below(900));
    counters.look(await rig.metrics());
    // A start costs more than a second of requests: most of the time all serve, and sometimes one is ended before another is back.
    const isComplete = rig.fleet.threads().length === WORKERS;
    if (isComplete || random.isOneIn(8)) await kill(rig, { random, ledger });
  }
  await Promise.all(loads);
  for (const client of clients) client.close();
  ledger.settle();
  const failures = [...ledger.failures, ...counters.failures, ...(await afterwards(rig, port))];
  await rig.fleet.close();
  await scope.end();
  const { kills, lost, refused, count } = ledger;
  const figures = { killed: kills.length, requests: count, lostInFlight: lost, refused };
  return { count, failures, figures };
}

/** One that serves, or once in eight times all at once. */
async function kill(rig: FleetRig, { random, ledger }: { random: Random; ledger: Ledger }): Promise<void> {
  const threads = rig.fleet.threads();
  const isEverybody = random.isOneIn(8);
  const chosen = random.below(Math.max(1, threads.length));
  const ended = threads
    .filter((_, index) => isEverybody || index === chosen)
    .map(async (thread) => {
      const beganMs = performance.now();
      thread.terminate('error');
      await thread.ended;
      // What it has still sent is read in the turns that follow.
      for (let turn = 0; turn < 4; turn += 1) await setImmediate();
      ledger.kills.push({ beganMs, endedMs: performance.now() });
    });
  await Promise.all(ended);
}

/** While a worker was being ended, as one saw it from here. */
interface Kill {
  readonly beganMs: number;
  readonly endedMs: number;
}

/** What became of all requests, and which workers were ended. */
class Ledger {
  readonly kills: Kill[] = [];
  readonly failures: string[] = [];
  count = 0;
  lost = 0;
  refused = 0;
  /** Lost ones that wait for the end of a worker to be known. */
  #open: Extract<Outcome, { kind: 'lost' }>[] = [];

  add(outcome: Outcome): void {
    this.count += 1;
    if (outcome.kind === 'good') return;
    if (outcome.kind === 'lost') return void this.#open.push(outcome);
    if (outcome.what.includes('ECONNREFUSED')) this.refused += 1;
    this.failures.push(`request ${this.count}: ${outcome.what}`);
  }

  /** A connection may be lost by the end of a worker after whose end nothing came by it any more. */
  settle(): void {
    for (const { what, lastGoodMs, failedMs } of this.#open) {
      if (this.kills.some(({ beganMs, endedMs }) => beganMs <= failedMs && lastGoodMs <= endedMs)) this.lost += 1;
      else
        this.failures.push(`${what} at ${failedMs} ms, good until ${lastGoodMs} ms, and no worker was ended between`);
    }
    this.#open = [];
  }
}

/** What must not fall: counters, and what histograms have counted. */
class CounterWatch {
  readonly failures: string[] = [];
  readonly #seen = new Map<string, number>();

  look(text: string): void {
    const now = new Map<string, number>();
    for (const { type, samples } of parseExposition(text).families.values()) {
      if (type === 'gauge') continue;
      for (const { name, labels, value } of samples) now.set(`${name}${JSON.stringify(labels)}`, value);
    }
    for (const [series, before] of this.#seen) {
      const value = now.get(series);
      if (value === undefined || value < before) this.failures.push(`${series} fell from ${before} to ${value}`);
    }
    for (const [series, value] of now) this.#seen.set(series, value);
  }
}

/** When nobody asks any more, everything is as it was in the beginning. */
async function afterwards(rig: FleetRig, port: number): Promise<readonly string[]> {
  const failures: string[] = [];
  for (let look = 0; look < 300 && !(await isQuiet(rig)); look += 1) await pause(100);
  if (!(await isQuiet(rig))) failures.push('workers are missing or connections are left at the end');
  const url = `ws://127.0.0.1:${port}/`;
  const sockets = await Promise.allSettled(Array.from({ length: SOCKETS_PER_CLIENT_MAX }, () => openWebSocket(url)));
  const open = sockets.flatMap((socket) => (socket.status === 'fulfilled' ? [socket.value] : []));
  if (open.length !== SOCKETS_PER_CLIENT_MAX)
    failures.push(`lost workers still count ${SOCKETS_PER_CLIENT_MAX - open.length} WebSockets of a client`);
  const isBeyondRefused = await openWebSocket(url).then(
    (socket) => socket.terminate(),
    () => true,
  );
  if (isBeyondRefused !== true) failures.push('a client has more WebSockets than it may');
  for (const socket of open) socket.terminate();
  const text = await rig.metrics();
  const errors = parseExposition(text).value('sallyport_internal_errors_total');
  if (errors > 0) failures.push(`the gateway counted ${errors} internal errors`);
  if (rig.dropped > 0) failures.push(`${rig.dropped} lines of the log were dropped`);
  return [...failures, ...rig.errors];
}

async function isQuiet(rig: FleetRig): Promise<boolean> {
  if (rig.fleet.threads().length < WORKERS) return false;
  const vitals = await Promise.all(rig.fleet.threads().map((thread) => thread.vitals()));
  return vitals.every(({ connections }) => connections === 0);
}

function startRig(port: number): Promise<FleetRig> {
  const all = route();
  return FleetRig.start({
    count: WORKERS,
    config: config({
      listeners: [listener()],
      routes: [{ ...all, webSocket: { ...all.webSocket, perClientMax: SOCKETS_PER_CLIENT_MAX } }],
      upstreams: [upstream(port)],
    }),
  });
}
