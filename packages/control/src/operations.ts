import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP, type Socket } from 'node:net';
import { type BoundSocket, bindSocket } from './bind-socket.ts';
import { type BindAddress, isPrivateHost } from './config/addresses.ts';
import type { OperationsConfig } from './config/schema/sections.ts';
import { Goodbye } from './goodbye.ts';
import { listenOnPort } from './inherited-socket.ts';
import { http } from './node-http.ts';

/** Whether the gateway should be sent traffic. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, for operators; empty when ready. */
  readonly reasons: readonly string[];
}

export interface OperationsOptions {
  readonly config: OperationsConfig;
  /** The metrics in the Prometheus text format, version 0.0.4. */
  readonly metrics: () => Promise<string>;
  readonly readiness: () => Readiness;
}

/** The listener for those who run the gateway: /metrics, /livez and /readyz, and nothing else. */
export interface OperationsServer {
  /**
   * Begins to listen and says where, with the port the system chose for port 0.
   *
   * @throws Error when the address cannot be used.
   */
  listen(options?: OperationsListenOptions): Promise<BindAddress>;
  /** The number of its listening socket, for a process that inherits it; undefined when it has none, or a file. */
  socketNumber(): number | undefined;
  /** Takes nothing new, and ends what is open when it has been answered. */
  leave(): Promise<void>;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface OperationsListenOptions {
  /** Number of a socket that somebody else has opened. */
  readonly socket?: number | undefined;
  /** Whoever answers at the address now is the process that we replace. */
  readonly isTakingOver?: boolean;
  /** Until then that process goes on answering. Default: at once. */
  readonly settled?: Promise<void>;
}

/**
 * Makes the operations listener. It holds no secrets, takes no bodies and reads nothing from a request but its method,
 * its path and, against DNS rebinding, its Host.
 */
export function createOperationsServer(options: OperationsOptions): OperationsServer {
  const server = http.createServer(SERVER_OPTIONS, (request, response) => void answer(request, response, options));
  makeRoomOnConnection(server);
  const goodbye = new Goodbye(server);
  // File descriptors have run out and one cannot be accepted: the listeners of clients count that, and nobody else is told.
  server.on('error', () => undefined);
  server.maxRequestsPerSocket = REQUESTS_PER_SOCKET_MAX;
  server.on('clientError', (_error, socket) => {
    socket.destroy();
  });
  let file: BoundSocket | undefined;
  /** Of a socket on which it does not listen yet. */
  let held: number | undefined;
  const leave = (): Promise<void> => {
    file?.release();
    return goodbye.say();
  };
  return {
    listen: async (where = {}) => {
      const { address } = options.config;
      if (address.kind === 'tcp') {
        const bound = await listenAtPort(server, address, where);
        if (numberOf(server) === undefined) held = where.socket;
        return bound;
      }
      file = await bindSocket(server, address.path, { isHandover: where.isTakingOver === true, mode: SOCKET_MODE });
      return address;
    },
    socketNumber: () => (options.config.address.kind === 'tcp' ? (numberOf(server) ?? held) : undefined),
    leave,
    close: () => {
      const left = leave();
      server.closeAllConnections();
      // Ends the look at connections that take their time, too.
      server.close();
      return left;
    },
  };
}

function numberOf(server: Server): number | undefined {
  // There is no public name for it.
  const handle: unknown = Reflect.get(server, '_handle');
  const number: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof number === 'number' && number >= 0 ? number : undefined;
}

/**
 * The oldest connection leaves when one too many comes: silent ones from anywhere must not keep a health check out, because an
 * orchestrator restarts what does not answer.
 */
function makeRoomOnConnection(server: Server): void {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    for (const oldest of open) {
      if (open.size < CONNECTIONS_MAX) break;
      open.delete(oldest);
      oldest.destroy();
    }
    open.add(socket);
    socket.on('close', () => open.delete(socket));
  });
}

/** A scraper and a few probes need no more. */
const CONNECTIONS_MAX = 64;

/** Nobody needs one connection for longer: one request a second for ten minutes. */
const REQUESTS_PER_SOCKET_MAX = 600;

const SERVER_OPTIONS = {
  maxHeaderSize: 8_192,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
  insecureHTTPParser: false,
} as const;

/** Longest reason and most reasons of /readyz: they may name upstreams, and there may be many. */
const REASON_LENGTH_MAX = 200;
const REASONS_MAX = 20;

async function answer(request: IncomingMessage, response: ServerResponse, options: OperationsOptions): Promise<void> {
  if (!isHostTrusted(request.headers.host, options.config)) return send(request, response, text(421, 'wrong host'));
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return send(request, response, text(405, 'only GET and HEAD'));
  }
  switch (request.url) {
    case '/livez':
      return send(request, response, text(200, 'ok'));
    case '/readyz':
      return send(request, response, readinessAnswer(options.readiness));
    case '/metrics':
      return send(request, response, await metricsAnswer(options.metrics));
    default:
      return send(request, response, text(404, 'there are /metrics, /livez and /readyz'));
  }
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` };
}

function readinessAnswer(readiness: () => Readiness): Answer {
  const { ready, reasons } = readiness();
  if (ready) return text(200, 'ready');
  const lines = reasons
    .slice(0, REASONS_MAX)
    .map((reason) => reason.replaceAll(/[^ -~]/g, '?').slice(0, REASON_LENGTH_MAX));
  return text(503, ['not ready', ...lines].join('\n'));
}

async function metricsAnswer(metrics: () => Promise<string>): Promise<Answer> {
  try {
    return { status: 200, type: 'text/plain; version=0.0.4; charset=utf-8', body: await metrics() };
  } catch {
    // A collector that fails must not end the process; an incomplete exposition would look like a reset to Prometheus.
    return text(500, 'the metrics could not be collected');
  }
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // A body is never read, so nothing after it may be taken for a request.
    ...(status >= 400 || hasBody ? { connection: 'close' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/**
 * A web page whose name an attacker points at 127.0.0.1 reads this listener as its own origin (DNS rebinding). Such a page
 * has a public name in Host; addresses and names of private networks cannot be taken that way.
 */
function isHostTrusted(host: string | undefined, config: OperationsConfig): boolean {
  if (config.isExposed || host === undefined || config.address.kind === 'unix') return true;
  const name = host
    .replace(/:[0-9]{1,5}$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return isIP(name) !== 0 || isPrivateHost(name);
}

async function listenAtPort(
  server: Server,
  address: Extract<BindAddress, { kind: 'tcp' }>,
  { socket, isTakingOver = false, settled }: OperationsListenOptions,
): Promise<BindAddress> {
  const { host, port } = address;
  const options = { host, port, ipv6Only: false, socket, isTakingOver, settled };
  return { ...address, port: await listenOnPort(server, options) };
}

/** A scraper of the same group may connect. */
const SOCKET_MODE = 0o660;
