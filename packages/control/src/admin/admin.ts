import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock, Log, MetricsRegistry } from '@sallyport/kernel';
import { type BoundSocket, bindSocket } from '../bind-socket.ts';
import type { BindAddress } from '../config/addresses.ts';
import type { AdminConfig } from '../config/schema/admin.ts';
import { Goodbye } from '../goodbye.ts';
import { listenOnPort, type PortOptions } from '../inherited-socket.ts';
import { http } from '../node-http.ts';
import { type ApiOptions, answerCall } from './api.ts';
import type { ControlPlane } from './control-plane.ts';
import { type Door, hostsOf, judgeDoor } from './door.ts';
import { FailureBudget } from './failure-budget.ts';
import { LinkBook } from './links.ts';
import { PAGE, PAGE_HEADERS } from './page.ts';
import { problemBody, type Refusal } from './problem.ts';
import type { AdminContext, Answer } from './route.ts';
import { PAGE_PATH } from './routes/access.ts';
import { boundServer, PATIENCE, type ServerPatience, serverOptions } from './server-limits.ts';
import { SessionBook } from './sessions.ts';

export interface AdminOptions {
  readonly config: AdminConfig;
  readonly plane: ControlPlane;
  readonly clock: Clock;
  /** Takes the record of what was done. */
  readonly log: Log;
  readonly metrics: MetricsRegistry;
  /** Default: {@link PATIENCE}. */
  readonly patience?: ServerPatience;
}

/** Where the admin API is served. */
export interface AdminAddresses {
  readonly socket: string | undefined;
  readonly address: Extract<BindAddress, { kind: 'tcp' }> | undefined;
}

/** The admin API on its listeners. */
export interface AdminServer {
  /**
   * Begins to listen. `isHandover`: a gateway that is about to leave still serves the socket file; its place is taken. `port`:
   * number of a listening socket that somebody else has opened.
   *
   * @throws Error when an address or the path cannot be had; then nothing is left listening.
   */
  listen(options?: { readonly isHandover?: boolean; readonly port?: number | undefined }): Promise<AdminAddresses>;
  /** The number of its listening socket on a port, for a process that inherits it; undefined when it has none. */
  socketNumber(): number | undefined;
  /** A link for whoever sits at the terminal at the start; undefined without a port to lead to. Holds a secret. */
  firstLink(): string | undefined;
  /** Takes nothing new, and ends what is open when it has been answered. Another process serves at the address. */
  leave(): Promise<void>;
  /** Ends every connection and removes the socket file, if it is still ours. */
  close(): Promise<void>;
}

export function createAdminServer(options: AdminOptions): AdminServer {
  return new Admin(options);
}

class Admin implements AdminServer {
  readonly #options: AdminOptions;
  readonly #api: ApiOptions;
  readonly #links: LinkBook;
  readonly #servers: Server[] = [];
  readonly #goodbyes: Goodbye[] = [];
  #portServer: Server | undefined;
  #bound: BoundSocket | undefined;
  #address: AdminAddresses['address'];

  constructor(options: AdminOptions) {
    const { clock, config, log, metrics, plane } = options;
    this.#options = options;
    this.#links = new LinkBook(clock);
    const sessions = new SessionBook(clock, { idleMs: config.sessionIdleMs, lifeMs: config.sessionLifeMs });
    const context: AdminContext = {
      plane,
      links: this.#links,
      sessions,
      clock,
      log,
      origin: () => this.#origin(),
    };
    this.#api = {
      context,
      failures: new FailureBudget(clock),
      owner: `uid-${process.geteuid?.() ?? 'unknown'}`,
      callMs: (options.patience ?? PATIENCE).callMs,
      calls: metrics.counter('sallyport_admin_calls_total', 'Calls of the admin API.', ['operation', 'result']),
      wrongCredentials: metrics
        .counter('sallyport_admin_wrong_credentials_total', 'Wrong sessions and links at the admin API.')
        .with(),
    };
  }

  async listen({
    isHandover = false,
    port,
  }: {
    readonly isHandover?: boolean;
    readonly port?: number | undefined;
  } = {}): Promise<AdminAddresses> {
    const { socket, address } = this.#options.config;
    try {
      if (address !== undefined)
        this.#address = await this.#listenOnPort(address, { socket: port, isTakingOver: isHandover });
      if (socket !== undefined) {
        this.#bound = await bindSocket(
          this.#makeServer(() => ({ kind: 'socket' })),
          socket,
          { isHandover, mode: SOCKET_MODE },
        );
      }
    } catch (cause) {
      await this.close();
      throw cause;
    }
    return { socket, address: this.#address };
  }

  socketNumber(): number | undefined {
    // There is no public name for it.
    const handle: unknown = Reflect.get(this.#portServer ?? {}, '_handle');
    const number: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
    return typeof number === 'number' && number >= 0 ? number : undefined;
  }

  firstLink(): string | undefined {
    const origin = this.#origin();
    if (origin === undefined) return undefined;
    return `${origin}${PAGE_PATH}#token=${this.#links.issue('terminal').token}`;
  }

  async leave(): Promise<void> {
    this.#bound?.release();
    await Promise.all(this.#goodbyes.map((goodbye) => goodbye.say()));
  }

  async close(): Promise<void> {
    this.#bound?.release();
    this.#bound = undefined;
    await Promise.all(this.#servers.splice(0).map(closeServer));
  }

  #origin(): string | undefined {
    if (this.#address === undefined) return undefined;
    const { host, port } = this.#address;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  async #listenOnPort(
    address: Extract<BindAddress, { kind: 'tcp' }>,
    inherited: Pick<PortOptions, 'socket' | 'isTakingOver'>,
  ): Promise<AdminAddresses['address']> {
    const { host } = address;
    let door: Door = { kind: 'port', hosts: hostsOf(host, address.port), port: address.port };
    const server = this.#makeServer(() => door);
    const port = await listenOnPort(server, { host, port: address.port, ipv6Only: true, ...inherited });
    this.#portServer = server;
    door = { kind: 'port', hosts: hostsOf(host, port), port };
    return { kind: 'tcp', host, port };
  }

  #makeServer(door: () => Door): Server {
    const server = http.createServer(serverOptions(this.#options.patience ?? PATIENCE));
    this.#goodbyes.push(new Goodbye(server));
    boundServer(server, (request, response) => void this.#answer(request, response, door()));
    // File descriptors have run out and one cannot be accepted: whoever comes tries again.
    server.on('error', () => undefined);
    this.#servers.push(server);
    return server;
  }

  async #answer(request: IncomingMessage, response: ServerResponse, door: Door): Promise<void> {
    if (request.url === PAGE_PATH && request.method === 'GET' && door.kind === 'port') {
      const refusal = judgeDoor(request, door);
      if (refusal === undefined) response.writeHead(200, { ...SECURITY_HEADERS, ...PAGE_HEADERS }).end(PAGE);
      else send(response, refusal);
      return;
    }
    send(response, await answerCall(request, door, this.#api));
  }
}

/** Whoever may open it is the operator; there is no group of operators. */
const SOCKET_MODE = 0o600;

const SECURITY_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

function send(response: ServerResponse, outcome: Answer | Refusal): void {
  const isAnswer = outcome.kind === 'answer';
  const text = JSON.stringify(isAnswer ? outcome.body : problemBody(outcome));
  response.writeHead(isAnswer ? 200 : outcome.status, {
    ...SECURITY_HEADERS,
    'content-type': isAnswer ? 'application/json' : 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    // Of what was refused there may be a rest that nobody reads, and that must not be taken for the next request.
    ...(isAnswer ? {} : { connection: 'close' }),
    ...outcome.headers,
  });
  response.end(text);
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
