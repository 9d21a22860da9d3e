import { createHash, hkdfSync } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import {
  type Counter,
  type Gauge,
  type Http2Limits,
  type IpAddress,
  type ListenAddress,
  type ListenerConfig,
  type Reason,
  reason,
} from '@sallyport/kernel';
import { turnedAwayBy } from '../acceptor/turned-away.ts';
import { peerAddressOf } from '../client/peer.ts';
import { readProxyHeader } from '../client/read-proxy-header.ts';
import type { ClientResolver, ConnectionFacts } from '../client/resolver.ts';
import type { GatewayMetrics } from '../emit/gateway-metrics.ts';
import type { Door, GatewayContext } from '../exchange/context.ts';
import { Http2Connection, http2Codec } from '../http2/http2-connection.ts';
import { bind, type ListenOptions, listenOnPath, type SocketFile } from './bind.ts';
import type { Connection } from './connection-table.ts';
import { HttpDoor } from './http-door.ts';
import { createTlsServer } from './tls.ts';

export interface ListenerOptions {
  readonly resolver: ClientResolver;
  readonly headerBytesMax: number;
  /** Encrypts session tickets; see `Gateway.setTicketKeys`. */
  readonly ticketKeys: Buffer | undefined;
  /** A connection is this listener's from now on. */
  readonly onOwn: (connection: Connection) => void;
}

/** A listening socket, which may outlive the listener that opened it. */
interface Mouth {
  readonly server: Server;
  listener: Listener;
  /** The socket file that we made, to remove it and no other one. */
  file?: SocketFile;
}

/** One listening socket: accepts, learns who the client is, does TLS, and hands the connection to HTTP. */
export class Listener {
  readonly name: string;
  readonly #context: GatewayContext;
  readonly #config: ListenerConfig;
  readonly #resolver: ClientResolver;
  readonly #door: Door;
  readonly #headerBytesMax: number;
  /** What it listens with, if it does so itself. */
  #mouth: Mouth | undefined;
  readonly #tls: TlsServer | undefined;
  readonly #http: HttpDoor;
  readonly #onOwn: (connection: Connection) => void;
  readonly #byTransport = new WeakMap<object, Connection>();
  /** Of what every connection counts; made by the first one. */
  #series: ConnectionSeries | undefined;
  #secured: Counter | undefined;
  /** Connections whose end has its event. */
  readonly #refused = new WeakSet<Connection>();

  constructor(context: GatewayContext, config: ListenerConfig, options: ListenerOptions) {
    this.name = config.name;
    this.#context = context;
    this.#config = config;
    this.#resolver = options.resolver;
    const { name, isRedirectedToHttps } = config;
    const requestProof = requestProofOf(config);
    this.#door = { name, resolver: options.resolver, isRedirectedToHttps, requestProof, isRetired: false };
    this.#onOwn = options.onOwn;
    this.#headerBytesMax = options.headerBytesMax;
    this.#http = new HttpDoor(context, this.#door, options.headerBytesMax);
    const protocols = config.http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'];
    if (config.http2 !== undefined) http2Codec();
    const ticketKeys = options.ticketKeys === undefined ? undefined : this.#ownKeys(options.ticketKeys);
    this.#tls =
      config.tls === undefined ? undefined : createTlsServer(config.tls, { ...options, protocols, ticketKeys });
    this.#tls?.on('secureConnection', (stream) => this.#onSecure(stream));
    this.#tls?.on('tlsClientError', (error, stream) => this.#onTlsError(error, stream));
  }

  /** What it was made from. */
  get config(): ListenerConfig {
    return this.#config;
  }

  /** The largest header section it reads. */
  get headerBytesMax(): number {
    return this.#headerBytesMax;
  }

  get isListening(): boolean {
    return this.#mouth !== undefined;
  }

  /**
   * Listens itself. `socket`: one that the service manager or the process before us has opened.
   *
   * @throws Error (EADDRINUSE and its like) when the address cannot be had.
   */
  async listen({ socket, isTakingOver = false }: ListenOptions = {}): Promise<void> {
    const { address } = this.#config;
    const mouth: Mouth = {
      server: createServer(SOCKET_OPTIONS, (accepted) => mouth.listener.accept(accepted)),
      listener: this,
    };
    const { server } = mouth;
    if (socket !== undefined) await bind(server, { fd: socket });
    else if (address.kind === 'unix') mouth.file = await listenOnPath(server, address, isTakingOver);
    else await bind(server, { host: address.host, port: address.port });
    server.on('error', (error) => this.#context.onTurnedAway(mouth.listener.name, turnedAwayBy(error)));
    this.#mouth = mouth;
  }

  /** Where it really listens: the port that the system chose for port 0. */
  get address(): ListenAddress {
    const bound = this.#mouth?.server.address();
    if (bound === null || bound === undefined || typeof bound === 'string') return this.#config.address;
    return { kind: 'tcp', host: bound.address, port: bound.port };
  }

  /** No new connections; open ones go on. */
  stopAccepting(): void {
    this.#mouth?.server.close();
    this.#mouth?.file?.remove();
    this.#mouth = undefined;
  }

  /** Another policy is in force, without this listener: what comes through it ends with the request it carries. */
  retire(): void {
    this.#door.isRetired = true;
    this.stopAccepting();
  }

  /** Another policy is in force, and this listener comes in place of `before`, which knew clients in the same way. */
  replace(before: Listener): void {
    if (!isDeepStrictEqual(before.#config.address, this.#config.address)) return before.stopAccepting();
    this.#mouth = before.#mouth;
    before.#mouth = undefined;
    if (this.#mouth !== undefined) this.#mouth.listener = this;
  }

  /** See `Gateway.setTicketKeys`. */
  setTicketKeys(keys: Buffer): void {
    this.#tls?.setTicketKeys(this.#ownKeys(keys));
  }

  /**
   * A session carries what was proven when it began. It proves nothing at another listener, which may ask for a certificate, and
   * nothing at this one after a reload that trusts another authority: each listener has keys of its own for each authority.
   */
  #ownKeys(keys: Buffer): Buffer {
    const trusted = createHash('sha256')
      .update(this.#resolver.clientCa ?? '')
      .digest('hex');
    return Buffer.from(
      hkdfSync('sha512', keys, '', `session tickets of ${this.name}, trusting ${trusted}`, keys.length),
    );
  }

  /** Ends a connection that ran out of time or had to make room. */
  expire(connection: Connection, why: Reason): void {
    if (connection.multiplex !== undefined) return connection.multiplex.expire(why);
    const isHeadBegun = connection.phase === 'expect-head' && connection.stream.bytesRead > 0;
    if (why.code === 'HEADER_TIMEOUT' && isHeadBegun) {
      this.#http.refuse({ door: this.#door, connection }, why, { isAnswered: true });
      return;
    }
    if (why.code === 'TLS_HANDSHAKE_FAILED') this.#refuse(connection, this.#handshakeTimeout(connection));
    // Browsers open connections that they may never use: one that said nothing is counted and not recorded.
    else if (why.code === 'HEADER_TIMEOUT') this.#context.metrics.connectionsRefused.with(this.name, why.code).add();
    else if (why.code !== 'CONNECTION_IDLE') this.#refuse(connection, why);
    connection.stream.destroy();
    connection.socket.destroy();
  }

  /** What a connection that got no further than its handshake was still waiting for. */
  #handshakeTimeout(connection: Connection): Reason {
    if (this.#resolver.isProxyHeaderExpected && connection.client === undefined) {
      return reason('PROXY_PROTOCOL_INVALID', 'no header in time');
    }
    this.#context.metrics.tlsHandshakes.with(this.name, 'timeout').add();
    return reason('TLS_HANDSHAKE_FAILED', 'not finished in time');
  }

  /** Takes an accepted socket, of which nothing has been read yet. */
  accept(socket: Socket): void {
    const { connections, metrics, emitter } = this.#context;
    socket.on('error', ignoreSocketError);
    const peerAddress = peerAddressOf(socket.remoteAddress);
    const refusal = this.#resolver.atAccept(peerAddress);
    if (refusal !== undefined) {
      emitter.refusedConnection(
        { listener: this.name, peer: peerAddress?.text ?? '', client: undefined, durationMs: 0 },
        refusal,
      );
      return void socket.destroy();
    }
    const connection = connections.add(socket, this.name);
    if (connection === undefined) {
      const refused = { listener: this.name, peer: peerAddress?.text ?? '', client: undefined, durationMs: 0 };
      emitter.refusedConnection(refused, reason('CONNECTION_EVICTED', 'no room'));
      return void socket.destroy();
    }
    this.#onOwn(connection);
    this.#series ??= seriesOf(metrics, this.name);
    const { open, accepted } = this.#series;
    open.add(1);
    accepted.add();
    metrics.clientBytes.enter(socket);
    socket.on('close', () => {
      open.add(-1);
      metrics.clientBytes.leave(socket);
      connections.remove(connection);
    });
    if (this.#resolver.isProxyHeaderExpected) void this.#readProxyHeader(connection, peerAddress);
    else this.#identify(connection, { peerAddress, proxyHeader: undefined });
  }

  async #readProxyHeader(connection: Connection, peerAddress: IpAddress | undefined): Promise<void> {
    const read = await readProxyHeader(connection.socket);
    if ('refusal' in read) this.#refuse(connection, read.refusal);
    else this.#identify(connection, { peerAddress, proxyHeader: read.header });
  }

  /**
   * Asks the client policy as soon as it can answer: at once on a plain listener, after the handshake where a client
   * certificate counts. TLS comes in between, because a refused client must not cost us a handshake.
   */
  #identify(connection: Connection, arrived: Omit<ConnectionFacts, 'isTlsClientAuthorized'>): void {
    const { socket } = connection;
    if (socket.destroyed) return;
    const isProvenByTls = this.#tls !== undefined && this.#resolver.clientCa !== undefined;
    if (isProvenByTls ? !this.#expectProof(connection) : !this.#admit(connection, arrived)) return;
    if (this.#tls === undefined) return this.#http.serve(connection);
    this.#byTransport.set(socket, connection);
    // A handshake has no halves: who goes away within it is gone, and must not keep a place until the deadline.
    socket.allowHalfOpen = false;
    this.#tls.emit('connection', socket);
  }

  #expectProof(connection: Connection): boolean {
    const network = peerAddressOf(connection.socket.remoteAddress)?.network ?? '';
    const refusal = this.#context.connections.expectProof(connection, network);
    if (refusal !== undefined) this.#refuse(connection, refusal);
    return refusal === undefined;
  }

  #admit(connection: Connection, arrived: Omit<ConnectionFacts, 'isTlsClientAuthorized'>): boolean {
    const { isTlsClientAuthorized } = connection;
    const answer = this.#resolver.atConnection({ ...arrived, isTlsClientAuthorized });
    const refusal =
      'refusal' in answer
        ? answer.refusal
        : this.#context.connections.identify(connection, answer.client, !answer.isShared);
    if (this.#resolver.clientCa !== undefined) {
      const result = isTlsClientAuthorized ? 'ok' : 'refused';
      this.#context.metrics.authAttempts.with('client-certificate', result).add();
      if (!isTlsClientAuthorized && refusal !== undefined) this.#noteNoCertificate(connection, refusal);
    }
    if (refusal !== undefined) this.#refuse(connection, refusal);
    return refusal === undefined;
  }

  #noteNoCertificate({ socket }: Connection, refusal: Reason): void {
    const peer = peerAddressOf(socket.remoteAddress)?.text ?? '';
    const proof = { requestId: '', listener: this.name, method: 'client-certificate', client: undefined, peer };
    this.#context.emitter.failedProof(proof, refusal);
  }

  #admitProven(connection: Connection): boolean {
    const peerAddress = peerAddressOf(connection.socket.remoteAddress);
    return this.#admit(connection, { peerAddress, proxyHeader: undefined });
  }

  #onSecure(stream: TLSSocket): void {
    const connection = this.#byTransport.get(transportOf(stream));
    if (connection === undefined) return void stream.destroy();
    this.#secured ??= this.#context.metrics.tlsHandshakes.with(this.name, 'ok');
    this.#secured.add();
    stream.on('error', ignoreSocketError);
    stream.allowHalfOpen = true;
    connection.stream = stream;
    connection.isTlsClientAuthorized = stream.authorized;
    if (this.#resolver.clientCa !== undefined && !this.#admitProven(connection)) return;
    const { http2 } = this.#config;
    if (stream.alpnProtocol === 'h2' && http2 !== undefined) this.#serveHttp2(connection, http2);
    else this.#http.serve(connection);
  }

  #serveHttp2(connection: Connection, limits: Http2Limits): void {
    const { connections } = this.#context;
    const options = { limits, headerBytesMax: this.#headerBytesMax, headerMs: connections.headerMs };
    connections.expectHead(connection);
    connection.multiplex = new Http2Connection(this.#context, { door: this.#door, connection }, options);
  }

  #onTlsError(error: Error, stream: TLSSocket): void {
    const connection = this.#byTransport.get(transportOf(stream));
    this.#context.metrics.tlsHandshakes.with(this.name, 'failed').add();
    const detail = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
    if (connection === undefined) stream.destroy();
    else this.#refuse(connection, reason('TLS_HANDSHAKE_FAILED', detail));
  }

  #refuse(connection: Connection, why: Reason): void {
    // A handshake that ran out of time fails once more when its socket is destroyed.
    if (this.#refused.has(connection)) return;
    this.#refused.add(connection);
    const durationMs = this.#context.clock.monotonicMs() - connection.acceptedMs;
    const peer = peerAddressOf(connection.socket.remoteAddress)?.text ?? '';
    this.#context.emitter.refusedConnection({ listener: this.name, peer, client: connection.client, durationMs }, why);
    connection.socket.destroy();
  }
}

/** What the connections of a listener are counted in. */
interface ConnectionSeries {
  readonly open: Gauge;
  readonly accepted: Counter;
}

function seriesOf({ connections, connectionsAccepted }: GatewayMetrics, listener: string): ConnectionSeries {
  return { open: connections.with(listener), accepted: connectionsAccepted.with(listener) };
}

/** What each request of a listener has to prove by itself, beside what its connection proves. */
function requestProofOf({ client }: ListenerConfig): Door['requestProof'] {
  if (client.kind !== 'cloudflare-tunnel' || client.proof.kind === 'unix-socket') return undefined;
  return client.proof.kind;
}

const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true } as const;

/** A reset connection is an everyday event; 'close' follows and does the work. */
function ignoreSocketError(): void {
  return;
}

/** The socket a TLS stream was made from. `_parent` is how node:tls keeps it; there is no public name for it. */
function transportOf(stream: TLSSocket): object {
  const parent: unknown = Reflect.get(stream, '_parent');
  return typeof parent === 'object' && parent !== null ? parent : stream;
}
