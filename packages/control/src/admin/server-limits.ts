import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Times that a server waits for its clients, in milliseconds. */
export interface ServerPatience {
  /** For a whole request head. */
  readonly headMs: number;
  /** For a whole request with its body. */
  readonly requestMs: number;
  /** For what a call asks the gateway to do. */
  readonly callMs: number;
}

export const PATIENCE: ServerPatience = { headMs: 5_000, requestMs: 10_000, callMs: 30_000 };

/** Longer than any call: a client that takes nothing of an answer for so long is gone. */
const SILENCE_MS = 60_000;

const KEEP_ALIVE_MS = 30_000;

/** A console, a few commands, and scripts. */
const ADMIN_CONNECTIONS_MAX = 64;

const HEADER_BYTES_MAX = 8_192;

/** Nobody needs one connection for longer. */
const CALLS_PER_CONNECTION_MAX = 1_000;

export function serverOptions({ headMs, requestMs }: ServerPatience): {
  readonly maxHeaderSize: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly connectionsCheckingInterval: number;
  readonly insecureHTTPParser: false;
} {
  return {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: headMs,
    requestTimeout: requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(1_000, headMs),
    insecureHTTPParser: false,
  };
}

/**
 * Bounds what the clients of a server can hold of it. `answer` is called for one request of a connection at a time: a client
 * that sends a second one before it has its answer is cut off, because work must not queue up behind a call.
 */
export function boundServer(
  server: Server,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  // Node drops fields beyond a count in silence; their bytes are bounded already, and one of them might be Origin.
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = CALLS_PER_CONNECTION_MAX;
  server.timeout = SILENCE_MS;
  const open = new Map<Socket, { isBusy: boolean }>();
  server.on('connection', (socket) => {
    if (open.size >= ADMIN_CONNECTIONS_MAX) leastUseful(open)?.destroy();
    open.set(socket, { isBusy: false });
    socket.on('close', () => open.delete(socket));
  });
  server.on('request', (request, response) => {
    const { socket } = request;
    const state = open.get(socket);
    if (state === undefined || state.isBusy || socket.destroyed) {
      socket.destroy();
      return;
    }
    state.isBusy = true;
    response.on('close', () => {
      state.isBusy = false;
    });
    answer(request, response);
  });
  server.on('clientError', (_error, socket) => {
    socket.destroy();
  });
}

/** The oldest connection without a call under way, or the oldest of all: silent ones must not keep the operator out. */
function leastUseful(open: ReadonlyMap<Socket, { isBusy: boolean }>): Socket | undefined {
  let oldest: Socket | undefined;
  for (const [socket, { isBusy }] of open) {
    if (!isBusy && !socket.destroyed) return socket;
    oldest ??= socket;
  }
  return oldest;
}
