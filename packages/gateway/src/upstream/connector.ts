import { isIP, connect as netConnect, type Socket } from 'node:net';
import { connect as tlsConnect } from 'node:tls';
import { type Clock, GatewayError, type ServerAddress } from '@sallyport/kernel';
import type { SocketBytes } from '../emit/socket-bytes.ts';
import type { NameCache } from './dns.ts';
import type { ServerTls } from './tls.ts';

export interface ConnectorOptions {
  readonly address: ServerAddress;
  readonly tls: ServerTls | undefined;
  /** For everything until the connection can be used: name lookup, TCP over all addresses, TLS. Milliseconds. */
  readonly connectMs: number;
  readonly names: NameCache;
  /** Counts what connections carry. */
  readonly bytes: SocketBytes;
  readonly clock: Clock;
}

/** Opens connections to one server. */
export class Connector {
  readonly #options: ConnectorOptions;
  /** The address that worked last is tried first: one that answers nothing would cost every connection its time. */
  #lastGood = '';

  constructor(options: ConnectorOptions) {
    this.#options = options;
  }

  /**
   * Exactly one call to `done`, never before this has returned, unless the opening is cancelled. A socket that is handed
   * over has no listeners but one for its end, and has read nothing.
   */
  open(done: (result: Socket | GatewayError) => void): Opening {
    const opening: Opening = new Opening(this.#options, this.#lastGood, (result) => {
      if (!(result instanceof GatewayError)) {
        this.#lastGood = opening.address;
        this.#options.bytes.watch(result);
      }
      done(result);
    });
    return opening;
  }
}

/** A connection that is being opened: name, then one address after the other, then TLS. */
export class Opening {
  readonly #options: ConnectorOptions;
  readonly #done: (result: Socket | GatewayError) => void;
  readonly #deadlineMs: number;
  readonly #preferred: string;
  #isOver = false;
  #socket: Socket | undefined;
  #isTcpConnected = false;
  #addresses: readonly string[] = [];
  #tried = 0;
  #addressDeadlineMs = Number.POSITIVE_INFINITY;
  #lastFailure: GatewayError | undefined;

  /** `preferred` is tried first where the name still has it. */
  constructor(options: ConnectorOptions, preferred: string, done: (result: Socket | GatewayError) => void) {
    this.#options = options;
    this.#preferred = preferred;
    this.#done = done;
    this.#deadlineMs = options.clock.monotonicMs() + options.connectMs;
    this.#start();
  }

  /** The address tried last; '' when there was none. */
  get address(): string {
    return this.#addresses[this.#tried - 1] ?? '';
  }

  /** Closes what has been opened; `done` is not called any more. */
  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket?.destroy();
  }

  /** Gives up an address, or everything, when its time is over. */
  sweep(nowMs: number): void {
    if (this.#isOver) return;
    if (nowMs >= this.#deadlineMs) {
      const what = this.#isTcpConnected ? 'TLS handshake' : this.#addresses.length === 0 ? 'name lookup' : 'connect';
      this.#finish(timedOut(`${what}: not done within ${this.#options.connectMs} ms`));
    } else if (nowMs >= this.#addressDeadlineMs) {
      this.#nextAddress(timedOut(`${this.address}: no answer`));
    }
  }

  #start(): void {
    const { address, names } = this.#options;
    if (address.kind === 'unix') {
      this.#connect({ path: address.path });
      return;
    }
    if (isIP(address.host) !== 0) {
      this.#addresses = [address.host];
      this.#nextAddress(undefined);
      return;
    }
    void this.#resolve(address.host, names);
  }

  async #resolve(host: string, names: NameCache): Promise<void> {
    try {
      const addresses = await names.resolve(host);
      const first = addresses.filter((address) => address === this.#preferred);
      this.#addresses = [...first, ...addresses.filter((address) => address !== this.#preferred)];
    } catch (cause) {
      this.#finish(failed(`${host}: the name could not be resolved`, cause));
      return;
    }
    if (!this.#isOver) this.#nextAddress(undefined);
  }

  #nextAddress(failure: GatewayError | undefined): void {
    this.#lastFailure = failure ?? this.#lastFailure;
    this.#socket?.destroy();
    const { address, clock } = this.#options;
    const host = this.#addresses[this.#tried];
    if (host === undefined || address.kind !== 'tcp') {
      this.#finish(this.#lastFailure ?? failed('no address', undefined));
      return;
    }
    // What is left is shared evenly: one address that answers nothing must not use up the time of the others.
    const nowMs = clock.monotonicMs();
    this.#addressDeadlineMs = nowMs + (this.#deadlineMs - nowMs) / (this.#addresses.length - this.#tried);
    this.#tried += 1;
    this.#connect({ host, port: address.port });
  }

  #connect(where: { path: string } | { host: string; port: number }): void {
    const { tls } = this.#options;
    this.#isTcpConnected = false;
    const socket = tls === undefined ? netConnect(where) : tlsConnect({ ...tls.options(), ...where });
    this.#socket = socket;
    socket.setNoDelay(true);
    const onError = (cause: NodeJS.ErrnoException): void => this.#onError(socket, cause);
    const onClose = (): void => this.#onError(socket, new Error('closed'));
    const hand = (): void => {
      socket.off('error', onError);
      socket.off('close', onClose);
      this.#finish(socket);
    };
    socket.on('error', onError);
    socket.on('close', onClose);
    socket.once('connect', () => {
      this.#isTcpConnected = true;
      // The address works; from here on the whole time counts.
      this.#addressDeadlineMs = Number.POSITIVE_INFINITY;
      if (tls === undefined) hand();
    });
    if (tls === undefined) return;
    socket.once('secureConnect', hand);
    // Not once: TLS 1.3 servers send several tickets, and the newest is the one to use.
    socket.on('session', (session: Buffer) => tls.remember(session));
  }

  #onError(socket: Socket, cause: NodeJS.ErrnoException): void {
    if (this.#isOver || socket !== this.#socket) return;
    const detail = cause.code ?? cause.message;
    if (this.#isTcpConnected && this.#options.tls !== undefined) {
      // Trying the next address would only hide that somebody has the wrong certificate.
      this.#options.tls.forget();
      this.#finish(
        new GatewayError('UPSTREAM_TLS_FAILED', { source: 'upstream', retry: true, message: detail, cause }),
      );
      return;
    }
    this.#nextAddress(failed(detail, cause));
  }

  #finish(result: Socket | GatewayError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (result instanceof GatewayError) this.#socket?.destroy();
    this.#done(result);
  }
}

function failed(message: string, cause: unknown): GatewayError {
  return new GatewayError('UPSTREAM_CONNECT_FAILED', { source: 'upstream', retry: true, message, cause });
}

function timedOut(message: string): GatewayError {
  return new GatewayError('UPSTREAM_TIMEOUT', { source: 'upstream', retry: true, message });
}
