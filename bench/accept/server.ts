/**
 * A server with worker threads, in a process of its own, in three ways: an acceptor hands every accepted socket to the worker
 * that has the fewest; every worker listens on the same port with a socket of its own (`reusePort`), and the kernel chooses; or
 * all accept from one socket, of which each has a descriptor, and hand on what comes when they are ahead. A client that sends a
 * line is answered `ok`, and ends the connection when it likes. No gateway is in it: only what the two ways cost and lose.
 */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { numberOf, openDescriptors } from '@sallyport/gateway';
import { answerLines, sayLine } from '../harness/line-process.ts';
import { ABSENT, BACKLOG, type Placement, type Said, type Told, type Way } from './messages.ts';

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
  readonly index: number;
}

/** One more than there are workers: the one that ends keeps its place until it has ended. */
const counts = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT * (WORKERS + 1))).fill(ABSENT);
const places: Place[] = [];

async function control(way: Way): Promise<void> {
  const acceptor = createServer({ pauseOnConnect: true, noDelay: true }, handOff);
  // Only when sockets are handed over does this one listen for clients: otherwise it finds out a port that is free.
  acceptor.listen({ port: 0, host: '127.0.0.1', backlog: BACKLOG });
  await once(acceptor, 'listening');
  const address = acceptor.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const start = way === 'shared' ? await sharing(acceptor, port) : (): Promise<Place> => startWorker(way, port);
  if (way === 'reuseport') await closed(acceptor);
  for (let count = 0; count < WORKERS; count += 1) places.push(await start());
  const look = (): Looked => ({ port, sockets: places.map(socketsOf) });
  sayLine(look());
  await answerLines(async (line) => {
    const { kind }: Order = JSON.parse(line);
    if (kind === 'look') return look();
    const next = await start();
    const old = places.shift();
    places.push(next);
    if (old === undefined) return look();
    await (kind === 'kill' ? old.worker.terminate() : drained(old.worker));
    Atomics.store(counts, old.index, ABSENT);
    return look();
  });
}

/** Holds the socket in this thread, and gives each worker a descriptor of it. */
async function sharing(acceptor: Server, port: number): Promise<() => Promise<Place>> {
  const descriptors = openDescriptors();
  const number = numberOf(acceptor);
  if (descriptors === undefined || number === undefined) throw new Error('descriptors cannot be duplicated here');
  const held = descriptors.duplicate(number);
  await closed(acceptor);
  return () => {
    const server = createServer({ noDelay: true }).listen({ fd: descriptors.duplicate(held), backlog: BACKLOG });
    return startWorker('shared', port, server);
  };
}

function handOff(socket: Socket): void {
  const [least] = places.toSorted((one, other) => socketsOf(one) - socketsOf(other));
  if (least === undefined) {
    socket.destroy();
    return;
  }
  Atomics.add(counts, least.index, 1);
  const told: Told = { kind: 'socket', socket };
  least.worker.postMessage(told, [socket]);
}

function socketsOf({ index }: Place): number {
  return Atomics.load(counts, index);
}

async function startWorker(way: Way, port: number, server?: Server): Promise<Place> {
  const index = counts.indexOf(ABSENT);
  counts[index] = 0;
  const workerData: Placement = { way, port, counts, place: index };
  const worker = new Worker(new URL('worker.ts', import.meta.url), { workerData });
  if (server !== undefined) worker.postMessage({ kind: 'server', server } satisfies Told, [server]);
  const [said]: Said[] = await once(worker, 'message');
  if (said?.kind !== 'ready') throw new Error('a worker did not start');
  worker.on('message', (message: Said) => {
    if (message.kind === 'socket') handOff(message.socket);
  });
  return { worker, index };
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

await control(wayOf(process.argv[2]));

function wayOf(text: string | undefined): Way {
  return text === 'reuseport' || text === 'shared' ? text : 'handoff';
}
