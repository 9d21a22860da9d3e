/**
 * What a firewall adds to a request: Sallyport beside nginx with ModSecurity 3 and Apache with ModSecurity 2, in one run,
 * with the same rules (OWASP CRS, paranoia level 1, blocking, audit log off, response bodies not looked at) and the same
 * traffic.
 *
 * One processor for the servers, which take turns; one for the client and the upstream. Each server runs with and without
 * its firewall, and what counts is the difference in processor time for each request, of its whole process tree. `..._ratio=20`
 * means that ModSecurity 3 adds 20 times as much as Sallyport does: each turn is compared within itself, and the median of
 * all turns counts. The client sends exact numbers of requests; where a server is quicker than the client, it is not the
 * server's limit that is measured, and need not be.
 *
 * Beside that: our engine in a process of its own without a gateway around it; `ready_ms`, from the start of a gateway's
 * process with all rules until every kind of request has been answered, where an earlier start has kept the compiled rules, and
 * `ready_first_ms`, where none has, both on one processor, and `ready_two_cpus_ms`, as `ready_ms` on two; `rss_mib`, what a gateway with one worker holds after all the traffic, and
 * `rss_per_worker_mib`, what each further one adds (memory.ts); and `worst_ms`, the most that one request can be made to cost, at any paranoia level (worst.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataFolder } from '../conformance/main.ts';
import { assembleRelease } from '../tools/release.ts';
import { Connection } from './harness/http-connection.ts';
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus } from './harness/process.ts';
import { type Server, Servers, upstream } from './harness/servers.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import type { Done, Job } from './waf/client.ts';
import type { EngineDone, EngineJob, EngineReady } from './waf/engine.ts';
import { memoryPerWorker } from './waf/memory.ts';
import { guardedSallyport } from './waf/sallyport.ts';
import { type Pairs, startPairs } from './waf/servers.ts';
import { TRAFFIC, type Traffic, type TrafficKind, wireBytes } from './waf/traffic.ts';
import type { Worst, WorstDone, WorstJob } from './waf/worst.ts';

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, serverCpu] = allowedCpus();
  if (loadCpu === undefined || serverCpu === undefined) throw new Error('this benchmark needs two processors');
  const effort = quick ? QUICK : FULL;
  const release = mkdtempSync(join(tmpdir(), 'sallyport-bench-release-'));
  try {
    await assembleRelease(release);
    console.log('Sallyport is a release as operators start it: bundled, with the settings of its service unit');
    const at = { release, loadCpu, serverCpu };
    const starts: Start[] = [];
    for (let start = 0; start < effort.starts; start += 1) starts.push(await measureStarts(at));
    const { rounds, residentMib } = await measureTraffic(at, effort);
    const perWorkerMib = await measurePerWorker(at);
    const worst = await measureWorst(serverCpu, effort);
    return { ...resultOf(rounds, { starts, residentMib, perWorkerMib, worst }), detail: { rounds, starts, worst } };
  } finally {
    rmSync(release, { recursive: true });
  }
}

interface Place {
  readonly release: string;
  readonly loadCpu: number;
  readonly serverCpu: number;
}

/** Milliseconds until a gateway had answered each kind of request once. */
interface Start {
  /** With an empty state folder: the rules are compiled. */
  readonly firstMs: number;
  /** With what the first one kept. */
  readonly laterMs: number;
  /** The same, where the threads of the gateway need not take turns. */
  readonly twoCpusMs: number;
}

interface Effort {
  readonly rounds: number;
  /** Processor time of one server with one kind of traffic in one round, in microseconds. */
  readonly cellUs: number;
  /** How often all kinds of traffic warm our own code up, one after the other, before the first round. */
  readonly warmUps: number;
  readonly starts: number;
  readonly searchMs: number;
}

const FULL: Effort = { rounds: 7, cellUs: 800_000, warmUps: 30, starts: 5, searchMs: 240_000 };
const QUICK: Effort = { rounds: 2, cellUs: 160_000, warmUps: 6, starts: 1, searchMs: 6_000 };

/** Three starts on one state folder. */
async function measureStarts({ release, loadCpu, serverCpu }: Place): Promise<Start> {
  const servers = new Servers();
  const launch = guardedSallyport('starting', { dataFolder: dataFolder(), release, keepsState: true });
  try {
    const { port: upstreamPort } = await servers.start(upstream, loadCpu);
    const measure = (cpus: number | string): Promise<number> =>
      measureStart(() => servers.start(launch, cpus, upstreamPort));
    return {
      firstMs: await measure(serverCpu),
      laterMs: await measure(serverCpu),
      twoCpusMs: await measure(`${loadCpu},${serverCpu}`),
    };
  } finally {
    await servers.stop();
  }
}

/** From the start of the process, which is ended again. */
async function measureStart(start: () => Promise<Server>): Promise<number> {
  const startMs = performance.now();
  const { port, program } = await start();
  try {
    const connection = await Connection.open(port);
    for (const traffic of TRAFFIC) {
      const status = await connection.exchange(wireBytes(traffic.request(0)));
      if (status !== traffic.status) throw new Error(`a gateway that starts answers ${traffic.kind} with ${status}`);
    }
    const readyMs = performance.now() - startMs;
    connection.close();
    return readyMs;
  } finally {
    await program.stop();
  }
}

const CLIENT = new URL('waf/client.ts', import.meta.url);
const ENGINE = new URL('waf/engine.ts', import.meta.url);

/** Microseconds of processor time for each request. */
interface Cell {
  readonly nginx: number;
  readonly modsecurity3: number;
  readonly apache: number;
  readonly modsecurity2: number;
  readonly sallyport: number;
  readonly sallyportWaf: number;
  /** Without a gateway around it. */
  readonly engine: number;
}

/** Of one turn. */
type Round = Readonly<Record<TrafficKind, Cell>>;

interface Measured {
  readonly rounds: readonly Round[];
  /** Of the gateway with its firewall, after all of them. */
  readonly residentMib: number;
}

async function measureTraffic({ release, loadCpu, serverCpu }: Place, effort: Effort): Promise<Measured> {
  const client = new LineProcess<Job, Done>(CLIENT, loadCpu);
  const engine = new LineProcess<EngineJob, EngineDone, EngineReady>(ENGINE, serverCpu, dataFolder());
  let pairs: Pairs | undefined;
  try {
    await engine.first();
    pairs = await startPairs({ dataFolder: dataFolder(), release, upstreamCpu: loadCpu, serverCpu });
    const subjects = subjectsOf(pairs, client, engine);
    const lastUs = new Map<string, number>();
    const rounds: Round[] = [];
    await warmUp(subjects, effort.warmUps);
    // The first round tells how many requests fit into a turn.
    for (let round = 0; round <= effort.rounds; round += 1) {
      const cells = await playRound(subjects, effort.cellUs, lastUs);
      if (round > 0) rounds.push(cells);
    }
    return { rounds, residentMib: pairs.sallyport.guarded.program.residentMib() };
  } finally {
    await pairs?.stop();
    await engine.stop();
    await client.stop();
  }
}

type Client = LineProcess<Job, Done>;
type Engine = LineProcess<EngineJob, EngineDone, EngineReady>;

/** What takes turns: plays so many requests and says what each cost. */
type Subject = (traffic: Traffic, requests: number) => Promise<number>;

function subjectsOf(pairs: Pairs, client: Client, engine: Engine): Readonly<Record<keyof Cell, Subject>> {
  const { nginx, apache, sallyport } = pairs;
  const server =
    ({ name, port, program }: (typeof nginx)['plain'], isGuarded: boolean): Subject =>
    async ({ kind, status }, requests) => {
      const connections = Math.min(requests, CONNECTIONS);
      const before = program.scheduled();
      const { statuses } = await client.ask({ port, kind, requests, connections });
      const after = program.scheduled();
      const wanted = isGuarded ? status : 200;
      if (statuses[wanted] !== requests) throw new Error(`${name}, ${kind}: ${JSON.stringify(statuses)}`);
      return (after.cpuUs - before.cpuUs) / requests;
    };
  return {
    nginx: server(nginx.plain, false),
    modsecurity3: server(nginx.guarded, true),
    apache: server(apache.plain, false),
    modsecurity2: server(apache.guarded, true),
    sallyport: server(sallyport.plain, false),
    sallyportWaf: server(sallyport.guarded, true),
    engine: async ({ kind }, requests) => {
      const { cpuUs } = await engine.ask({ kind, requests });
      return cpuUs / requests;
    },
  };
}

/** Clients at once, each with one connection that stays open. */
const CONNECTIONS = 16;

/** Requests of one turn: enough to see every variant, and few enough for the slowest server's time limits. */
const FIRST_REQUESTS = 24;
const REQUESTS_MIN = 4;
const REQUESTS_MAX = 20_000;

/**
 * Just-in-time compilers need a while; what C has compiled does not. A gateway runs for weeks, and what inspection adds to a
 * request falls for about two thousand of each kind, most of it in the first four hundred; compilers are busy for ten thousand. The kinds take turns, because
 * code that has seen one of them alone is compiled once more when another one comes.
 */
async function warmUp(subjects: Readonly<Record<keyof Cell, Subject>>, warmUps: number): Promise<void> {
  for (let turn = 0; turn < warmUps; turn += 1) {
    for (const traffic of TRAFFIC) {
      const requests = traffic.variants >= FEW_VARIANTS || traffic.kind === 'attack' ? WARM_UP_REQUESTS : REQUESTS_MIN;
      for (const subject of ['sallyport', 'sallyportWaf', 'engine'] as const)
        await subjects[subject](traffic, requests);
    }
  }
}

const WARM_UP_REQUESTS = 400;

async function playRound(
  subjects: Readonly<Record<keyof Cell, Subject>>,
  cellUs: number,
  lastUs: Map<string, number>,
): Promise<Round> {
  const round: Partial<Record<TrafficKind, Cell>> = {};
  for (const traffic of TRAFFIC) {
    const play = async (subject: keyof Cell): Promise<number> => {
      const key = `${subject} ${traffic.kind}`;
      const last = lastUs.get(key);
      const fitting = last === undefined ? firstOf(traffic) : Math.round(cellUs / last);
      const us = await subjects[subject](traffic, Math.min(REQUESTS_MAX, Math.max(REQUESTS_MIN, fitting)));
      lastUs.set(key, us);
      return us;
    };
    round[traffic.kind] = {
      nginx: await play('nginx'),
      modsecurity3: await play('modsecurity3'),
      apache: await play('apache'),
      modsecurity2: await play('modsecurity2'),
      sallyport: await play('sallyport'),
      sallyportWaf: await play('sallyportWaf'),
      engine: await play('engine'),
    };
  }
  return completed(round);
}

/** Large requests take some servers a tenth of a second each. */
function firstOf({ variants }: Traffic): number {
  return variants < FEW_VARIANTS ? REQUESTS_MIN : FIRST_REQUESTS;
}

const FEW_VARIANTS = 10;

function completed(round: Partial<Record<TrafficKind, Cell>>): Round {
  const { get, json, form, attack, largeForm, upload } = round;
  if (!(get && json && form && attack && largeForm && upload)) throw new Error('a kind of traffic was left out');
  return { get, json, form, attack, largeForm, upload };
}

async function measurePerWorker(place: Place): Promise<number> {
  const client = new LineProcess<Job, Done>(CLIENT, place.loadCpu);
  try {
    return await memoryPerWorker({ dataFolder: dataFolder(), ...place }, client);
  } finally {
    await client.stop();
  }
}

async function measureWorst(cpu: number, { searchMs }: Effort): Promise<WorstDone> {
  const worst = new LineProcess<WorstJob, WorstDone>(new URL('waf/worst.ts', import.meta.url), cpu, dataFolder());
  try {
    return await worst.ask({ searchMs });
  } finally {
    await worst.stop();
  }
}

interface Results {
  readonly starts: readonly Start[];
  readonly residentMib: number;
  readonly perWorkerMib: number;
  readonly worst: WorstDone;
}

function resultOf(
  rounds: readonly Round[],
  { starts, residentMib, perWorkerMib, worst }: Results,
): Pick<BenchResult, 'figures'> {
  console.log(
    'added CPU us/request  nginx+ModSec3  Apache+ModSec2  Sallyport  engine   ModSec3/ours  plain: nginx  Apache  Sallyport',
  );
  for (const { kind, title } of TRAFFIC) {
    const of = (key: keyof Cell): number => median(rounds.map((round) => round[kind][key]));
    const cells = [
      addedBy(rounds, kind, 'modsecurity3').toFixed(0).padStart(21),
      addedBy(rounds, kind, 'modsecurity2').toFixed(0).padStart(15),
      addedBy(rounds, kind, 'sallyportWaf').toFixed(0).padStart(10),
      of('engine').toFixed(0).padStart(7),
      ratio(rounds, kind).toFixed(2).padStart(14),
      of('nginx').toFixed(1).padStart(13),
      of('apache').toFixed(1).padStart(7),
      of('sallyport').toFixed(1).padStart(10),
    ];
    console.log(`${kind.padEnd(12)} ${cells.join(' ')}   ${title}`);
  }
  console.log(`worst requests, ${worst.tried} of ${worst.of} tried:`);
  for (const level of worst.levels) printWorst(level);
  return {
    figures: {
      modsecurity3_get_ratio: round2(ratio(rounds, 'get')),
      modsecurity3_json_ratio: round2(ratio(rounds, 'json')),
      modsecurity3_form_ratio: round2(ratio(rounds, 'form')),
      modsecurity3_attack_ratio: round2(ratio(rounds, 'attack')),
      worst_ms: round2(Math.max(...worst.levels.map(({ valueMs, bodyMs }) => Math.max(valueMs, bodyMs)))),
      ready_first_ms: Math.round(median(starts.map(({ firstMs }) => firstMs))),
      ready_ms: Math.round(median(starts.map(({ laterMs }) => laterMs))),
      ready_two_cpus_ms: Math.round(median(starts.map(({ twoCpusMs }) => twoCpusMs))),
      rss_mib: Math.round(residentMib),
      rss_per_worker_mib: Math.round(perWorkerMib),
    },
  };
}

function printWorst({ level, valueMs, bodyMs, value, body, overBudget }: Worst): void {
  console.log(`  level ${level}: ${valueMs.toFixed(1)} ms for 8 KB (${value})`);
  console.log(`           ${bodyMs.toFixed(1)} ms for 1 MB (${body}); ${overBudget} over the step budget`);
}

/** The server without its firewall. */
const PLAIN = { modsecurity3: 'nginx', modsecurity2: 'apache', sallyportWaf: 'sallyport' } as const;

function addedBy(rounds: readonly Round[], kind: TrafficKind, guarded: keyof typeof PLAIN): number {
  return median(rounds.map((round) => addedIn(round[kind], guarded)));
}

function addedIn(cell: Cell, guarded: keyof typeof PLAIN): number {
  return cell[guarded] - cell[PLAIN[guarded]];
}

/** How many times less processor time we add than ModSecurity 3. */
function ratio(rounds: readonly Round[], kind: TrafficKind): number {
  return median(rounds.map((round) => addedIn(round[kind], 'modsecurity3') / addedIn(round[kind], 'sallyportWaf')));
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
