import type { NotificationChannel, NotificationItem, OutboxStatus } from '@sallyport/kernel';
import type { NotificationsAnswer, NotificationTestAnswer } from '../admin/contract.ts';
import type { Courier } from './courier.ts';

/** Notifications, as the admin API asks for them. */
export interface NotificationDesk {
  /** @throws StoreError when the outbox does not answer. */
  overview(): Promise<NotificationsAnswer>;
  /** Sends a message now and waits for the receiver; undefined: there is no such channel. */
  test(channel: string, author: string): Promise<NotificationTestAnswer | undefined>;
}

export function createDesk(courier: Courier): NotificationDesk {
  return {
    overview: async () => overviewOf(courier.channels, courier.open(), await courier.status()),
    test: async (channel, author) => {
      const delivery = await courier.test(channel, author);
      if (delivery === undefined) return undefined;
      return { channel, failure: delivery.kind === 'sent' ? null : delivery.failure };
    },
  };
}

function overviewOf(
  channels: readonly NotificationChannel[],
  open: readonly NotificationItem[],
  status: OutboxStatus,
): NotificationsAnswer {
  return {
    channels: channels.map(({ name, kind, target }) => {
      const waiting = status.channels.find(({ channel }) => channel === name);
      return {
        name,
        kind,
        target,
        waiting: waiting?.waiting ?? 0,
        oldestMs: waiting?.oldestMs ?? null,
        failure: waiting?.failure ?? null,
      };
    }),
    open: open.map(({ kind, subject, severity, summary, facts, sinceMs, isFlapping }) => ({
      kind,
      subject,
      severity,
      summary,
      facts,
      sinceMs,
      isFlapping,
    })),
    dead: status.dead,
  };
}
