import type { SallyportConfig } from '@sallyport/control';
import type { SystemEmitter } from '@sallyport/gateway';
import type { Clock, Log } from '@sallyport/kernel';
import type { ControlMetrics } from '../plane/control-metrics.ts';
import { openStateFolder } from './state-folder.ts';
import { StoreThread } from './store-thread.ts';

export interface StoresOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly emitter: SystemEmitter;
  readonly metrics: ControlMetrics;
}

/** What the gateway stores, and the thread that does it; without `state` in the configuration there is none. */
export class Stores {
  /** Undefined: nothing outlives the process. */
  readonly thread: StoreThread | undefined;
  readonly #options: StoresOptions;
  #timer: NodeJS.Timeout | undefined;

  private constructor(thread: StoreThread | undefined, options: StoresOptions) {
    this.thread = thread;
    this.#options = options;
  }

  /** @throws Error when the folder cannot be used or the thread cannot start. */
  static async open({ state }: Pick<SallyportConfig, 'state'>, options: StoresOptions): Promise<Stores> {
    const { clock, log, emitter, metrics } = options;
    if (state === undefined) {
      log.info('no state folder is configured: bans, allowances and history end with this process');
      return new Stores(undefined, options);
    }
    openStateFolder(state.folder);
    const thread = new StoreThread({
      folder: state.folder,
      clock,
      onLost: (why) => {
        metrics.storeLost.add();
        emitter.system('store-lost', `${why}; traffic goes on under the decisions that are known`);
      },
      onRestored: () => emitter.system('store-restored', ''),
    });
    await thread.start();
    const stores = new Stores(thread, options);
    stores.#watch();
    return stores;
  }

  /** Writes what still waits, and gives everything up. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.thread?.close();
  }

  #watch(): void {
    void this.#measure();
    this.#timer = setInterval(() => void this.#measure(), MEASURE_MS);
    this.#timer.unref();
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

/** How often the folder is measured. */
const MEASURE_MS = 60_000;
