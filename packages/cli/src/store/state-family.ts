import type { Clock } from '@sallyport/kernel';
import { SqliteStateStore } from '@sallyport/stores';
import type { StateOperations, StoreFamily } from './store-messages.ts';

/** The state: decisions, the audit log, the history of policies. It is opened by whoever loads it first. */
export function stateFamily(folder: string, clock: Clock): StoreFamily<StateOperations> {
  const store = new SqliteStateStore({ folder, nowMs: () => clock.wallMs() });
  return {
    handlers: {
      'state.load': () => store.load(),
      'state.commit': (batch) => store.commit(batch),
      'state.readAudit': (page) => store.readAudit(page),
      'state.verifyAudit': (page) => store.verifyAudit(page),
      'state.release': () => store.release(),
    },
    close: () => store.release(),
  };
}
