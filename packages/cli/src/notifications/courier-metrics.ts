import type { CourierMetrics } from '@sallyport/control';
import type { Clock, MetricsRegistry } from '@sallyport/kernel';

/** What becomes of notifications, by channel. @throws Error for a registry that has them. */
export function courierMetrics(registry: MetricsRegistry, channels: readonly string[], clock: Clock): CourierMetrics {
  const sent = registry.counter('sallyport_notifications_sent_total', 'Notifications that a receiver has taken.', [
    'channel',
  ]);
  const failed = registry.counter(
    'sallyport_notifications_failed_total',
    'Tries to deliver a notification that failed; most are repeated.',
    ['channel', 'failure'],
  );
  const dropped = registry.counter(
    'sallyport_notifications_dropped_total',
    'Notifications that nobody will get: `full` (too many wait), or why they were given up.',
    ['cause'],
  );
  const waiting = registry.gauge('sallyport_notifications_waiting', 'Notifications in the outbox.', ['channel']);
  const oldest = registry.gauge(
    'sallyport_notifications_oldest_seconds',
    'How long the oldest notification in the outbox has waited.',
    ['channel'],
  );
  for (const channel of channels) sent.with(channel).add(0);
  return {
    sent: (channel) => sent.with(channel).add(),
    failed: (channel, failure) => failed.with(channel, failure).add(),
    dropped: (cause, count) => dropped.with(cause).add(count),
    waiting: (status) => {
      const nowMs = clock.wallMs();
      for (const name of channels) {
        const channel = status.channels.find((one) => one.channel === name);
        waiting.with(name).set(channel?.waiting ?? 0);
        oldest.with(name).set(channel === undefined ? 0 : Math.max(0, nowMs - channel.oldestMs) / 1_000);
      }
    },
  };
}
