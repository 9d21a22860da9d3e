/**
 * The tables and the ring that threads share, beside a plain Map that only one thread can have.
 *
 * Nanoseconds of processor time for one operation, hashing of its key included, on 16 keys (`hot`) and on 100,000 keys
 * whose entries are wherever in memory (`100k`). `gcra` takes a unit of a rate, `window` one of a sliding window of 100,
 * `gauge` counts one up and down again, `ring` writes and reads a line of 250 bytes. `_2` is the first thread's time while a
 * second one does the same to the same keys. `allocated` is the bytes that one operation leaves to the garbage collector, the
 * most of all of them.
 */
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { BenchOptions, BenchResult } from './main.ts';
import { allocateTables, attachTables, HOT_KEYS, KEYS, keysOf, LINE, newRing } from './shared-memory/subjects.ts';

type Operation = (key: string, nowMicros: number) => void;

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const rounds = quick ? 5 : 15;
  const tables = allocateTables();
  const { rate, window, gauge } = attachTables(tables, 0);
  const [hot, many] = [keysOf(HOT_KEYS), keysOf(KEYS)];
  const operations: Readonly<Record<string, Operation>> = {
    gcra: (key, nowMicros) => expectZero(rate.take(key, nowMicros)),
    window: (key, nowMicros) => void window.take(key, nowMicros),
    gauge: (key) => gauge.release(gauge.acquire(key, 1_000_000)),
    map: mapOperation(),
  };
  const samples = new Map<string, number[]>();
  const allocated = new Map<string, number[]>();
  const measure = (name: string, operation: Operation, keys: readonly string[]): void => {
    const { nanoseconds, bytes } = sampleOf(operation, keys);
    samples.set(name, [...(samples.get(name) ?? []), nanoseconds]);
    allocated.set(name, [...(allocated.get(name) ?? []), bytes]);
  };
  const ring = ringOperation();
  const nothing: Operation = () => {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [name, operation] of Object.entries(operations)) {
      measure(`${name}_hot_ns`, operation, hot);
      measure(`${name}_100k_ns`, operation, many);
    }
    measure('ring_ns', ring, hot);
    measure(NOTHING, nothing, hot);
  }
  for (const isHot of [true, false]) {
    const name = isHot ? 'gcra_hot_2_ns' : 'gcra_100k_2_ns';
    const end = await startSecondThread({ tables, isHot });
    for (let round = 0; round < rounds; round += 1) measure(name, operations['gcra'] ?? ring, isHot ? hot : many);
    await end();
  }
  // What the measurement itself allocates is what remains of an operation that does nothing.
  const basis = median(allocated.get(NOTHING) ?? []);
  const left = [...allocated].map(([, bytes]) => Math.max(0, median(bytes) - basis));
  samples.delete(NOTHING);
  const figures = Object.fromEntries([...samples].map(([name, values]) => [name, Math.round(median(values))]));
  const { gcra_hot_ns, gcra_100k_ns, gauge_hot_ns, ring_ns, ...others } = figures;
  return {
    figures: {
      ...named({ gcra_hot_ns, gcra_100k_ns, gauge_ns: gauge_hot_ns, ring_ns }),
      ...others,
      allocated: Math.round(Math.max(...left)),
    },
    detail: { samples: Object.fromEntries(samples), allocated: Object.fromEntries(allocated) },
  };
}

/** The name of an operation that does nothing. */
const NOTHING = 'nothing';

/** Operations of one sample: long beside the ticks in which some kernels count processor time. */
const OPERATIONS = 1_000_000;

/** Operations with the same time, as in one turn of a loop. */
const OPERATIONS_TOGETHER = 2000;

/** Microseconds of the clock that both threads read. */
const clock = new Float64Array(new SharedArrayBuffer(8)).fill(1_800_000_000_000_000);

function sampleOf(operation: Operation, keys: readonly string[]): { nanoseconds: number; bytes: number } {
  const bytesBefore = getHeapStatistics().total_allocated_bytes;
  const before = process.threadCpuUsage();
  let nowMicros = clock[0] ?? 0;
  const passesTogether = Math.ceil(OPERATIONS_TOGETHER / keys.length);
  for (let pass = 0; pass < OPERATIONS / keys.length; pass += 1) {
    if (pass % passesTogether === 0) nowMicros = clock[0] = nowMicros + OPERATIONS_TOGETHER;
    for (const key of keys) operation(key, nowMicros);
  }
  const { user, system } = process.threadCpuUsage(before);
  const bytes = getHeapStatistics().total_allocated_bytes - bytesBefore;
  return { nanoseconds: ((user + system) * 1000) / OPERATIONS, bytes: bytes / OPERATIONS };
}

/** GCRA in a plain Map with a cell for each key: what one thread alone would do. */
function mapOperation(): Operation {
  const owesUntil = new Map<string, { micros: number }>();
  return (key, nowMicros) => {
    const cell = owesUntil.get(key);
    if (cell === undefined) {
      owesUntil.set(key, { micros: nowMicros + 100 });
      return;
    }
    const after = Math.max(nowMicros, cell.micros) + 100;
    if (after - nowMicros <= 500_000_000) cell.micros = after;
  };
}

/** Writes a line and reads it when 64 wait: writer and reader in one thread, so that both are in the figure. */
function ringOperation(): Operation {
  const ring = newRing();
  let waiting = 0;
  let bytes = 0;
  const read = (_: unknown, start: number, end: number): void => {
    bytes += end - start;
  };
  return () => {
    if (!ring.write(LINE, 0)) throw new Error('the ring is full');
    waiting += 1;
    if (waiting < 64) return;
    waiting = 0;
    ring.drain(read);
    if (bytes % LINE.length !== 0) throw new Error('the ring lost bytes');
  };
}

async function startSecondThread(work: {
  tables: ReturnType<typeof allocateTables>;
  isHot: boolean;
}): Promise<() => Promise<void>> {
  const stop = new SharedArrayBuffer(4);
  const thread = new Worker(new URL('./shared-memory/second-thread.ts', import.meta.url), {
    workerData: { ...work, stop, clock: clock.buffer },
  });
  const ended = new Promise((resolve) => thread.once('exit', resolve));
  await new Promise((resolve) => thread.once('online', resolve));
  return async () => {
    Atomics.store(new Int32Array(stop), 0, 1);
    await ended;
  };
}

function expectZero(wait: number | undefined): void {
  if (wait !== 0) throw new Error(`refused for ${wait} us`);
}

function named(figures: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, value ?? Number.NaN]));
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}
