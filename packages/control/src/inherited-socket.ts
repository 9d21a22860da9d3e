import { type ListenOptions, type Server, Socket } from 'node:net';
import { IpAddress } from '@sallyport/kernel';

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly ipv6Only: boolean;
  /** Number of a listening socket that somebody else has opened. */
  readonly socket: number | undefined;
  /** It is one of the process that we replace, whose configuration may have named another address. */
  readonly isTakingOver: boolean;
  /** Until then that process goes on answering. Default: at once. */
  readonly settled?: Promise<void> | undefined;
}

/**
 * Listens on a port, with a socket that was opened before us where there is one: of the process before us when it is where the
 * configuration wants it, of the service manager wherever it is. Answers the port, which the system chooses for port 0.
 *
 * @throws Error (EADDRINUSE and its like) when the address cannot be had.
 */
export async function listenOnPort(server: Server, options: PortOptions): Promise<number> {
  const { host, port, ipv6Only, socket, isTakingOver, settled } = options;
  if (socket !== undefined && !isTakingOver) {
    await bind(server, { fd: socket });
    return portOf(server) ?? port;
  }
  if (socket !== undefined) {
    // Whoever listens takes connections, and these are still for the process before us: so it is only held.
    const held = new Socket({ fd: socket, readable: false, writable: false });
    const bound = held.address();
    if ('port' in bound && isAt(bound, options)) {
      if (settled === undefined) server.listen(held);
      else void listenWhen(settled, server, held);
      return bound.port;
    }
    // The process before us still has it, and closes it when it leaves.
    held.destroy();
  }
  await bind(server, { host, port, ipv6Only });
  return portOf(server) ?? port;
}

function bind(server: Server, where: ListenOptions & { readonly fd?: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** It listens already, so nothing can fail; but we may have been told to stop before it is our turn. */
async function listenWhen(settled: Promise<void>, server: Server, held: Socket): Promise<void> {
  let isClosed = false;
  server.once('close', () => {
    isClosed = true;
  });
  await settled;
  if (isClosed) held.destroy();
  else server.listen(held);
}

function isAt(bound: { readonly address: string; readonly port: number }, { host, port }: PortOptions): boolean {
  const isHost = IpAddress.parse(bound.address)?.text === IpAddress.parse(host)?.text;
  return isHost && (port === 0 || bound.port === port);
}

function portOf(server: Server): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : undefined;
}
