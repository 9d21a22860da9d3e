import { setTimeout as sleep } from 'node:timers/promises';
import { AdminClient } from '@sallyport/control';

/** The operator of a gateway that a benchmark started; its admin API comes after its listeners. @throws Error when it does not. */
export async function adminOf(socket: string): Promise<AdminClient> {
  const client = new AdminClient({ socket, author: 'bench' });
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if ((await client.call('getStatus', {})).kind === 'answer') return client;
    await sleep(PAUSE_MS);
  }
  throw new Error(`nobody answers at ${socket}`);
}

const ATTEMPTS_MAX = 200;
const PAUSE_MS = 50;
