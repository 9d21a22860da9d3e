/**
 * The store of events. `events_per_s`: exchanges that one thread emits, as a worker does, and that the store thread has
 * committed, sustained; `loop_delay_p99_ms`: of the emitting thread meanwhile, while a third thread asks questions of a whole day ten times
 * a second. `overview_ms`, `filter_ms` and `top_ms` (most frequent values): answers about the last day of ten million events, the slowest of several.
 * `bytes_per_event`: what a day's file takes for each. Beside it, for comparison: the same events as rows of a table with five
 * indexes, as such stores mostly have them.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { ByteRing } from '@sallyport/kernel';
import { EventWriter } from '@sallyport/stores';
import { eventLine, RING_SHARES, ringSink } from '@sallyport/stores/log';
import { type Question, questionsOf } from './events/questions.ts';
import { Sample } from './events/sample.ts';
import type { BenchOptions, BenchResult } from './main.ts';

const DAY_MS = 86_400_000;
const STORE = new URL('../packages/cli/src/store/store-main.ts', import.meta.url);

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-events-'));
  try {
    const events = quick ? 500_000 : 10_000_000;
    const untilMs = Date.now();
    const filled = fill(join(folder, 'events'), events, untilMs);
    const answers = questionsOf(join(folder, 'events'), untilMs).map((question) => timed(question, quick ? 3 : 5));
    const [overview, ...filters] = answers;
    if (overview === undefined) throw new Error('there is an overview');
    const ingest = await measureIngest(folder, quick ? 4_000 : 30_000, untilMs);
    const rows = fillRows(join(folder, 'rows.db'), quick ? 100_000 : 500_000, untilMs);
    printTable(answers, { filled, rows, ingest, events });
    return {
      figures: {
        events_per_s: Math.round(ingest.storedPerSecond),
        loop_delay_p99_ms: rounded(ingest.loopDelayP99Ms),
        overview_ms: rounded(overview.medianMs),
        filter_ms: slowest(filters, false),
        top_ms: slowest(filters, true),
        bytes_per_event: rounded(filled.bytesPerEvent),
        dropped: ingest.dropped,
        store_cpu_us: rounded(filled.cpuUs),
        rows_cpu_us: rounded(rows.cpuUs),
        rows_bytes_per_event: rounded(rows.bytesPerEvent),
      },
      detail: { answers, ingest, filled, rows },
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function slowest(answers: readonly Answered[], isTop: boolean): number {
  const times = answers.filter(({ name }) => name.startsWith('top ') === isTop).map(({ medianMs }) => medianMs);
  return rounded(Math.max(...times));
}

interface Filled {
  /** Processor time of the writing thread for each event, without making it. */
  readonly cpuUs: number;
  readonly bytesPerEvent: number;
}

/** A day of events, in batches as the store thread makes them. */
function fill(folder: string, events: number, untilMs: number): Filled {
  const clock = { wallMs: () => untilMs, monotonicMs: () => performance.now() };
  const writer = new EventWriter({ folder, clock, retentionDays: 3, quotaBytes: 1e12, onProblem: fail });
  const sample = new Sample(1);
  let cpuUs = 0;
  for (let done = 0; done < events; ) {
    const batch = Array.from({ length: Math.min(BATCH_EVENTS, events - done) }, (_, index) => ({
      line: eventLine(sample.next(untilMs - DAY_MS + Math.floor(((done + index) / events) * DAY_MS))),
      isInnocent: true,
    }));
    const before = process.threadCpuUsage();
    writer.append(batch);
    const { user, system } = process.threadCpuUsage(before);
    cpuUs += user + system;
    done += batch.length;
  }
  writer.close();
  const day = new Date(untilMs).toISOString().slice(0, 10);
  return { cpuUs: cpuUs / events, bytesPerEvent: statSync(join(folder, `events-${day}.db`)).size / events };
}

/** The usual way: a row for each event with its line, and indexes for what is often asked. */
function fillRows(path: string, events: number, untilMs: number): Filled {
  const database = new DatabaseSync(path);
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
    CREATE TABLE event (id INTEGER PRIMARY KEY, time_ms INTEGER, client TEXT, request TEXT, route TEXT, status INTEGER, reason TEXT, line TEXT);
    CREATE INDEX a ON event (time_ms); CREATE INDEX b ON event (client, time_ms); CREATE INDEX c ON event (request);
    CREATE INDEX d ON event (reason, time_ms); CREATE INDEX e ON event (status, time_ms)`);
  const insert = database.prepare(
    'INSERT INTO event (time_ms, client, request, route, status, reason, line) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const sample = new Sample(1);
  let cpuUs = 0;
  for (let done = 0; done < events; done += BATCH_EVENTS) {
    const batch = Array.from({ length: BATCH_EVENTS }, (_, index) => sample.next(untilMs - DAY_MS + done + index));
    const lines = batch.map(eventLine);
    const before = process.threadCpuUsage();
    database.exec('BEGIN');
    for (const [index, { timeMs, client, requestId, route, status, reason }] of batch.entries()) {
      insert.run(timeMs, client.address, requestId, route, status, reason, lines[index] ?? '');
    }
    database.exec('COMMIT');
    const { user, system } = process.threadCpuUsage(before);
    cpuUs += user + system;
  }
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return { cpuUs: cpuUs / events, bytesPerEvent: statSync(path).size / events };
}

interface Answered {
  readonly name: string;
  readonly medianMs: number;
  readonly found: number;
}

function timed({ name, ask }: Question, times: number): Answered {
  let found = 0;
  const samples = Array.from({ length: times }, () => {
    const startMs = performance.now();
    found = ask();
    return performance.now() - startMs;
  }).toSorted((one, other) => one - other);
  return { name, found, medianMs: samples[samples.length >> 1] ?? 0 };
}

interface Ingest {
  readonly storedPerSecond: number;
  readonly emittedPerSecond: number;
  readonly dropped: number;
  readonly loopDelayP99Ms: number;
  readonly answers: number;
}

/** This thread emits as a worker does; the store thread stores; another one asks. */
async function measureIngest(folder: string, durationMs: number, untilMs: number): Promise<Ingest> {
  const ring = new ByteRing(ByteRing.allocate({ bytes: RING_BYTES, shares: RING_SHARES }));
  const start = { folder, events: { rings: [ring.buffer], stored: { retentionDays: 3, quotaBytes: 1e12 }, sinks: [] } };
  const store = new Worker(STORE, { workerData: start });
  const asker = new Worker(new URL('events/asker.ts', import.meta.url), {
    workerData: { folder: join(folder, 'events'), untilMs },
  });
  await messageOf(store);
  const sink = ringSink(ring);
  const sample = new Sample(2);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const startMs = performance.now();
  let emitted = 0;
  for (let nowMs = startMs; nowMs < startMs + durationMs; nowMs = performance.now()) {
    const due = Math.floor(((nowMs - startMs) / 1_000) * EMITTED_PER_SECOND);
    // A worker does other things as well: not more than a few milliseconds of events in one turn.
    for (let count = Math.min(due - emitted, TURN_EVENTS_MAX); count > 0; count -= 1) {
      sink.emit(sample.next(Date.now()));
      emitted += 1;
    }
    await new Promise((resolve) => void setTimeout(resolve, 1));
  }
  delay.disable();
  const elapsedMs = performance.now() - startMs;
  while (ring.waitingBytes > 0) await new Promise((resolve) => void setTimeout(resolve, 10));
  tell(store, { kind: 'ask', id: 1, operation: 'events.news', request: [] });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The store thread answers so.
  const { answer } = (await messageOf(store)) as {
    readonly answer: { stored: number; droppedOverflow: readonly number[] };
  };
  tell(asker, 'end');
  const answers = Number(await messageOf(asker));
  tell(store, { kind: 'close' });
  await Promise.all([store, asker].map((thread) => new Promise((resolve) => void thread.once('exit', resolve))));
  return {
    storedPerSecond: answer.stored / (elapsedMs / 1_000),
    emittedPerSecond: emitted / (elapsedMs / 1_000),
    dropped: answer.droppedOverflow.reduce((sum, count) => sum + count, 0),
    // Less what the timer of the measurement itself takes.
    loopDelayP99Ms: delay.percentile(99) / 1e6 - 1,
    answers,
  };
}

function tell(thread: Worker, message: unknown): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Between threads there are no origins.
  thread.postMessage(message);
}

function messageOf(thread: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
  });
}

function printTable(
  answers: readonly Answered[],
  { filled, rows, ingest, events }: { filled: Filled; rows: Filled; ingest: Ingest; events: number },
): void {
  console.log(`questions about a day of ${events} events`);
  for (const { name, medianMs, found } of answers) {
    console.log(`${medianMs.toFixed(1).padStart(9)} ms  ${String(found).padStart(9)} found  ${name}`);
  }
  console.log(`                    CPU us/event  bytes/event`);
  console.log(
    `columns             ${filled.cpuUs.toFixed(2).padStart(12)}  ${filled.bytesPerEvent.toFixed(1).padStart(11)}`,
  );
  console.log(
    `rows and indexes    ${rows.cpuUs.toFixed(2).padStart(12)}  ${rows.bytesPerEvent.toFixed(1).padStart(11)}`,
  );
  console.log(
    `emitted ${Math.round(ingest.emittedPerSecond)}/s, stored ${Math.round(ingest.storedPerSecond)}/s, dropped ${ingest.dropped}, meanwhile ${ingest.answers} questions`,
  );
}

function fail(problem: string): void {
  throw new Error(problem);
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

const BATCH_EVENTS = 2_500;
const RING_BYTES = 8_388_608;
/** A quarter more than is asked for. */
const EMITTED_PER_SECOND = 25_000;
const TURN_EVENTS_MAX = 200;
