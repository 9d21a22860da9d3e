import type { StateStore } from '@sallyport/kernel';
import type { StoreThread } from './store-thread.ts';

/** The state, as the store thread has it. */
export function threadStateStore(thread: StoreThread): StateStore {
  return {
    load: () => thread.ask('state.load'),
    commit: (batch) => thread.ask('state.commit', batch),
    readAudit: (page) => thread.ask('state.readAudit', page),
    verifyAudit: (page) => thread.ask('state.verifyAudit', page),
    release: () => thread.ask('state.release'),
  };
}
