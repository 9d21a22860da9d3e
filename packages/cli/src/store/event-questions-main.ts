/**
 * The thread that answers questions about events. A question may take seconds, and nobody but who asked waits for it: the store
 * thread goes on writing meanwhile.
 */
import { strict as assert } from 'node:assert';
import { workerData } from 'node:worker_threads';
import { EventReader } from '@sallyport/stores';
import { systemClock } from '../clock.ts';
import { eventFolder } from './event-family.ts';
import { serveFamilies } from './serve-families.ts';
import type { EventQuestions, StoreFamily, StoreStart } from './store-messages.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `StoreThread` starts this file, and with this.
const { folder } = workerData as StoreStart;
assert(folder !== undefined, 'events are stored in a folder');
const reader = new EventReader({ folder: eventFolder(folder), clock: systemClock });
const questions: StoreFamily<EventQuestions> = {
  handlers: {
    'events.search': (request) => reader.search(request),
    'events.top': (request) => reader.top(request),
    'events.overview': (request) => reader.overview(request),
  },
  close: () => undefined,
};

serveFamilies([questions]);
