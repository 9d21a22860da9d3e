import type {
  Clock,
  Delivery,
  DeliveryFailure,
  Log,
  Notice,
  NoticeSink,
  Notification,
  NotificationChannel,
  NotificationItem,
  Outbox,
  OutboxEntry,
  OutboxStatus,
} from '@sallyport/kernel';
import { OUTBOX_PAUSE_MS_MAX } from '@sallyport/kernel';
import type { NotificationBook } from './book.ts';

export interface CourierOptions {
  readonly book: NotificationBook;
  readonly outbox: Outbox;
  readonly channels: readonly NotificationChannel[];
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly newId: () => string;
  /** From 0 to 1, for the jitter of pauses. */
  readonly random: () => number;
  readonly metrics: CourierMetrics;
}

/** What is counted; the labels are names of channels and closed lists. */
export interface CourierMetrics {
  sent(channel: string): void;
  failed(channel: string, failure: DeliveryFailure): void;
  /** Given up: it will not arrive. */
  dropped(cause: 'full' | DeliveryFailure, count: number): void;
  waiting(status: OutboxStatus): void;
}

/**
 * Carries notices to people: from the book into the outbox, and from there to channels. Takes one step when it is told to, does at
 * most one thing at a time for a channel, and never throws.
 */
export class Courier implements NoticeSink {
  readonly #options: CourierOptions;
  readonly #channels: ReadonlyMap<string, NotificationChannel>;
  readonly #busy = new Set<string>();
  /** Messages that the book has given and the outbox has not taken yet. */
  #unstored: readonly Notification[] = [];
  #step: Promise<void> | undefined;
  #deliveries = new Set<Promise<void>>();

  constructor(options: CourierOptions) {
    this.#options = options;
    this.#channels = new Map(options.channels.map((channel) => [channel.name, channel]));
  }

  get channels(): readonly NotificationChannel[] {
    return [...this.#channels.values()];
  }

  notify(notice: Notice): void {
    this.#options.book.notify(notice, this.#options.clock.monotonicMs());
  }

  /** States that last. */
  open(): readonly NotificationItem[] {
    return this.#options.book.open();
  }

  /** @throws StoreError. */
  status(): Promise<OutboxStatus> {
    return this.#options.outbox.status();
  }

  /** Goes on where an earlier process has stopped. A failure is logged: then people are told again what lasts. */
  async restore(): Promise<void> {
    const { book, outbox, clock, log } = this.#options;
    try {
      const memory = await outbox.recall();
      const nowMs = clock.monotonicMs();
      if (memory !== undefined) book.restore(memory, { nowMs, offsetMs: clock.wallMs() - nowMs });
    } catch (error) {
      log.warn('what was told before the start is not known', { error });
    }
  }

  /** Stores what is due, and begins to deliver what can be. Resolves when all that was begun has ended. */
  async step(): Promise<void> {
    this.#step ??= this.#take().finally(() => {
      this.#step = undefined;
    });
    await this.#step;
    await Promise.all(this.#deliveries);
  }

  /** Stores what is due and begins; does not wait for receivers. */
  tick(): void {
    this.#step ??= this.#take().finally(() => {
      this.#step = undefined;
    });
  }

  /** Sends a message at once and past the outbox; undefined: there is no such channel. */
  async test(name: string, author: string): Promise<Delivery | undefined> {
    const { node, clock, newId } = this.#options;
    const channel = this.#channels.get(name);
    if (channel === undefined) return undefined;
    const timeMs = clock.wallMs();
    return this.#deliver(channel, {
      id: newId(),
      channel: name,
      node,
      occasion: 'test',
      items: [
        {
          kind: 'service-down',
          subject: 'test',
          status: 'resolved',
          severity: 'info',
          summary: `A test of the channel ${name}, asked for by ${author}. Nothing is wrong.`,
          facts: {},
          timeMs,
          sinceMs: timeMs,
          isFlapping: false,
        },
      ],
      omitted: 0,
      missed: 0,
      timeMs,
    });
  }

  async #take(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#store();
      await this.#begin();
    } catch (error) {
      log.warn('notifications wait: the outbox does not take them', { error });
    }
  }

  /** What could not be stored is kept for the next step. The book sends each channel at most its limit, so it cannot grow far. */
  async #store(): Promise<void> {
    const { book, outbox, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const wallMs = clock.wallMs();
    const news = book.due({ nowMs, wallMs });
    const unstored = [...this.#unstored, ...news];
    this.#unstored = unstored.slice(-UNSTORED_MAX);
    if (unstored.length === 0) return;
    this.#noteFull(unstored.length - this.#unstored.length);
    const memory = book.remembered(wallMs - nowMs);
    const notifications = this.#unstored;
    const { dropped } = await outbox.enqueue({ notifications, memory, nowMs: wallMs });
    this.#unstored = this.#unstored.filter((one) => !notifications.includes(one));
    this.#noteFull(dropped);
  }

  #noteFull(dropped: number): void {
    if (dropped === 0) return;
    this.#options.metrics.dropped('full', dropped);
    this.#options.log.error('notifications were dropped: too many wait', { dropped });
  }

  async #begin(): Promise<void> {
    const { outbox, clock, metrics } = this.#options;
    const entries = await outbox.claim({ nowMs: clock.wallMs(), leaseMs: LEASE_MS });
    for (const entry of entries) {
      const { channel } = entry.notification;
      // A lease that ended while its delivery goes on: the first one will say how it ended.
      if (this.#busy.has(channel)) continue;
      this.#busy.add(channel);
      const delivery = this.#carry(entry).finally(() => {
        this.#busy.delete(channel);
        this.#deliveries.delete(delivery);
      });
      this.#deliveries.add(delivery);
    }
    metrics.waiting(await outbox.status());
  }

  async #carry(entry: OutboxEntry): Promise<void> {
    const { outbox, log, metrics } = this.#options;
    const { id, channel: name } = entry.notification;
    try {
      const channel = this.#channels.get(name);
      const delivery = channel === undefined ? UNKNOWN : await this.#deliver(channel, entry.notification);
      if (delivery.kind === 'sent') {
        metrics.sent(name);
        return await outbox.done(id);
      }
      const outcome = this.#judge(entry, delivery);
      metrics.failed(name, delivery.failure);
      await outbox.failed(id, outcome);
      if (outcome.retryMs !== undefined) return;
      metrics.dropped(outcome.failure, 1);
      log.error('a notification is given up', { channel: name, id, failure: outcome.failure });
    } catch (error) {
      // Its lease ends, and it is tried again: a receiver may then get it twice.
      log.warn('what became of a notification could not be stored', { channel: name, id, error });
    }
  }

  async #deliver(channel: NotificationChannel, notification: Notification): Promise<Delivery> {
    try {
      return await channel.deliver(notification);
    } catch (error) {
      this.#options.log.error('a channel has failed in a way that nobody foresaw', { channel: channel.name, error });
      return { kind: 'failed', failure: 'internal', retryAfterMs: undefined, isFinal: false };
    }
  }

  #judge(
    { failures, enqueuedMs }: OutboxEntry,
    { failure, retryAfterMs, isFinal }: Extract<Delivery, { kind: 'failed' }>,
  ): { readonly failure: DeliveryFailure; readonly retryMs: number | undefined } {
    const { clock, random } = this.#options;
    if (isFinal) return { failure, retryMs: undefined };
    const growing = Math.min(OUTBOX_PAUSE_MS_MAX, RETRY_FIRST_MS * 2 ** Math.min(failures, RETRY_DOUBLINGS_MAX));
    // Half of it is chance: gateways that lost the same receiver do not come back to it together.
    const pauseMs = Math.max(growing / 2 + (growing / 2) * random(), retryAfterMs ?? 0);
    const nowMs = clock.wallMs();
    const retryMs = Math.round(nowMs + Math.min(pauseMs, OUTBOX_PAUSE_MS_MAX));
    if (retryMs - enqueuedMs > AGE_MS_MAX) return { failure: 'expired', retryMs: undefined };
    return { failure, retryMs };
  }
}

/** The configuration no longer has the channel: nobody can be told. */
const UNKNOWN: Extract<Delivery, { kind: 'failed' }> = {
  kind: 'failed',
  failure: 'unknown-channel',
  retryAfterMs: undefined,
  isFinal: true,
};

/** Messages that wait for an outbox whose disk is not there. */
const UNSTORED_MAX = 200;

/** Longer than any delivery takes: no message is under way twice. */
const LEASE_MS = 120_000;

const RETRY_FIRST_MS = 5_000;
const RETRY_DOUBLINGS_MAX = 20;

/** A day later nobody needs to be told what was wrong for a minute. */
const AGE_MS_MAX = 86_400_000;
