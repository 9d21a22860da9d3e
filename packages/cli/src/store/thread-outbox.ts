import type { Outbox } from '@sallyport/kernel';
import type { StoreThread } from './store-thread.ts';

/** The outbox, as the store thread has it. */
export function threadOutbox(thread: StoreThread): Outbox {
  return {
    enqueue: (batch) => thread.ask('outbox.enqueue', batch),
    recall: () => thread.ask('outbox.recall'),
    claim: (moment) => thread.ask('outbox.claim', moment),
    done: (id) => thread.ask('outbox.done', id),
    failed: (id, outcome) => thread.ask('outbox.failed', id, outcome),
    status: () => thread.ask('outbox.status'),
  };
}
