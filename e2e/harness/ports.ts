import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import type { Scope } from './scope.ts';

/** A port of 127.0.0.1 that nobody has at the moment, for a program that cannot choose one itself. */
export async function freePort(): Promise<number> {
  const server = await listening('127.0.0.1');
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

/** A port of 127.0.0.1 that somebody has as long as the scope lasts. */
export async function takenPort(scope: Scope): Promise<number> {
  const server = await listening('127.0.0.1');
  scope.after(() => void server.close());
  return portOf(server);
}

async function listening(host: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(0, host);
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
