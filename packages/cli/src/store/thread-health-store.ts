import type { HealthStore } from '@sallyport/kernel';
import type { StoreThread } from './store-thread.ts';

/** What is remembered of services, as the store thread has it. */
export function threadHealthStore(thread: StoreThread): HealthStore {
  return {
    load: () => thread.ask('health.load'),
    commit: (batch) => thread.ask('health.commit', batch),
    release: () => thread.ask('health.release'),
  };
}
