import {
  type DeadLetter,
  type DeliveryFailure,
  isOnlyEnds,
  type Notification,
  OUTBOX_DEAD_MAX,
  OUTBOX_MESSAGES_MAX,
  OUTBOX_PAUSE_MS_MAX,
  type Outbox,
  type OutboxBatch,
  type OutboxEntry,
  type OutboxStatus,
} from '@sallyport/kernel';

/** The outbox of a gateway that has no folder for it: it ends with the process. */
export class MemoryOutbox implements Outbox {
  #waiting: Waiting[] = [];
  #dead: readonly DeadLetter[] = [];
  #memory: string | undefined;

  async enqueue({ notifications, memory, nowMs }: OutboxBatch): Promise<{ readonly dropped: number }> {
    const known = new Set(this.#waiting.map(({ notification }) => notification.id));
    for (const notification of notifications) {
      if (known.has(notification.id)) continue;
      this.#waiting.push({ notification, failures: 0, enqueuedMs: nowMs, nextMs: nowMs, failure: undefined });
    }
    this.#memory = memory ?? this.#memory;
    let dropped = 0;
    while (this.#waiting.length > OUTBOX_MESSAGES_MAX) {
      const place = this.#waiting.findIndex(({ notification }) => isOnlyEnds(notification));
      this.#waiting.splice(Math.max(0, place), 1);
      dropped += 1;
    }
    return { dropped };
  }

  async recall(): Promise<string | undefined> {
    return this.#memory;
  }

  async claim({
    nowMs,
    leaseMs,
  }: {
    readonly nowMs: number;
    readonly leaseMs: number;
  }): Promise<readonly OutboxEntry[]> {
    const claimed = this.#oldest().filter(({ nextMs }) => nextMs <= nowMs || nextMs > nowMs + OUTBOX_PAUSE_MS_MAX);
    for (const waiting of claimed) waiting.nextMs = nowMs + leaseMs;
    return claimed.map(({ notification, failures, enqueuedMs }) => ({ notification, failures, enqueuedMs }));
  }

  async done(id: string): Promise<void> {
    this.#waiting = this.#waiting.filter(({ notification }) => notification.id !== id);
  }

  async failed(
    id: string,
    { failure, retryMs }: { readonly failure: DeliveryFailure; readonly retryMs: number | undefined },
  ): Promise<void> {
    const waiting = this.#waiting.find(({ notification }) => notification.id === id);
    if (waiting === undefined) return;
    if (retryMs !== undefined) {
      waiting.nextMs = retryMs;
      waiting.failures += 1;
      waiting.failure = failure;
      return;
    }
    await this.done(id);
    const { channel } = waiting.notification;
    this.#dead = [{ id, channel, failure, enqueuedMs: waiting.enqueuedMs }, ...this.#dead].slice(0, OUTBOX_DEAD_MAX);
  }

  async status(): Promise<OutboxStatus> {
    const channels = this.#oldest().map(({ notification: { channel }, enqueuedMs, failure }) => ({
      channel,
      waiting: this.#waiting.filter(({ notification }) => notification.channel === channel).length,
      oldestMs: enqueuedMs,
      failure,
    }));
    return { channels, dead: this.#dead };
  }

  /** Of each channel. */
  #oldest(): readonly Waiting[] {
    const oldest = new Map<string, Waiting>();
    for (const waiting of this.#waiting) {
      const { channel } = waiting.notification;
      if (!oldest.has(channel)) oldest.set(channel, waiting);
    }
    return [...oldest.values()];
  }
}

interface Waiting {
  readonly notification: Notification;
  readonly enqueuedMs: number;
  failures: number;
  nextMs: number;
  failure: DeliveryFailure | undefined;
}
