/**
 * The store thread. `node:sqlite` is synchronous and every commit waits for the disk: here nobody waits for it but those who
 * asked.
 */
import { workerData } from 'node:worker_threads';
import { systemClock } from '../clock.ts';
import { eventFamily } from './event-family.ts';
import { folderFamily } from './folder-family.ts';
import { healthFamily } from './health-family.ts';
import { outboxFamily } from './outbox-family.ts';
import { serveFamilies } from './serve-families.ts';
import { stateFamily } from './state-family.ts';
import type { StoreStart } from './store-messages.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `StoreThread` starts this file, and with this.
const { folder, events } = workerData as StoreStart;

serveFamilies([
  ...(folder === undefined
    ? []
    : [
        folderFamily(folder),
        stateFamily(folder, systemClock),
        outboxFamily(folder, systemClock),
        healthFamily(folder, systemClock),
      ]),
  ...(events === undefined ? [] : [eventFamily(folder, events, systemClock)]),
]);
