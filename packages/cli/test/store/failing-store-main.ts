/** A store thread that does what the test needs: `mode` is the last part of the folder's path. */
import { basename } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import type { StoreStart, ToStore } from '../../src/store/store-messages.ts';

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `StoreThread` starts this file, and with this.
const mode = basename((workerData as StoreStart).folder ?? '');
if (mode === 'never-starts') throw new Error('the disk is on fire');
parentPort?.on('message', (message: ToStore) => {
  if (message.kind === 'close') process.exit(0);
  if (mode === 'dies') throw new Error('out of luck');
  // `silent`: no answer.
});
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- Between threads there are no origins.
parentPort?.postMessage({ kind: 'started' });
