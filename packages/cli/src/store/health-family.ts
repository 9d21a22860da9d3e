import type { Clock } from '@sallyport/kernel';
import { SqliteHealthStore } from '@sallyport/stores';
import type { HealthOperations, StoreFamily } from './store-messages.ts';

/** What is remembered of services. It is opened by whoever loads it first. */
export function healthFamily(folder: string, clock: Clock): StoreFamily<HealthOperations> {
  const store = new SqliteHealthStore({ folder, nowMs: () => clock.wallMs() });
  return {
    handlers: {
      'health.load': () => store.load(),
      'health.commit': (batch) => store.commit(batch),
      'health.release': () => store.release(),
    },
    close: () => store.release(),
  };
}
