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
 * Beside that: our engine in a process of its own without a gateway around it; how long it takes to be ready, counted from
 * the start of the process until every kind of request has been judged; what it holds in memory; and the most that one
 * request can be made to cost, at any paranoia level (worst.ts).
 */
import { dataFolder } from '../conformance/main.ts';
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus } from './harness/process.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import type { Done, Job } from './waf/client.ts';
import type { EngineDone, EngineJob, EngineReady } from './waf/engine.ts';
import { type Pairs, startPairs } from './waf/servers.ts';
import { TRAFFIC, type Traffic, type TrafficKind } from './waf/traffic.ts';
import type { Worst, WorstDone, WorstJob } from './waf/worst.ts';

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, serverCpu] = allowedCpus();
  if (loadCpu === undefined || serverCpu === undefined) throw new Error('this benchmark needs two processors');
  const effort = quick ? QUICK : FULL;
  const starts: Started[] = [];
  for (let start = 0; start < effort.starts; start += 1) starts.push(await measureStart(serverCpu));
  const rounds = await measureTraffic(loadCpu, serverCpu, effort);
  const worst = await measureWorst(serverCpu, effort);
  return { ...resultOf(rounds, starts, worst), detail: { rounds, starts, worst } };
}

interface Effort {
  readonly rounds: number;
  /** Processor time of one server with one kind of traffic in one round, in microseconds. */
  readonly cellUs: number;
  readonly starts: number;
  readonly searchMs: number;
}

const FULL: Effort = { rounds: 7, cellUs: 800_000, starts: 5, searchMs: 240_000 };
const QUICK: Effort = { rounds: 2, cellUs: 80_000, starts: 1, searchMs: 6_000 };

interface Started {
  readonly readyMs: number;
  readonly residentMib: number;
}

async function measureStart(cpu: number): Promise<Started> {
  const startMs = performance.now();
  const engine = new LineProcess<EngineJob, EngineDone, EngineReady>(ENGINE, cpu, dataFolder());
  try {
    const { residentMib } = await engine.first();
    return { readyMs: performance.now() - startMs, residentMib };
  } finally {
    await engine.stop();
  }
}

const ENGINE = new URL('waf/engine.ts', import.meta.url);

/** Microseconds of processor time for each request. */
interface Cell {
  readonly nginx: number;
  readonly modsecurity3: number;
  readonly apache: number;
  readonly modsecurity2: number;
  readonly sallyport: number;
  /** Without a gateway around it. */
  readonly engine: number;
}

/** Of one turn. */
type Round = Readonly<Record<TrafficKind, Cell>>;

async function measureTraffic(loadCpu: number, serverCpu: number, effort: Effort): Promise<readonly Round[]> {
  const client = new LineProcess<Job, Done>(new URL('waf/client.ts', import.meta.url), loadCpu);
  const engine = new LineProcess<EngineJob, EngineDone, EngineReady>(ENGINE, serverCpu, dataFolder());
  let pairs: Pairs | undefined;
  try {
    await engine.first();
    pairs = await startPairs(dataFolder(), loadCpu, serverCpu);
    const subjects = subjectsOf(pairs, client, engine);
    const lastUs = new Map<string, number>();
    const rounds: Round[] = [];
    // The first round warms up, and tells how many requests fit into a turn.
    for (let round = 0; round <= effort.rounds; round += 1) {
      const cells = await playRound(subjects, effort.cellUs, lastUs);
      if (round > 0) rounds.push(cells);
    }
    return rounds;
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

async function measureWorst(cpu: number, { searchMs }: Effort): Promise<WorstDone> {
  const worst = new LineProcess<WorstJob, WorstDone>(new URL('waf/worst.ts', import.meta.url), cpu, dataFolder());
  try {
    return await worst.ask({ searchMs });
  } finally {
    await worst.stop();
  }
}

function resultOf(rounds: readonly Round[], starts: readonly Started[], worst: WorstDone): BenchResult {
  console.log('CPU us/request   nginx  +ModSec3  apache  +ModSec2  sallyport   +engine   ModSec3/ours  ModSec2/ours');
  for (const { kind, title } of TRAFFIC) {
    const of = (key: keyof Cell): number => median(rounds.map((round) => round[kind][key]));
    const cells = [
      of('nginx').toFixed(1).padStart(9),
      addedBy(rounds, kind, 'modsecurity3').toFixed(0).padStart(9),
      of('apache').toFixed(1).padStart(7),
      addedBy(rounds, kind, 'modsecurity2').toFixed(0).padStart(9),
      of('sallyport').toFixed(1).padStart(10),
      of('engine').toFixed(1).padStart(9),
      ratio(rounds, kind, 'modsecurity3').toFixed(2).padStart(14),
      ratio(rounds, kind, 'modsecurity2').toFixed(2).padStart(13),
    ];
    console.log(`${kind.padEnd(12)} ${cells.join(' ')}   ${title}`);
  }
  console.log(`worst requests, ${worst.tried} of ${worst.of} tried:`);
  for (const level of worst.levels) printWorst(level);
  return {
    figures: {
      modsecurity3_get_ratio: round2(ratio(rounds, 'get', 'modsecurity3')),
      modsecurity3_json_ratio: round2(ratio(rounds, 'json', 'modsecurity3')),
      modsecurity3_form_ratio: round2(ratio(rounds, 'form', 'modsecurity3')),
      modsecurity3_attack_ratio: round2(ratio(rounds, 'attack', 'modsecurity3')),
      worst_ms: round2(Math.max(...worst.levels.map(({ valueMs, bodyMs }) => Math.max(valueMs, bodyMs)))),
      ready_ms: Math.round(median(starts.map(({ readyMs }) => readyMs))),
      rss_mib: Math.round(median(starts.map(({ residentMib }) => residentMib))),
    },
  };
}

function printWorst({ level, valueMs, bodyMs, value, body, overBudget }: Worst): void {
  console.log(`  level ${level}: ${valueMs.toFixed(1)} ms for 8 KB (${value})`);
  console.log(`           ${bodyMs.toFixed(1)} ms for 1 MB (${body}); ${overBudget} over the step budget`);
}

/** The server without its firewall. */
const PLAIN = { modsecurity3: 'nginx', modsecurity2: 'apache' } as const;

function addedBy(rounds: readonly Round[], kind: TrafficKind, peer: keyof typeof PLAIN): number {
  return median(rounds.map((round) => round[kind][peer] - round[kind][PLAIN[peer]]));
}

/** How many times less processor time we add. */
function ratio(rounds: readonly Round[], kind: TrafficKind, peer: keyof typeof PLAIN): number {
  return median(rounds.map((round) => (round[kind][peer] - round[kind][PLAIN[peer]]) / round[kind].engine));
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
