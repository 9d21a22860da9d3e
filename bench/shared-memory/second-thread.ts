/** The second thread: it works on the same tables until it is told to stop. */
import { workerData } from 'node:worker_threads';
import { attachTables, HOT_KEYS, KEYS, keysOf, type Tables } from './subjects.ts';

interface Work {
  readonly tables: Tables;
  readonly isHot: boolean;
  /** Microseconds, moved by the first thread. */
  readonly clock: SharedArrayBuffer;
  /** One word: 0 go on, 1 stop. */
  readonly stop: SharedArrayBuffer;
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only the benchmark starts this file, with its work.
const { tables, isHot, clock, stop } = workerData as Work;
const { rate } = attachTables(tables, 1);
const keys = keysOf(isHot ? HOT_KEYS : KEYS);
const stopped = new Int32Array(stop);
const now = new Float64Array(clock);
while (Atomics.load(stopped, 0) === 0) {
  const nowMicros = now[0] ?? 0;
  for (const key of keys) rate.take(key, nowMicros);
}
