import type { Clock } from '@sallyport/kernel';
import { SqliteOutbox } from '@sallyport/stores';
import type { OutboxOperations, StoreFamily } from './store-messages.ts';

/** Notifications that wait to be delivered. */
export function outboxFamily(folder: string, clock: Clock): StoreFamily<OutboxOperations> {
  const outbox = new SqliteOutbox({ folder, nowMs: () => clock.wallMs() });
  return {
    handlers: {
      'outbox.enqueue': (batch) => outbox.enqueue(batch),
      'outbox.recall': () => outbox.recall(),
      'outbox.claim': (moment) => outbox.claim(moment),
      'outbox.done': (id) => outbox.done(id),
      'outbox.failed': (id, outcome) => outbox.failed(id, outcome),
      'outbox.status': () => outbox.status(),
    },
    close: () => outbox.release(),
  };
}
