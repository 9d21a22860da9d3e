import type { SallyportConfig } from '@sallyport/control';
import type { SystemEmitter } from '@sallyport/gateway';
import type { Clock, HealthStore, Log, Outbox, StateStore, StoredPolicy, StoredState } from '@sallyport/kernel';
import { MemoryHealthStore, MemoryOutbox, MemoryStateStore } from '@sallyport/stores';
import type { ControlMetrics } from '../plane/control-metrics.ts';
import { dropText, EVENT_CLASSES, type EventDrop, EventDrops } from './event-drops.ts';
import { EventQuestioner } from './event-questioner.ts';
import { type EventRings, leftInRings } from './event-rings.ts';
import { openStateFolder } from './state-folder.ts';
import type { EventNews, EventsStart, SinkNews } from './store-messages.ts';
import { StoreThread } from './store-thread.ts';
import { threadHealthStore } from './thread-health-store.ts';
import { threadOutbox } from './thread-outbox.ts';
import { threadStateStore } from './thread-state-store.ts';

export interface StoresOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly emitter: SystemEmitter;
  readonly metrics: ControlMetrics;
  readonly rings: EventRings;
}

/**
 * What the gateway stores, and the thread that does it. Without `state` in the configuration nothing outlives the process; without
 * sinks for events as well there is no thread.
 */
export class Stores {
  readonly thread: StoreThread | undefined;
  readonly state: StateStore;
  /** The state outlives the process. */
  readonly isKept: boolean;
  /** Events that did not get where they should. */
  readonly drops: EventDrops = new EventDrops();
  readonly outbox: Outbox;
  readonly health: HealthStore;
  /** Answers questions about events; undefined when none are stored. It starts with the first question. */
  readonly questions: EventQuestioner | undefined;
  readonly #options: StoresOptions;
  #timers: readonly NodeJS.Timeout[] = [];
  #onRestored = (): void => undefined;

  private constructor(
    { state }: Pick<SallyportConfig, 'state'>,
    { thread, ...options }: StoresOptions & { readonly thread: StoreThread | undefined },
  ) {
    this.thread = thread;
    this.questions = state?.events === undefined ? undefined : new EventQuestioner(state.folder, options);
    this.isKept = state !== undefined;
    this.state = state === undefined || thread === undefined ? new MemoryStateStore() : threadStateStore(thread);
    this.outbox = state === undefined || thread === undefined ? new MemoryOutbox() : threadOutbox(thread);
    this.health = state === undefined || thread === undefined ? new MemoryHealthStore() : threadHealthStore(thread);
    this.#options = options;
  }

  /** @throws Error when the folder cannot be used or the thread cannot start. */
  static async open(config: Pick<SallyportConfig, 'state' | 'events'>, options: StoresOptions): Promise<Stores> {
    const { clock, log, emitter, metrics, rings } = options;
    const { state } = config;
    if (state === undefined) {
      log.info(
        'no state folder is configured: bans, allowances, history, audit log and notifications that wait end with this process',
      );
    } else openStateFolder(state.folder);
    const events = startOfEvents(config, rings);
    if (state === undefined && events === undefined) return new Stores(config, { ...options, thread: undefined });
    const thread: StoreThread = new StoreThread({
      folder: state?.folder,
      events,
      clock,
      onLost: (why) => {
        metrics.storeLost.add();
        emitter.system('store-lost', `${why}; traffic goes on under the decisions that are known`);
      },
      onRestored: () => {
        emitter.system('store-restored', '');
        stores.#onRestored();
      },
      onLast: (news) => stores.#note(news),
    });
    const stores = new Stores(config, { ...options, thread });
    await thread.start();
    stores.#watch();
    return stores;
  }

  /** Calls back when the thread was lost and is there again: what it had open is to be opened again. */
  onRestored(callback: () => void): void {
    this.#onRestored = callback;
  }

  /** What is stored, before anything is served by it. @throws StoreError when it cannot be read. */
  async load(): Promise<StoredState> {
    const { log, emitter } = this.#options;
    const stored = await this.state.load();
    if (stored.movedAside !== undefined) {
      log.error('the stored state was damaged: it was put aside, and an empty one begins', { path: stored.movedAside });
      emitter.system('store-damaged', `put aside as ${stored.movedAside}`);
    }
    return stored;
  }

  /** Keeps what became of a policy. A failure is logged: the history is for people, and nothing is decided by it. */
  async keepPolicy(attempt: StoredPolicy): Promise<void> {
    const { clock, log } = this.#options;
    try {
      await this.state.commit({ nowMs: clock.wallMs(), changes: [], audit: [], policies: [attempt] });
    } catch (error) {
      log.warn('an attempt to publish a policy could not be kept', { error });
    }
  }

  /** Writes what still waits, and gives everything up. What is dropped on the way is said here: nobody asks for numbers any more. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const dropped: EventDrop[] = [];
    this.drops.onDrop((drop) => dropped.push(drop));
    await this.questions?.close();
    await this.#takeNews();
    await this.thread?.close();
    // A thread that was lost, or hung and was ended, has left them there.
    const [innocent, evidence] = leftInRings(this.#options.rings);
    this.#dropped(undefined, { malformed: 0, overflow: [innocent, evidence] });
    for (const drop of dropped) {
      const what = dropText(drop);
      this.#options.log.error('events were dropped at the end', { what });
      this.#options.emitter.system('events-dropped', `at the end: ${what}`);
    }
  }

  #watch(): void {
    void this.#measure();
    this.drops.onDrop(({ sink, cause, class: name, events }) => {
      const { eventsDropped, sinkDropped } = this.#options.metrics;
      if (sink === undefined) eventsDropped.with(cause, name).add(events);
      else sinkDropped.with(sink, name).add(events);
    });
    this.#timers = [
      setInterval(() => void this.#measure(), MEASURE_MS),
      setInterval(() => void this.#takeNews(), NEWS_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  async #takeNews(): Promise<void> {
    const { log, rings } = this.#options;
    if (rings.own === undefined || this.thread?.isRunning !== true) return;
    try {
      this.#note(await this.thread.ask('events.news'));
    } catch (error) {
      log.warn('the store thread does not say what has become of events', { error });
    }
  }

  #note({ stored, malformed, droppedOverflow, droppedQuota, sinks, problems }: EventNews): void {
    const { metrics, log } = this.#options;
    metrics.eventsStored.add(stored);
    this.#dropped(undefined, { malformed, overflow: droppedOverflow, quota: droppedQuota });
    for (const sink of sinks) this.#noteSink(sink);
    for (const problem of problems) log.error('events on their way', { problem });
  }

  #noteSink({ name, written, writtenBytes, dropped, malformed, lagMs }: SinkNews): void {
    const { metrics } = this.#options;
    metrics.sinkLines.with(name).add(written);
    metrics.sinkBytes.with(name).add(writtenBytes);
    metrics.sinkLag.with(name).set(lagMs / 1_000);
    this.#dropped(name, { malformed, overflow: dropped });
  }

  #dropped(
    sink: string | undefined,
    counts: { readonly malformed: number; readonly overflow: readonly number[]; readonly quota?: readonly number[] },
  ): void {
    this.drops.add({ sink, cause: 'malformed', class: 'evidence', events: counts.malformed });
    for (const [index, name] of EVENT_CLASSES.entries()) {
      this.drops.add({ sink, cause: 'overflow', class: name, events: counts.overflow[index] ?? 0 });
      this.drops.add({ sink, cause: 'quota', class: name, events: counts.quota?.[index] ?? 0 });
    }
  }

  async #measure(): Promise<void> {
    const { metrics, log } = this.#options;
    if (!this.isKept) return;
    try {
      const size = await this.thread?.ask('folder.measure');
      if (size === undefined) return;
      metrics.storeUsed.set(size.usedBytes);
      metrics.storeFree.set(size.freeBytes);
    } catch (error) {
      log.warn('the state folder cannot be measured', { error });
    }
  }
}

function startOfEvents(
  { state, events }: Pick<SallyportConfig, 'state' | 'events'>,
  { workers, own }: EventRings,
): EventsStart | undefined {
  if (own === undefined) return undefined;
  return {
    rings: [...workers, own].map(({ buffer }) => buffer),
    stored: state?.events,
    sinks: events.sinks.map(({ name, format, filter, kind: _kind, ...file }) => ({ name, format, filter, file })),
  };
}

/** How often it is asked what has become of events. */
const NEWS_MS = 5_000;

/** How often the folder is measured. */
const MEASURE_MS = 60_000;
