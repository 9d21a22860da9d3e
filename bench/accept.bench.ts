/**
 * Three ways to spread connections over worker threads: an acceptor that hands accepted sockets over, workers that all listen
 * on one port (`reusePort`), and workers that all accept from one socket (`shared`). Plain Node, without the gateway, so that only the ways differ.
 *
 * `..._lost`: of ten thousand connections that come while workers are replaced one after the other, those on which a client
 * got no answer though the worker that ended was given the time to end what it had. `..._us`: processor time of the server's
 * process for each connection. `..._balance`: of two hundred sockets that stay, those of the worker with the fewest divided
 * by those of the one with the most; `..._rebalance`: the same after one worker was ended with all it had, and its clients
 * came back. Server on one processor, client on the other; the ways take turns, medians.
 */
import type { Came, Wish } from './accept/client.ts';
import type { Way } from './accept/messages.ts';
import type { Looked, Order } from './accept/server.ts';
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus, scheduledOf } from './harness/process.ts';
import type { BenchOptions, BenchResult } from './main.ts';

const WAYS: readonly Way[] = ['handoff', 'reuseport', 'shared'];

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, serverCpu] = allowedCpus();
  if (loadCpu === undefined || serverCpu === undefined) throw new Error('this benchmark needs two processors');
  const rounds: Record<Way, Round[]> = { handoff: [], reuseport: [], shared: [] };
  const client = new LineProcess<Wish, Came>(new URL('accept/client.ts', import.meta.url), loadCpu);
  try {
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round += 1) {
      for (const way of WAYS) rounds[way].push(await play(way, client, serverCpu));
    }
  } finally {
    await client.stop();
  }
  return { figures: figuresOf(rounds), detail: rounds };
}

const ROUNDS = 7;
const QUICK_ROUNDS = 3;

interface Round {
  readonly cpuUs: number;
  readonly balance: number;
  readonly rebalance: number;
  readonly lost: number;
  readonly of: number;
  readonly replaced: number;
}

type Client = LineProcess<Wish, Came>;
type Server = LineProcess<Order, Looked, Looked>;

async function play(way: Way, client: Client, cpu: number): Promise<Round> {
  const server = new LineProcess<Order, Looked, Looked>(new URL('accept/server.ts', import.meta.url), cpu, way);
  try {
    const { port } = await server.first();
    const come = (connections: number): Promise<Came> =>
      client.ask({ kind: 'come', port, connections, together: TOGETHER });
    await come(WARM_UP);
    const before = scheduledOf(server.pid);
    const { lost } = await come(CONNECTIONS);
    if (lost > 0) throw new Error(`${way} lost ${lost} connections while nothing happened`);
    const cpuUs = (scheduledOf(server.pid).cpuUs - before.cpuUs) / CONNECTIONS;
    return { cpuUs, ...(await spread(server, client, port)), ...(await replace(server, come)) };
  } finally {
    await server.stop();
  }
}

/** Clients at once. */
const TOGETHER = 32;
const WARM_UP = 2_000;
const CONNECTIONS = 5_000;
const STAYING = 200;
const CONNECTIONS_WHILE_REPLACING = 10_000 / QUICK_ROUNDS;

async function spread(server: Server, client: Client, port: number): Promise<Pick<Round, 'balance' | 'rebalance'>> {
  const stay = async (): Promise<number> => {
    await client.ask({ kind: 'stay', port, connections: STAYING });
    const { sockets } = await server.ask({ kind: 'look' });
    return Math.min(...sockets) / Math.max(...sockets);
  };
  const balance = await stay();
  await server.ask({ kind: 'kill' });
  const rebalance = await stay();
  await client.ask({ kind: 'leave' });
  return { balance, rebalance };
}

async function replace(
  server: Server,
  come: (connections: number) => Promise<Came>,
): Promise<Pick<Round, 'lost' | 'of' | 'replaced'>> {
  const state = { isOver: false };
  const coming = come(Math.ceil(CONNECTIONS_WHILE_REPLACING)).finally(() => {
    state.isOver = true;
  });
  let replaced = 0;
  while (!state.isOver) {
    await server.ask({ kind: 'replace' });
    replaced += 1;
  }
  const { answered, lost } = await coming;
  return { lost, of: answered + lost, replaced };
}

function figuresOf(rounds: Readonly<Record<Way, readonly Round[]>>): BenchResult['figures'] {
  const sum = (way: Way, key: keyof Round): number => rounds[way].reduce((total, round) => total + round[key], 0);
  const middle = (way: Way, key: keyof Round): number => median(rounds[way].map((round) => round[key]));
  for (const way of WAYS) {
    const replaced = `${sum(way, 'lost')} of ${sum(way, 'of')} lost in ${sum(way, 'replaced')} replacements`;
    const spreads = `balance ${middle(way, 'balance').toFixed(2)}, ${middle(way, 'rebalance').toFixed(2)} after a loss`;
    console.log(`${way}: ${replaced}; ${middle(way, 'cpuUs').toFixed(1)} us for a connection; ${spreads}`);
  }
  const entries = WAYS.flatMap((way): [string, number][] => [
    [`${way}_lost`, sum(way, 'lost')],
    [`${way}_us`, round2(middle(way, 'cpuUs'))],
    [`${way}_balance`, round2(middle(way, 'balance'))],
    [`${way}_rebalance`, round2(middle(way, 'rebalance'))],
  ]);
  return { connections: sum('handoff', 'of'), ...Object.fromEntries(entries) };
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
