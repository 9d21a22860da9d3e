import { strict as assert } from 'node:assert';
import { parentPort } from 'node:worker_threads';
import { StoreError } from '@sallyport/kernel';
import type { FromStore, StoreFailure, StoreFamily, ToStore } from './store-messages.ts';

type Handler = (...request: readonly unknown[]) => unknown;

/** Answers what `StoreThread` asks of this thread, one question after the other, until it is told to close. */
export function serveFamilies(families: readonly StoreFamily<object>[]): void {
  assert(parentPort !== null, 'stores run in a worker thread');
  const port = parentPort;
  const handlers = new Map<string, Handler>(families.flatMap((family) => Object.entries<Handler>(handlersOf(family))));
  port.on('message', (message: ToStore) => {
    switch (message.kind) {
      case 'ask':
        return tell(carryOut(message));
      case 'close':
        return void close();
    }
  });
  tell({ kind: 'started' });

  async function close(): Promise<void> {
    for (const family of families) await family.close();
    for (const family of families) if (family.last !== undefined) tell({ kind: 'last', news: family.last() });
    port.close();
  }

  function carryOut({ id, operation, request }: Extract<ToStore, { kind: 'ask' }>): FromStore {
    try {
      const handler = handlers.get(operation);
      if (handler === undefined) throw new StoreError('FAILED', `this thread has no ${operation}`);
      return { kind: 'answer', id, answer: handler(...request) };
    } catch (error) {
      return { kind: 'failure', id, failure: failureOf(error) };
    }
  }

  function tell(message: FromStore): void {
    port.postMessage(message);
  }
}

function handlersOf({ handlers }: StoreFamily<object>): Readonly<Record<string, Handler>> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `StoreThread.ask` has tied the request to its operation.
  return handlers as Readonly<Record<string, Handler>>;
}

function failureOf(error: unknown): StoreFailure {
  if (error instanceof StoreError) return { code: error.code, message: error.message };
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) };
}
