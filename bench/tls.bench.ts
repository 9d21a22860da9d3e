/**
 * Full TLS 1.3 handshakes (ECDSA P-256, X25519) beside nginx, taking turns in one run; one processor for the servers, one
 * for the client, which is Node as well.
 *
 * Closed loop: sixteen connections at once that shake hands, take their tickets and end, again and again, in exact numbers.
 * A client's half of a handshake costs about what a server's does, and in Node more, so the client's processor is busy and
 * bounds the rate that can be seen (`busy` says how much of its own processor the server used). What is compared is therefore
 * the processor time of a handshake, which says how many a second one processor can do: `vs_nginx=0.80` means 0.80 of
 * nginx's.
 *
 * Open loop: handshakes start at a fixed moderate rate, late or not, and `p99_ms` counts from the moment in which one was
 * due. It contains the client's own half, for both servers alike.
 *
 * `resumed` is the share of connections that resumed their session when the client came back with its newest ticket, to
 * whichever of two workers.
 */
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus } from './harness/process.ts';
import type { Server } from './harness/servers.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import type { TlsDone, TlsWish } from './tls/client.ts';
import { startTlsServers } from './tls/servers.ts';

type Name = 'nginx' | 'sallyport';

const NAMES: readonly Name[] = ['nginx', 'sallyport'];

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, serverCpu] = allowedCpus();
  if (loadCpu === undefined || serverCpu === undefined) throw new Error('this benchmark needs two processors');
  const servers = await startTlsServers(loadCpu, serverCpu);
  const client = new LineProcess<TlsWish, TlsDone>(new URL('tls/client.ts', import.meta.url), loadCpu);
  try {
    for (const name of NAMES) await closedLoop(servers[name], client);
    const closed: Record<Name, Closed[]> = { nginx: [], sallyport: [] };
    const latenciesMs: Record<Name, number[]> = { nginx: [], sallyport: [] };
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round += 1) {
      for (const name of NAMES) closed[name].push(await closedLoop(servers[name], client));
      for (const name of NAMES) latenciesMs[name].push(...(await openLoop(servers[name], client)));
    }
    const resumed = {
      nginx: await resumption(servers.nginx, client),
      sallyport: await resumption(servers.twoWorkers, client),
    };
    return { figures: figuresOf(closed, latenciesMs, resumed), detail: { closed, latenciesMs, resumed } };
  } finally {
    await client.stop();
    await servers.stop();
  }
}

const ROUNDS = 9;
const QUICK_ROUNDS = 3;

/** Handshakes of one closed loop, and how many at once. */
const LOOP_HANDSHAKES = 1_500;
const LOOP_TOGETHER = 16;

/** A third of what one processor can do for the client's half. */
const RATE_PER_SECOND = 200;
const RATE_HANDSHAKES = 600;

const RESUMPTIONS = 200;

interface Closed {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Share of its processor that the server used, 0 to 1. */
  readonly busy: number;
}

type Client = LineProcess<TlsWish, TlsDone>;

async function closedLoop({ port, program }: Server, client: Client): Promise<Closed> {
  const before = program.scheduled();
  const wish: TlsWish = { kind: 'loop', port, handshakes: LOOP_HANDSHAKES, together: LOOP_TOGETHER };
  const { durationUs } = await client.ask(wish);
  const cpuUs = program.scheduled().cpuUs - before.cpuUs;
  return {
    perSecond: LOOP_HANDSHAKES / (durationUs / 1e6),
    cpuUs: cpuUs / LOOP_HANDSHAKES,
    busy: cpuUs / durationUs,
  };
}

async function openLoop({ port }: Server, client: Client): Promise<readonly number[]> {
  const wish: TlsWish = { kind: 'rate', port, perSecond: RATE_PER_SECOND, handshakes: RATE_HANDSHAKES };
  return (await client.ask(wish)).latenciesMs;
}

async function resumption({ port }: Server, client: Client): Promise<number> {
  const { resumed } = await client.ask({ kind: 'resume', port, handshakes: RESUMPTIONS });
  return resumed / RESUMPTIONS;
}

function figuresOf(
  closed: Readonly<Record<Name, readonly Closed[]>>,
  latenciesMs: Readonly<Record<Name, readonly number[]>>,
  resumed: Readonly<Record<Name, number>>,
): BenchResult['figures'] {
  console.log('server     handshakes/s   busy  CPU us  p50 ms  p99 ms  resumed');
  for (const name of NAMES) {
    const of = (key: keyof Closed): number => median(closed[name].map((round) => round[key]));
    const cells = [
      of('perSecond').toFixed(0).padStart(12),
      of('busy').toFixed(2).padStart(6),
      of('cpuUs').toFixed(0).padStart(7),
      share(latenciesMs[name], 0.5).toFixed(2).padStart(7),
      share(latenciesMs[name], 0.99).toFixed(2).padStart(7),
      resumed[name].toFixed(2).padStart(8),
    ];
    console.log(`${name.padEnd(10)} ${cells.join(' ')}`);
  }
  const ratios = closed.nginx.map(({ cpuUs }, index) => cpuUs / (closed.sallyport[index]?.cpuUs ?? Number.NaN));
  return {
    vs_nginx: round2(median(ratios)),
    p99_ms: round2(share(latenciesMs.sallyport, 0.99)),
    nginx_p99_ms: round2(share(latenciesMs.nginx, 0.99)),
    cpu_us: Math.round(median(closed.sallyport.map(({ cpuUs }) => cpuUs))),
    resumed: round2(resumed.sallyport),
  };
}

function median(values: readonly number[]): number {
  return share(values, 0.5);
}

/** The value below which this share of all lies. */
function share(values: readonly number[], part: number): number {
  return values.toSorted((one, other) => one - other)[Math.trunc(values.length * part)] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
