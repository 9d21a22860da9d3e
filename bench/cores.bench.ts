/**
 * How much more two workers do than one, on two processors.
 *
 * What runs is a release as operators start it.
 *
 * The load and the upstream need processor time too, and here they have to take it from the same two processors. With cheap
 * requests their share would be most of what is measured. So the requests are expensive ones: 64 KB forms that the OWASP CRS
 * judges, each milliseconds of a worker and some ten microseconds of everybody else (`others` says how much of both processors
 * they used). With one worker the second processor has room for them; with two they are in the way, so what is printed errs
 * on the side of too little.
 *
 * `speedup` is requests a second with two workers divided by requests a second with one, each turn compared within itself;
 * the median counts. `by_cpu` is the same by processor time for each request: twice the processors divided by how much more a
 * request costs where two workers share caches and memory. It holds on a machine with other work too, and says nothing about
 * workers that wait for each other; the first one does. `balance` is the share of sockets that stay of the worker that has
 * fewer, divided by the other's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataFolder } from '../conformance/main.ts';
import { assembleRelease } from '../tools/release.ts';
import { adminOf } from './harness/admin.ts';
import { Connection } from './harness/http-connection.ts';
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus, scheduledOf } from './harness/process.ts';
import { type Server, Servers, upstream } from './harness/servers.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import type { Done, Job } from './waf/client.ts';
import { guardedSallyport } from './waf/sallyport.ts';
import { TRAFFIC, wireBytes } from './waf/traffic.ts';

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [first, second] = allowedCpus();
  if (first === undefined || second === undefined) throw new Error('this benchmark needs two processors');
  const cpus = `${first},${second}`;
  const release = mkdtempSync(join(tmpdir(), 'sallyport-bench-release-'));
  const servers = new Servers();
  const client: Client = new LineProcess<Job, Done>(new URL('waf/client.ts', import.meta.url), cpus);
  try {
    await assembleRelease(release);
    const { port, program } = await servers.start(upstream, cpus);
    const parts = { dataFolder: dataFolder(), release };
    const one = await servers.start(guardedSallyport('one', parts), cpus, port);
    const two = await servers.start(guardedSallyport('two', { ...parts, workers: 2 }), cpus, port);
    const others = (): number => program.scheduled().cpuUs + scheduledOf(client.pid).cpuUs;
    // Warms up, and tells how many requests fill a turn.
    let requests = WARM_UP_REQUESTS;
    for (const [server, workers] of [
      [one, 1],
      [two, 2],
    ] as const) {
      await play(server, client, { requests: WARM_UP_REQUESTS * workers, others });
      requests = fitting(await play(server, client, { requests, others }), quick);
    }
    const rounds: Round[] = [];
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round += 1) {
      rounds.push({
        one: await play(one, client, { requests, others }),
        two: await play(two, client, { requests, others }),
      });
    }
    const balance = await balanceOf(two, join(servers.directory, 'two.sock'));
    return resultOf(rounds, balance);
  } finally {
    await client.stop();
    await servers.stop();
    rmSync(release, { recursive: true });
  }
}

type Client = LineProcess<Job, Done>;

const ROUNDS = 9;
const QUICK_ROUNDS = 3;
const WARM_UP_REQUESTS = 400;

/** Of one turn with two workers. */
const ROUND_SECONDS = 4;
const QUICK_ROUND_SECONDS = 2;

/** Clients at once: enough that neither worker ever waits for a request. */
const CONNECTIONS = 16;

interface Turn {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Processors that the server used, and the load with the upstream. */
  readonly busy: number;
  readonly others: number;
}

interface Round {
  readonly one: Turn;
  readonly two: Turn;
}

async function play(
  { name, port, program }: Server,
  client: Client,
  { requests, others }: { requests: number; others: () => number },
): Promise<Turn> {
  const [beforeUs, othersBeforeUs] = [program.scheduled().cpuUs, others()];
  const { statuses, durationUs } = await client.ask({ port, kind: 'largeForm', requests, connections: CONNECTIONS });
  const [usedUs, othersUs] = [program.scheduled().cpuUs - beforeUs, others() - othersBeforeUs];
  if (statuses[200] !== requests) throw new Error(`${name}: ${JSON.stringify(statuses)}`);
  return {
    perSecond: requests / (durationUs / 1e6),
    cpuUs: usedUs / requests,
    busy: usedUs / durationUs,
    others: othersUs / durationUs,
  };
}

function fitting({ perSecond }: Turn, quick: boolean): number {
  return Math.ceil(perSecond * (quick ? QUICK_ROUND_SECONDS : ROUND_SECONDS));
}

/** Sockets that have had one answer and stay open. */
const STAYING = 200;

async function balanceOf({ port }: Server, socket: string): Promise<number> {
  const admin = await adminOf(socket);
  const get = TRAFFIC.find(({ kind }) => kind === 'get');
  if (get === undefined) throw new Error('there is no such traffic');
  const staying: Connection[] = [];
  for (let index = 0; index < STAYING; index += 1) {
    const connection = await Connection.open(port);
    staying.push(connection);
    await connection.exchange(wireBytes(get.request(index)));
  }
  const outcome = await admin.call('listWorkers', {});
  for (const connection of staying) connection.close();
  if (outcome.kind !== 'answer') throw new Error(JSON.stringify(outcome));
  const counts = outcome.answer.workers.map(({ connections }) => connections);
  console.log(`${STAYING} sockets that stay: ${counts.join(' and ')}`);
  return Math.min(...counts) / Math.max(...counts);
}

function resultOf(rounds: readonly Round[], balance: number): BenchResult {
  console.log('workers  requests/s   CPU us    busy  others');
  for (const [title, turns] of [
    ['1', rounds.map(({ one }) => one)],
    ['2', rounds.map(({ two }) => two)],
  ] as const) {
    const of = (key: keyof Turn): number => median(turns.map((turn) => turn[key]));
    const cells = [
      of('perSecond').toFixed(1).padStart(10),
      of('cpuUs').toFixed(0).padStart(8),
      of('busy').toFixed(2).padStart(7),
      of('others').toFixed(2).padStart(7),
    ];
    console.log(`${title.padEnd(8)} ${cells.join(' ')}`);
  }
  return {
    figures: {
      speedup: round2(median(rounds.map(({ one, two }) => two.perSecond / one.perSecond))),
      balance: round2(balance),
      by_cpu: round2(median(rounds.map(({ one, two }) => (2 * one.cpuUs) / two.cpuUs))),
    },
    detail: rounds,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
