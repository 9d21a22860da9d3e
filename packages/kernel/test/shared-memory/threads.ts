import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Task } from './thread.ts';

/** Starts a real thread with one task. */
export function startThread(task: Task): Worker {
  return new Worker(new URL('./thread.ts', import.meta.url), { workerData: task });
}

/** What a thread has to say, when it has ended by itself. */
export async function resultOf(thread: Worker): Promise<unknown> {
  const exit = once(thread, 'exit');
  const [result]: unknown[] = await once(thread, 'message');
  await exit;
  return result;
}

/** xorshift32 (Marsaglia 2003). */
export function randomFrom(seed: number): () => number {
  let state = seed * 2_654_435_761;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
