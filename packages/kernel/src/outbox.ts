import type { DeliveryFailure, Notification } from './notification.ts';

/**
 * Messages that wait to be delivered, and what has to be remembered with them. Of each channel one is under way at a time, the
 * oldest first. At least once: what was taken and neither `done` nor `failed` before its lease ended is handed out again, by this
 * process or by the next one. Every failure is a `StoreError`.
 */
export interface Outbox {
  /**
   * Takes messages, and replaces what is remembered, together or not at all. When the promise is kept both are where the driver keeps
   * things. Over {@link OUTBOX_MESSAGES_MAX} the oldest leave, those first that only say that something has ended.
   */
  enqueue(batch: OutboxBatch): Promise<{ readonly dropped: number }>;

  /** What was remembered last; undefined: nothing. */
  recall(): Promise<string | undefined>;

  /** The oldest message of every channel whose time has come, leased to the caller. */
  claim(moment: { readonly nowMs: number; readonly leaseMs: number }): Promise<readonly OutboxEntry[]>;

  /** It was delivered. */
  done(id: string): Promise<void>;

  /** It was not. `retryMs`: wall clock of the next try; undefined: never, it is a dead letter. */
  failed(
    id: string,
    outcome: { readonly failure: DeliveryFailure; readonly retryMs: number | undefined },
  ): Promise<void>;

  status(): Promise<OutboxStatus>;
}

export interface OutboxBatch {
  readonly notifications: readonly Notification[];
  /** Undefined: what is remembered stays. At most {@link OUTBOX_MEMORY_MAX} characters. */
  readonly memory: string | undefined;
  /** Wall clock. */
  readonly nowMs: number;
}

export interface OutboxEntry {
  readonly notification: Notification;
  /** Tries before this one that are known to have failed. */
  readonly failures: number;
  readonly enqueuedMs: number;
}

export interface OutboxStatus {
  /** Of channels that have something in it. */
  readonly channels: readonly OutboxChannelStatus[];
  /** The last of those that were given up, the newest first. */
  readonly dead: readonly DeadLetter[];
}

export interface OutboxChannelStatus {
  readonly channel: string;
  readonly waiting: number;
  /** Of the oldest; wall clock. */
  readonly oldestMs: number;
  /** Of the oldest; undefined: it was not tried, or is tried for the first time. */
  readonly failure: DeliveryFailure | undefined;
}

export interface DeadLetter {
  readonly id: string;
  readonly channel: string;
  readonly failure: DeliveryFailure;
  readonly enqueuedMs: number;
}

/** Messages that wait: at 20 an hour for each of eight channels, six hours in which nobody can be reached. */
export const OUTBOX_MESSAGES_MAX = 1_000;

/** Dead letters that are remembered. */
export const OUTBOX_DEAD_MAX = 100;

/** Characters of what is remembered beside the messages. */
export const OUTBOX_MEMORY_MAX = 4_000_000;

/**
 * Longest pause that a message may be told to make. One whose next try is further away was stored by a clock that was set back
 * since: it is tried at once.
 */
export const OUTBOX_PAUSE_MS_MAX = 3_600_000;

/** It only says that something has ended: the least that could be lost. */
export function isOnlyEnds({ items }: Notification): boolean {
  return items.every(({ status }) => status === 'resolved');
}
