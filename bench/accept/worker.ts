/** One worker of accept/server.ts. */
import { createServer, type Server, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { ABSENT, BACKLOG, LEAD, type Placement, type Said, type Told } from './messages.ts';

const { way, port, counts, place }: Placement = workerData;
const sockets = new Set<Socket>();
let shared: Server | undefined;
let isDraining = false;
const say = (said: Said): void => parentPort?.postMessage(said, said.kind === 'socket' ? [said.socket] : []);
const endWhenEmpty = (): void => {
  if (isDraining && sockets.size === 0) parentPort?.close();
};
const serve = (socket: Socket): void => {
  sockets.add(socket);
  socket.on('data', () => socket.write('ok\n'));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    sockets.delete(socket);
    Atomics.sub(counts, place, 1);
    endWhenEmpty();
  });
  socket.resume();
};
const accept = (socket: Socket): void => {
  // Of a socket that is handed over, the acceptor has counted it already.
  Atomics.add(counts, place, 1);
  serve(socket);
};
const acceptShared = (socket: Socket): void => {
  const own = Atomics.load(counts, place);
  const isAhead = counts.some((_, other) => other !== place && own - Atomics.load(counts, other) > LEAD);
  if (isAhead && !isDraining) say({ kind: 'socket', socket });
  else accept(socket);
};
const server = way === 'reuseport' ? createServer({ noDelay: true }, accept) : undefined;
parentPort?.on('message', (told: Told) => {
  if (told.kind === 'socket') serve(told.socket);
  if (told.kind === 'server') {
    shared = told.server.on('connection', acceptShared);
    say({ kind: 'ready' });
  }
  if (told.kind === 'drain') {
    isDraining = true;
    Atomics.add(counts, place, ABSENT);
    (server ?? shared)?.close();
    endWhenEmpty();
  }
});
if (way === 'handoff') say({ kind: 'ready' });
server?.listen({ port, host: '127.0.0.1', reusePort: true, backlog: BACKLOG }, () => say({ kind: 'ready' }));
