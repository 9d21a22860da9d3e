import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Scope } from './scope.ts';

/** A request as the upstream saw its head. */
export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. Values of repeated fields are joined as node:http does. */
  readonly headers: IncomingMessage['headers'];
}

export interface UpstreamOptions {
  /** Default: reads the body and answers 200 with `ok`. */
  readonly onRequest?: (request: IncomingMessage, response: ServerResponse) => void;
  /** Default: sends every message back. */
  readonly onSocket?: (socket: WebSocket, request: IncomingMessage) => void;
  /** Serve https with these. */
  readonly tls?: ServerOptions;
  /** Default: a free one. */
  readonly port?: number;
}

/** A server behind the gateway that writes down what it is asked. */
export interface Upstream {
  readonly port: number;
  /** For `upstreams` of a configuration. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Ends every connection; also done by its scope. */
  close(): Promise<void>;
}

export async function startUpstream(scope: Scope, options: UpstreamOptions = {}): Promise<Upstream> {
  const requests: SeenRequest[] = [];
  const note = ({ method = '', url = '', headers }: IncomingMessage): void => {
    requests.push({ method, target: url, headers });
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    note(request);
    (options.onRequest ?? answerOk)(request, response);
  };
  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest);
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    note(request);
    sockets.handleUpgrade(request, socket, head, (opened) => (options.onSocket ?? sendBack)(opened, request));
  });
  await new Promise<void>((resolve) =>
    server.listen({ host: '127.0.0.1', port: options.port ?? 0, backlog: BACKLOG }, resolve),
  );
  const { port } = addressOf(server.address());
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      for (const socket of sockets.clients) socket.terminate();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  scope.after(close);
  return { port, url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`, requests, close };
}

/** Thousands of WebSockets come at once. */
const BACKLOG = 4_096;

function answerOk(request: IncomingMessage, response: ServerResponse): void {
  request.resume().once('end', () => response.end('ok'));
}

function sendBack(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
}

function addressOf(address: AddressInfo | string | null): AddressInfo {
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address;
}
