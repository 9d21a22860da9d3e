/** One worker of accept/server.ts. */
import { createServer, type Socket } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';
import { BACKLOG, type Placement, type Said, type Told } from './messages.ts';

const { way, port, count }: Placement = workerData;
const sockets = new Set<Socket>();
let isDraining = false;
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- This is a port between threads, not a window.
const say = (said: Said): void => parentPort?.postMessage(said);
const endWhenEmpty = (): void => {
  if (isDraining && sockets.size === 0) parentPort?.close();
};
const serve = (socket: Socket): void => {
  sockets.add(socket);
  socket.on('data', () => socket.write('ok\n'));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => {
    sockets.delete(socket);
    Atomics.sub(count, 0, 1);
    endWhenEmpty();
  });
  socket.resume();
};
const accept = (socket: Socket): void => {
  // Of a socket that is handed over, the acceptor has counted it already.
  Atomics.add(count, 0, 1);
  serve(socket);
};
const server = way === 'reuseport' ? createServer({ noDelay: true }, accept) : undefined;
parentPort?.on('message', (told: Told) => {
  if (told.kind === 'socket') serve(told.socket);
  if (told.kind === 'drain') {
    isDraining = true;
    server?.close();
    endWhenEmpty();
  }
});
if (server === undefined) say({ kind: 'ready' });
else server.listen({ port, host: '127.0.0.1', reusePort: true, backlog: BACKLOG }, () => say({ kind: 'ready' }));
