import { extname } from 'node:path';
import { type Clock, type Log, StoreError } from '@sallyport/kernel';
import type { AnswerOf, EventQuestions, RequestOf } from './store-messages.ts';
import { StoreThread } from './store-thread.ts';

/** Asks the thread that reads events, which begins with the first question: most gateways are never asked. */
export class EventQuestioner {
  readonly #folder: string;
  readonly #options: { readonly clock: Clock; readonly log: Log };
  #thread: Promise<StoreThread> | undefined;
  /** Settles when the last question has its answer. */
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isClosed = false;

  constructor(folder: string, options: { readonly clock: Clock; readonly log: Log }) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * One question after the other: each may take as long as the thread allows, and those that wait for it must not look as if
   * the thread hung. @throws StoreError `BUSY`: too many wait; when the thread cannot answer. Error when it cannot start.
   */
  async ask<Name extends keyof EventQuestions>(name: Name, ...request: RequestOf<Name>): Promise<AnswerOf<Name>> {
    if (this.#waiting >= QUESTIONS_WAITING_MAX) throw new StoreError('BUSY', 'too many questions about events wait');
    this.#waiting += 1;
    const answer = this.#last
      .then(() => this.#askNow(name, request))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #askNow<Name extends keyof EventQuestions>(name: Name, request: RequestOf<Name>): Promise<AnswerOf<Name>> {
    if (this.#isClosed) throw new StoreError('UNAVAILABLE', 'the gateway stops');
    this.#thread ??= this.#start();
    const thread = await this.#thread;
    return thread.ask(name, ...request);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const thread = await this.#thread?.catch(() => undefined);
    await thread?.close();
  }

  async #start(): Promise<StoreThread> {
    const { clock, log } = this.#options;
    const thread = new StoreThread({
      folder: this.#folder,
      clock,
      entry: new URL(`./event-questions-main${extname(import.meta.url)}`, import.meta.url),
      onLost: (why) => log.error('the thread that reads events was lost', { why }),
      onRestored: () => log.info('the thread that reads events is there again'),
    });
    try {
      await thread.start();
      return thread;
    } catch (cause) {
      this.#thread = undefined;
      throw cause;
    }
  }
}

/** People at a console, and a program or two beside them. */
const QUESTIONS_WAITING_MAX = 20;
