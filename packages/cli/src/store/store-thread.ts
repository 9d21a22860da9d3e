import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { BackOff } from '@sallyport/control';
import { type Clock, StoreError } from '@sallyport/kernel';
import type {
  AnswerOf,
  EventNews,
  EventsStart,
  FromStore,
  OperationName,
  RequestOf,
  StoreStart,
  ToStore,
} from './store-messages.ts';

export interface StoreThreadOptions {
  /** Undefined: there is no state to keep, only events to bring elsewhere. */
  readonly folder: string | undefined;
  readonly events?: EventsStart | undefined;
  readonly clock: Clock;
  /** It has ended without being told to; it is started again. What was asked of it has failed. */
  readonly onLost: (why: string) => void;
  /** It is there again, and has opened nothing yet. */
  readonly onRestored: () => void;
  /** It was told to close, has written what it could, and says what became of the rest. */
  readonly onLast?: ((news: EventNews) => void) | undefined;
  /** The file that the thread runs. Default: the stores of this package. */
  readonly entry?: URL;
  /** Runs `callback` after a pause, in milliseconds. Default: a timer that keeps no process alive. */
  readonly wait?: (callback: () => void, ms: number) => void;
}

/**
 * The thread that has the stores, as the control plane sees it. While it is lost every request fails at once with `UNAVAILABLE`,
 * and nobody who serves traffic waits for it.
 */
export class StoreThread {
  readonly #options: StoreThreadOptions;
  readonly #backOff: BackOff = new BackOff(PAUSES);
  readonly #asked = new Map<number, Asked>();
  #current: Run | undefined;
  #lastId = 0;
  #isClosing = false;

  constructor(options: StoreThreadOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#current?.isStarted === true;
  }

  /** Starts the thread. @throws Error when it cannot start; then it is not tried again. */
  async start(): Promise<void> {
    const run = this.#spawn();
    this.#current = run;
    try {
      await run.started;
    } catch (cause) {
      this.#current = undefined;
      throw cause;
    }
    run.ended.then((why) => this.#onEnd(run, why)).catch(() => undefined);
  }

  /**
   * Asks for one operation. Requests are carried out one after the other, in the order in which they were asked.
   *
   * @throws StoreError `UNAVAILABLE`: nobody has answered, and it may have happened all the same. `BUSY`: too many wait. What the
   * operation itself says.
   */
  ask<Name extends OperationName>(operation: Name, ...request: RequestOf<Name>): Promise<AnswerOf<Name>> {
    const run = this.#current;
    if (run?.isStarted !== true) {
      return Promise.reject(new StoreError('UNAVAILABLE', 'the store thread is not running; it is started again'));
    }
    if (this.#asked.size >= STORE_ASKED_MAX)
      return Promise.reject(new StoreError('BUSY', 'too many wait for the store'));
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise<AnswerOf<Name>>((resolve, reject) => {
      const timer = setTimeout(() => this.#onHang(run), STORE_ANSWER_MS_MAX);
      const settle = (answer: unknown): void => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The thread answers with what the handler of this operation returned.
        resolve(answer as AnswerOf<Name>);
      };
      this.#asked.set(id, { resolve: settle, reject, timer });
      tell(run.worker, { kind: 'ask', id, operation, request });
    });
  }

  /** Lets it finish what was asked, and ends it. What is asked from now on fails. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const run = this.#current;
    if (run === undefined) return;
    tell(run.worker, { kind: 'close' });
    const timer = setTimeout(() => void run.worker.terminate(), STORE_CLOSE_MS_MAX);
    const why = await run.ended;
    clearTimeout(timer);
    this.#failAll(why);
    if (this.#current === run) this.#current = undefined;
  }

  #spawn(): Run {
    const {
      folder,
      events,
      entry = new URL(`./store-main${extname(import.meta.url)}`, import.meta.url),
    } = this.#options;
    const start: StoreStart = { folder, events };
    const worker = new Worker(entry, { name: 'store', workerData: start });
    let why = '';
    const ended = new Promise<string>((resolve) => {
      worker.on('error', (error) => {
        why = error instanceof Error ? error.message : String(error);
      });
      worker.on('exit', (code) => resolve(why === '' ? `it ended with ${code}` : why));
    });
    const started = new Promise<void>((resolve, reject) => {
      worker.on('message', (message: FromStore) => {
        if (message.kind === 'started') {
          run.isStarted = true;
          return resolve();
        }
        if (message.kind === 'last') return this.#options.onLast?.(message.news);
        this.#receive(message);
      });
      ended.then((cause) => reject(new Error(`the store thread cannot start: ${cause}`))).catch(() => undefined);
    });
    const run: Run = { worker, started, ended, isStarted: false };
    return run;
  }

  #receive(message: Exclude<FromStore, { kind: 'started' | 'last' }>): void {
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    clearTimeout(asked?.timer);
    switch (message.kind) {
      case 'answer':
        return asked?.resolve(message.answer);
      case 'failure':
        return asked?.reject(new StoreError(message.failure.code, message.failure.message));
    }
  }

  /** A disk that does not answer: whoever waits is told, and the thread is replaced as soon as it can be ended. */
  #onHang(run: Run): void {
    if (this.#current !== run || !run.isStarted) return;
    run.isStarted = false;
    this.#failAll(`it did not answer within ${STORE_ANSWER_MS_MAX} ms`);
    void run.worker.terminate();
  }

  #onEnd(run: Run, why: string): void {
    if (this.#isClosing || this.#current !== run) return;
    this.#current = undefined;
    this.#failAll(why);
    this.#options.onLost(why);
    this.#restart();
  }

  #restart(): void {
    const { clock, wait = waitUnattended, onRestored } = this.#options;
    wait(() => {
      if (this.#isClosing) return;
      this.start().then(onRestored, () => {
        if (!this.#isClosing) this.#restart();
      });
    }, this.#backOff.next(clock.monotonicMs()));
  }

  #failAll(why: string): void {
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new StoreError('UNAVAILABLE', `the store thread has ended: ${why}`));
    }
    this.#asked.clear();
  }
}

/** One life of the thread. */
interface Run {
  readonly worker: Worker;
  readonly started: Promise<void>;
  /** Why it ended. */
  readonly ended: Promise<string>;
  isStarted: boolean;
}

interface Asked {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (cause: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** At once the first time; a disk that is full or broken is not asked all the time. */
const PAUSES = { firstMs: 100, longestMs: 30_000, calmMs: 60_000 } as const;

/** Requests that wait for the disk. */
const STORE_ASKED_MAX = 10_000;

/** A commit takes milliseconds; a disk that needs so long is one that is lost. */
const STORE_ANSWER_MS_MAX = 30_000;

/** Closing writes what the journal of a database still holds. */
const STORE_CLOSE_MS_MAX = 10_000;

function waitUnattended(callback: () => void, ms: number): void {
  setTimeout(callback, ms).unref();
}

function tell(worker: Worker, message: ToStore): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- Between threads there are no origins.
  worker.postMessage(message);
}
