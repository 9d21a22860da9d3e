import { join } from 'node:path';
import { ByteRing, type Clock, type LineSink } from '@sallyport/kernel';
import { EventIntake, EventWriter, openSink, StoreSink } from '@sallyport/stores';
import { EventTally } from './event-tally.ts';
import type { EventOperations, EventsStart, StoreFamily } from './store-messages.ts';

/**
 * Carries events from the rings into the store and to the sinks, for as long as the thread lives. `folder`: of the state; without one
 * nothing is stored. @throws Error when the folder cannot be made.
 */
export function eventFamily(
  folder: string | undefined,
  start: EventsStart,
  clock: Clock,
): StoreFamily<EventOperations> {
  const problems: string[] = [];
  const onProblem = (problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem);
  };
  const store =
    folder === undefined || start.stored === undefined
      ? undefined
      : new EventStore({ folder: eventFolder(folder), clock, ...start.stored, onProblem });
  const sinks = start.sinks.map(({ name, ...options }) => ({
    name,
    sink: sinkOf(name, options, { clock, onProblem }),
  }));
  const intake = new EventIntake({
    rings: start.rings.map((ring) => new ByteRing(ring)),
    sinks: [...(store === undefined ? [] : [store.sink]), ...sinks.map(({ sink }) => sink)],
  });
  let isBehind = false;
  const pass = (): void => {
    // What the store cannot take at once waits in the rings, which drop by class, and not here.
    const isMore = !isBehind && intake.pass();
    isBehind = store?.sink.pass() ?? false;
    // Others ask this thread as well: after a batch they have their turn.
    if (isMore || isBehind) setImmediate(pass);
  };
  store?.tidy();
  const timers = [setInterval(pass, PASS_MS), setInterval(() => store?.tidy(), TIDY_MS)];
  const tally = new EventTally({ intake, store: store?.sink, sinks });
  return {
    handlers: { 'events.news': () => tally.news(problems.splice(0)) },
    close: async () => {
      for (const timer of timers) clearInterval(timer);
      // What the rings hold is bounded, and nothing is written into them any more.
      for (let passes = 0; passes < LAST_PASSES && intake.pass(); passes += 1) store?.sink.pass();
      store?.close();
      await Promise.all(sinks.map(({ sink }) => sink.close()));
    },
    last: () => tally.news(problems.splice(0)),
  };
}

/** Where events lie in the state folder. */
export function eventFolder(folder: string): string {
  return join(folder, 'events');
}

interface EventStoreOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly retentionDays: number;
  readonly quotaBytes: number;
  readonly onProblem: (problem: string) => void;
}

/** The writer of the store behind its sink. */
class EventStore {
  readonly sink: StoreSink;
  readonly #writer: EventWriter;
  readonly #onProblem: (problem: string) => void;

  constructor(options: EventStoreOptions) {
    const { clock, onProblem } = options;
    this.#onProblem = onProblem;
    this.#writer = new EventWriter(options);
    this.sink = new StoreSink({
      writer: this.#writer,
      clock,
      onFailure: (cause) => onProblem(`events cannot be stored: ${textOf(cause)}`),
      onRecovery: () => onProblem('events are stored again'),
    });
  }

  tidy(): void {
    try {
      this.#writer.tidy();
    } catch (error) {
      this.#onProblem(`old events cannot be removed: ${textOf(error)}`);
    }
  }

  close(): void {
    this.sink.finish();
    this.#writer.close();
  }
}

function sinkOf(
  name: string,
  options: Parameters<typeof openSink>[0],
  { clock, onProblem }: { readonly clock: Clock; readonly onProblem: (problem: string) => void },
): LineSink {
  return openSink(options, {
    clock,
    onFailure: (cause) => onProblem(`the sink ${name} cannot be written to: ${textOf(cause)}`),
    onRecovery: (dropped) =>
      onProblem(`the sink ${name} is written to again; ${dropped} events for it were dropped meanwhile`),
  });
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** What is not stored yet is lost when the process is killed: well below a quarter of a second. */
const PASS_MS = 100;
const TIDY_MS = 60_000;
/** More than all rings can hold. */
const LAST_PASSES = 1_000;
/** Between two questions; a disk that fails says the same again and again. */
const PROBLEMS_MAX = 20;
