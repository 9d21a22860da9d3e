import type { ListenOptions, Server } from 'node:net';
import { IpAddress } from '@sallyport/kernel';

export interface PortOptions {
  readonly host: string;
  readonly port: number;
  readonly ipv6Only: boolean;
  /** Number of a listening socket that somebody else has opened. */
  readonly socket: number | undefined;
  /** It is one of the process that we replace, whose configuration may have named another address. */
  readonly isTakingOver: boolean;
}

/**
 * Listens on a port, with a socket that was opened before us where there is one: of the process before us when it is where the
 * configuration wants it, of the service manager wherever it is. Answers the port, which the system chooses for port 0.
 *
 * @throws Error (EADDRINUSE and its like) when the address cannot be had.
 */
export async function listenOnPort(server: Server, options: PortOptions): Promise<number> {
  const { host, port, ipv6Only, socket, isTakingOver } = options;
  if (socket !== undefined) {
    await bind(server, { fd: socket });
    if (!isTakingOver || isAt(server, options)) return portOf(server) ?? port;
    // The process before us still has it, and closes it when it leaves.
    await new Promise<void>((resolve) => server.close(() => resolve()));
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

function isAt(server: Server, { host, port }: PortOptions): boolean {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return false;
  const isHost = IpAddress.parse(bound.address)?.text === IpAddress.parse(host)?.text;
  return isHost && (port === 0 || bound.port === port);
}

function portOf(server: Server): number | undefined {
  const bound = server.address();
  return typeof bound === 'object' && bound !== null ? bound.port : undefined;
}
