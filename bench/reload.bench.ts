/**
 * Policies that change while requests come: the configuration is rewritten and taken over a thousand times through the admin
 * API, under a client that asks all the time on connections that stay and on new ones.
 *
 * `lost` counts exchanges without their answer, among all that there were. `swap_us` is the step in which a worker begins to
 * judge by the new policy, at the 99th percentile over all reloads, in the worker that took longest: what stands between two
 * requests. `swap_worst_us` is the longest of all; on a shared machine it says how long the machine took the processor away.
 * The first reload starts the thread that compiles, and every other one finds it there.
 * `compile_ms` is what a thread of its own needs to read, check and compile the configuration, without the start of that thread, `instantiate_ms` what a worker
 * needs to make it usable beside its requests, in slices of two milliseconds: medians.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AdminClient } from '@sallyport/control';
import { adminOf } from './harness/admin.ts';
import { LineProcess } from './harness/line-process.ts';
import { allowedCpus } from './harness/process.ts';
import { type Launch, Servers, sallyport, upstream } from './harness/servers.ts';
import type { BenchOptions, BenchResult } from './main.ts';
import type { Asked, Wish } from './reload/client.ts';

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const [loadCpu, serverCpu] = allowedCpus();
  if (loadCpu === undefined || serverCpu === undefined) throw new Error('this benchmark needs two processors');
  const reloads = quick ? QUICK_RELOADS : RELOADS;
  const servers = new Servers();
  const client = new LineProcess<Wish, Asked>(new URL('reload/client.ts', import.meta.url), loadCpu);
  try {
    const { port: upstreamPort } = await servers.start(upstream, loadCpu);
    // The control plane and the compiler share the processor of the load, as far as the system likes.
    const { port } = await servers.start(gateway(0), `${loadCpu},${serverCpu}`, upstreamPort);
    const admin = await adminOf(join(servers.directory, 'admin.sock'));
    await client.ask({ kind: 'begin', port });
    const callsMs: number[] = [];
    for (let reload = 1; reload <= reloads; reload += 1) {
      servers.rewrite(gateway(reload), port, upstreamPort);
      callsMs.push(await publish(admin));
    }
    const asked = await client.ask({ kind: 'end' });
    const all = await allPublished(join(servers.directory, `${NAME}-access.log`), reloads);
    if (all.length !== reloads) throw new Error(`${all.length} policies in force after ${reloads} reloads`);
    return resultOf(all, callsMs, asked);
  } finally {
    await client.stop();
    await servers.stop();
  }
}

const RELOADS = 1_000;
const QUICK_RELOADS = 100;
const WORKERS = 2;
const NAME = 'sallyport';

/** A configuration whose text and meaning are others every time. */
function gateway(reload: number): Launch {
  return (place) =>
    sallyport({
      name: NAME,
      place,
      workers: WORKERS,
      route: [`request: { bodyMax: ${BODY_BYTES + reload}B }`],
      top: [`admin: { socket: ${place.directory}/admin.sock }`],
    });
}

const BODY_BYTES = 1_000_000;

/** Milliseconds until every worker had it. @throws Error with what is wrong. */
async function publish(admin: AdminClient): Promise<number> {
  const startMs = performance.now();
  const outcome = await admin.call('reload', {});
  if (outcome.kind !== 'answer' || outcome.answer.result !== 'published') throw new Error(JSON.stringify(outcome));
  return performance.now() - startMs;
}

interface Published {
  readonly compileMs: number;
  readonly prepareMs: number;
  readonly swapUs: number;
}

/** Lines of the log are written in batches: the last ones come a moment later. */
async function allPublished(logFile: string, reloads: number): Promise<readonly Published[]> {
  for (let wait = 0; wait < 20 && readPublished(logFile).length < reloads; wait += 1) {
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }
  return readPublished(logFile);
}

/** What the log says of each policy that came into force in all workers. */
function readPublished(logFile: string): readonly Published[] {
  const lines = readFileSync(logFile, 'utf8').matchAll(PUBLISHED);
  return [...lines].map(({ groups }) => ({
    compileMs: Number(groups?.['compile']),
    prepareMs: Number(groups?.['prepare']),
    swapUs: Number(groups?.['swap']),
  }));
}

const PUBLISHED =
  /policy \d+ in \d+ workers, compiled in (?<compile>[\d.]+) ms, prepared in (?<prepare>[\d.]+) ms, swapped in (?<swap>\d+) us/g;

function resultOf(published: readonly Published[], callsMs: readonly number[], asked: Asked): BenchResult {
  const of = (key: keyof Published, part: number): number =>
    share(
      published.map((each) => each[key]),
      part,
    );
  for (const why of asked.why) console.log(`lost: ${why}`);
  console.log('                     median      p99      max');
  const rows: readonly (readonly [string, (part: number) => number])[] = [
    ['whole reload, ms', (part) => share(callsMs, part)],
    ['compile, ms', (part) => of('compileMs', part)],
    ['instantiate, ms', (part) => of('prepareMs', part)],
    ['swap, us', (part) => of('swapUs', part)],
  ];
  for (const [title, at] of rows) {
    const cells = [at(0.5), at(0.99), at(1)].map((value) => value.toFixed(1).padStart(8));
    console.log(`${title.padEnd(18)} ${cells.join(' ')}`);
  }
  return {
    figures: {
      swap_us: of('swapUs', 0.99),
      lost: asked.lost,
      compile_ms: round2(of('compileMs', 0.5)),
      instantiate_ms: round2(of('prepareMs', 0.5)),
      swap_worst_us: of('swapUs', 1),
      reloads: published.length,
      exchanges: asked.answered + asked.lost,
    },
    detail: { published, callsMs, asked },
  };
}

/** The value below which this share of all lies; 1: the greatest. */
function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.trunc(sorted.length * part))] ?? Number.NaN;
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
