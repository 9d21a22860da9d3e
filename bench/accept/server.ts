/**
 * A server with worker threads, in a process of its own, in two ways: an acceptor hands every accepted socket to the worker
 * that has the fewest, or every worker listens on the same port (`reusePort`) and the kernel chooses. A client that sends a
 * line is answered `ok`, and ends the connection when it likes. No gateway is in it: only what the two ways cost and lose.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { answerLines, sayLine } from '../harness/line-process.ts';
import { BACKLOG, type Placement, type Said, type Told, type Way } from './messages.ts';

export type Order =
  /** A new worker takes the place of the oldest: first it is ready, then the old one ends what it has. */
  | { readonly kind: 'replace' }
  /** The oldest worker is ended with everything that it has, and a new one takes its place. */
  | { readonly kind: 'kill' }
  | { readonly kind: 'look' };

export interface Looked {
  /** Where it listens. */
  readonly port: number;
  /** Open connections of each worker. */
  readonly sockets: readonly number[];
}

const WORKERS = 2;

interface Place {
  readonly worker: Worker;
  /** Shared with the worker: see `Placement`. */
  readonly count: Int32Array;
}

async function control(way: Way): Promise<void> {
  const places: Place[] = [];
  const acceptor = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => handOff(places, socket));
  // With `reusePort` this one never listens for clients: it only finds out a port that is free.
  acceptor.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(acceptor, 'listening');
  const address = acceptor.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  if (way === 'reuseport') await closed(acceptor);
  for (let count = 0; count < WORKERS; count += 1) places.push(await startWorker({ way, port }));
  const look = (): Looked => ({ port, sockets: places.map(socketsOf) });
  sayLine(look());
  await answerLines(async (line) => {
    const { kind }: Order = JSON.parse(line);
    if (kind === 'look') return look();
    const next = await startWorker({ way, port });
    const old = places.shift();
    places.push(next);
    if (old !== undefined) await (kind === 'kill' ? old.worker.terminate() : drained(old.worker));
    return look();
  });
}

function handOff(places: readonly Place[], socket: Socket): void {
  const [least] = places.toSorted((one, other) => socketsOf(one) - socketsOf(other));
  if (least === undefined) {
    socket.destroy();
    return;
  }
  Atomics.add(least.count, 0, 1);
  const told: Told = { kind: 'socket', socket };
  least.worker.postMessage(told, [socket]);
}

function socketsOf({ count }: Place): number {
  return Atomics.load(count, 0);
}

async function startWorker(placement: Omit<Placement, 'count'>): Promise<Place> {
  const count = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: Placement = { ...placement, count };
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData });
  const [said]: Said[] = await once(worker, 'message');
  if (said?.kind !== 'ready') throw new Error('a worker did not start');
  return { worker, count };
}

async function drained(worker: Worker): Promise<void> {
  const exited = once(worker, 'exit');
  const told: Told = { kind: 'drain' };
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- This is a port between threads, not a window.
  worker.postMessage(told);
  await exited;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}

await control(process.argv[2] === 'reuseport' ? 'reuseport' : 'handoff');
