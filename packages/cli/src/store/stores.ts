import type { SallyportConfig, StateConfig } from '@sallyport/control';
import type { SystemEmitter } from '@sallyport/gateway';
import type { Clock, Log, StateStore, StoredPolicy, StoredState } from '@sallyport/kernel';
import { MemoryStateStore } from '@sallyport/stores';
import type { ControlMetrics } from '../plane/control-metrics.ts';
import { EventQuestioner } from './event-questioner.ts';
import type { EventRings } from './event-rings.ts';
import { openStateFolder } from './state-folder.ts';
import type { StoredEventsStart } from './store-messages.ts';
import { StoreThread } from './store-thread.ts';
import { threadStateStore } from './thread-state-store.ts';

export interface StoresOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly emitter: SystemEmitter;
  readonly metrics: ControlMetrics;
  readonly rings: EventRings;
}

/** What the gateway stores, and the thread that does it; without `state` in the configuration there is none. */
export class Stores {
  /** Undefined: nothing outlives the process. */
  readonly thread: StoreThread | undefined;
  readonly state: StateStore;
  /** Answers questions about events; undefined when none are stored. It starts with the first question. */
  readonly questions: EventQuestioner | undefined;
  readonly #options: StoresOptions;
  #timers: readonly NodeJS.Timeout[] = [];
  #onRestored = (): void => undefined;

  private constructor(thread: StoreThread | undefined, questions: EventQuestioner | undefined, options: StoresOptions) {
    this.thread = thread;
    this.questions = questions;
    this.state = thread === undefined ? new MemoryStateStore() : threadStateStore(thread);
    this.#options = options;
  }

  /** @throws Error when the folder cannot be used or the thread cannot start. */
  static async open({ state }: Pick<SallyportConfig, 'state'>, options: StoresOptions): Promise<Stores> {
    const { clock, log, emitter, metrics, rings } = options;
    if (state === undefined) {
      log.info('no state folder is configured: bans, allowances, history and audit log end with this process');
      return new Stores(undefined, undefined, options);
    }
    openStateFolder(state.folder);
    const thread: StoreThread = new StoreThread({
      folder: state.folder,
      events: startOfEvents(state, rings),
      clock,
      onLost: (why) => {
        metrics.storeLost.add();
        emitter.system('store-lost', `${why}; traffic goes on under the decisions that are known`);
      },
      onRestored: () => {
        emitter.system('store-restored', '');
        stores.#onRestored();
      },
    });
    const questions = state.events === undefined ? undefined : new EventQuestioner(state.folder, options);
    const stores = new Stores(thread, questions, options);
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

  /** Writes what still waits, and gives everything up. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.questions?.close();
    await this.#takeNews();
    await this.thread?.close();
  }

  #watch(): void {
    void this.#measure();
    this.#timers = [
      setInterval(() => void this.#measure(), MEASURE_MS),
      setInterval(() => void this.#takeNews(), NEWS_MS),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  async #takeNews(): Promise<void> {
    const { metrics, log, rings } = this.#options;
    if (rings.own === undefined || this.thread?.isRunning !== true) return;
    try {
      const { stored, malformed, droppedOverflow, droppedQuota, problems } = await this.thread.ask('events.news');
      metrics.eventsStored.add(stored);
      metrics.eventsDropped.with('malformed', 'evidence').add(malformed);
      for (const [place, name] of EVENT_CLASSES.entries()) {
        metrics.eventsDropped.with('overflow', name).add(droppedOverflow[place] ?? 0);
        metrics.eventsDropped.with('quota', name).add(droppedQuota[place] ?? 0);
      }
      for (const problem of problems) log.error('events in the store', { problem });
    } catch (error) {
      log.warn('the store thread does not say what has become of events', { error });
    }
  }

  async #measure(): Promise<void> {
    const { metrics, log } = this.#options;
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

function startOfEvents({ events }: StateConfig, { workers, own }: EventRings): StoredEventsStart | undefined {
  if (events === undefined || own === undefined) return undefined;
  return { ...events, rings: [...workers, own].map(({ buffer }) => buffer) };
}

/** How often it is asked what has become of events. */
const NEWS_MS = 5_000;

/** How often the folder is measured. */
const MEASURE_MS = 60_000;

/** The classes of the rings, the least important first, as metrics call them. */
const EVENT_CLASSES: readonly string[] = ['innocent', 'evidence'];
