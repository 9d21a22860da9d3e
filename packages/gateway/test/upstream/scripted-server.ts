import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

/** What a server does with one connection. `count` is the number of connections before it. */
export type Script = (socket: Socket, count: number) => void;

/** A real server that behaves as a test wants it to. */
export interface ScriptedServer extends AsyncDisposable {
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Connections accepted so far. */
  readonly connections: () => number;
  /** Connections closed so far. */
  readonly closed: () => number;
  /** Everything received, over all connections, as latin1. */
  readonly received: () => string;
  /** Closes everything at once; nothing listens there any more. */
  readonly close: () => Promise<void>;
}

export async function startServer(
  script: Script,
  where: ListenOptions = { port: 0, host: '127.0.0.1' },
  tls?: TlsOptions,
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let closed = 0;
  let received = '';
  const onSocket = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => {
      sockets.delete(socket);
      closed += 1;
    });
    // A test ends connections in every rude way there is.
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
    });
    script(socket, connections);
    connections += 1;
  };
  const server: Server = tls === undefined ? createServer(onSocket) : createTlsServer(tls, onSocket);
  await new Promise<void>((resolve) => {
    server.listen(where, resolve);
  });
  const address = server.address();
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(() => resolve());
    });
  return {
    port: address !== null && typeof address === 'object' ? address.port : 0,
    connections: () => connections,
    closed: () => closed,
    received: () => received,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Calls `answer` for each request without a body, with the number of requests before it on this connection. */
export function onRequest(socket: Socket, answer: (count: number, head: string) => void): void {
  let text = '';
  let count = 0;
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
    for (let end = text.indexOf('\r\n\r\n'); end !== -1; end = text.indexOf('\r\n\r\n')) {
      const head = text.slice(0, end + 4);
      text = text.slice(end + 4);
      answer(count, head);
      count += 1;
    }
  });
}

/** A script that gives every request the same answer. */
export function always(response: string): Script {
  return (socket) => onRequest(socket, () => socket.write(response, 'latin1'));
}

export function ok(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
