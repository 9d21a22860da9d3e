/**
 * Sallyport as a plain reverse proxy beside nginx and HAProxy: keep-alive HTTP/1.1, requests as browsers send them.
 *
 * One processor for the proxy under test, one for load generator and upstream; the three take turns. The main figure is
 * processor time for each request, which says what a request costs whatever else the machine does. `cpu_vs_nginx=2.50`
 * means that a request costs Sallyport 2.50 times the processor time it costs nginx: each turn is compared within itself, and the median of the calmer half of all turns counts. Turns in which others used the processor are
 * no use: they change how many requests a proxy finds waiting, and with that what each costs.
 */
import { allowedCpus } from './harness/process.ts';
import { type Server, UPSTREAM_BODY } from './harness/servers.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import { load, type Round } from './proxy/load.ts';
import { type Proxies, startProxies } from './proxy/servers.ts';

type Name = 'nginx' | 'haproxy' | 'sallyport';

const NAMES: readonly Name[] = ['nginx', 'haproxy', 'sallyport'];

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, proxyCpu] = allowedCpus();
  if (loadCpu === undefined || proxyCpu === undefined) throw new Error('this benchmark needs two processors');
  const proxies = await startProxies(loadCpu, proxyCpu);
  try {
    for (const name of NAMES) await prepare(proxies[name], loadCpu);
    const rounds: Record<Name, Round[]> = { nginx: [], haproxy: [], sallyport: [] };
    for (let round = 0; round < (quick ? QUICK_ROUNDS : ROUNDS); round += 1) {
      for (const name of NAMES) rounds[name].push(await load(proxies[name], ROUND_SECONDS, loadCpu));
    }
    return { ...resultOf(calmHalf(rounds), memoryOf(proxies)), detail: rounds };
  } finally {
    await proxies.stop();
  }
}

/** Many short rounds: neighbours on the machine come and go, and a proxy is compared with what ran just before it. */
const ROUNDS = 15;
const QUICK_ROUNDS = 6;
const ROUND_SECONDS = 2;

/** Seconds of load before the first measured round, for just-in-time compilers and connection pools. */
const WARM_UP_SECONDS = 3;

async function prepare(server: Server, loadCpu: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${server.port}/games/recent?page=1`);
  const body = await response.text();
  if (response.status !== 200 || body !== UPSTREAM_BODY) {
    throw new Error(
      `${server.name} answers ${response.status} with ${body.length} bytes, not with the upstream's answer`,
    );
  }
  await load(server, WARM_UP_SECONDS, loadCpu);
}

/** The half of the turns in which the most disturbed proxy was disturbed least. */
function calmHalf(rounds: ByName<readonly Round[]>): ByName<readonly Round[]> {
  const disturbed = (turn: number): number => Math.max(...NAMES.map((name) => rounds[name][turn]?.disturbed ?? 1));
  const turns = [...rounds.sallyport.keys()].toSorted((one, other) => disturbed(one) - disturbed(other));
  const calm = turns.slice(0, Math.ceil(turns.length / 2));
  const pick = (name: Name): readonly Round[] => calm.flatMap((turn) => rounds[name][turn] ?? []);
  return { nginx: pick('nginx'), haproxy: pick('haproxy'), sallyport: pick('sallyport') };
}

type ByName<Value> = Readonly<Record<Name, Value>>;

function memoryOf({ nginx, haproxy, sallyport }: Proxies): ByName<number> {
  return {
    nginx: nginx.program.memoryMib(),
    haproxy: haproxy.program.memoryMib(),
    sallyport: sallyport.program.memoryMib(),
  };
}

function resultOf(rounds: ByName<readonly Round[]>, memoryMib: ByName<number>): { figures: BenchResult['figures'] } {
  const of = (name: Name, key: keyof Round): number => median(rounds[name].map((round) => round[key]));
  console.log('proxy      req/s   CPU us/req  busy  disturbed  p50 ms  p99 ms  PSS MiB');
  for (const name of NAMES) {
    const cells = [
      of(name, 'requestsPerSecond').toFixed(0).padStart(7),
      of(name, 'cpuUsPerRequest').toFixed(1).padStart(11),
      of(name, 'busy').toFixed(2).padStart(5),
      of(name, 'disturbed').toFixed(2).padStart(10),
      of(name, 'p50Ms').toFixed(2).padStart(7),
      of(name, 'p99Ms').toFixed(2).padStart(7),
      memoryMib[name].toFixed(0).padStart(8),
    ];
    console.log(`${name.padEnd(10)}${cells.join(' ')}`);
  }
  const against = (peer: Name): number =>
    round2(median(rounds[peer].map(({ cpuUsPerRequest }, index) => cpuOf(rounds.sallyport, index) / cpuUsPerRequest)));
  return {
    figures: {
      cpu_vs_nginx: against('nginx'),
      cpu_vs_haproxy: against('haproxy'),
      p99_ms: round2(of('sallyport', 'p99Ms')),
      cpu_us: round2(of('sallyport', 'cpuUsPerRequest')),
      requests_per_second: Math.round(of('sallyport', 'requestsPerSecond')),
      pss_mib: Math.round(memoryMib.sallyport),
    },
  };
}

function cpuOf(rounds: readonly Round[], index: number): number {
  return rounds[index]?.cpuUsPerRequest ?? Number.NaN;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
