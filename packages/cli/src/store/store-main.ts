/**
 * The store thread. `node:sqlite` is synchronous and every commit waits for the disk: here nobody waits for it but those who
 * asked.
 */
import { strict as assert } from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { StoreError } from '@sallyport/kernel';
import { folderFamily } from './folder-family.ts';
import type { FromStore, OperationName, StoreFailure, StoreOperations, StoreStart, ToStore } from './store-messages.ts';

assert(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `StoreThread` starts this file, and with this.
const { folder } = workerData as StoreStart;

const families = [folderFamily(folder)] as const;
const handlers: StoreOperations = Object.assign({}, ...families.map((family) => family.handlers));

port.on('message', (message: ToStore) => {
  switch (message.kind) {
    case 'ask':
      return tell(carryOut(message));
    case 'close':
      for (const family of families) family.close();
      return port.close();
  }
});
tell({ kind: 'started' });

function carryOut({ id, operation, request }: Extract<ToStore, { kind: 'ask' }>): FromStore {
  try {
    return { kind: 'answer', id, answer: handlerOf(operation)(...request) };
  } catch (error) {
    return { kind: 'failure', id, failure: failureOf(error) };
  }
}

function handlerOf(operation: OperationName): (...request: readonly unknown[]) => unknown {
  return handlers[operation];
}

function failureOf(error: unknown): StoreFailure {
  if (error instanceof StoreError) return { code: error.code, message: error.message };
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) };
}

function tell(message: FromStore): void {
  port.postMessage(message);
}
