import type { Socket } from 'node:net';
import { GatewayError, type HealthCheck } from '@sallyport/kernel';
import type { Connector, Opening } from './connector.ts';
import {
  type ConnectionFailure,
  type ConnectionOwner,
  type ConnectionUser,
  HttpConnection,
} from './http-connection.ts';
import type { ResponseHead } from './port.ts';

export interface HealthCheckerOptions {
  readonly check: HealthCheck;
  /** Its `connectMs` is the check's timeout. */
  readonly connector: Connector;
  readonly authority: string;
  /** 0 to below 1. */
  readonly random: () => number;
  /** `why`: for operators. */
  readonly onResult: (isHealthy: boolean, why: string) => void;
}

/** Share of the interval by which a check may come earlier or later, so that gateways do not check in step. */
const JITTER = 0.1;

/**
 * Asks one server for the check's path, again and again, each time over a new connection: a server that has stopped
 * accepting is not healthy, however well its old connections work. 200 to 399 is healthy.
 */
export class HealthChecker implements ConnectionUser, ConnectionOwner {
  readonly #options: HealthCheckerOptions;
  /** The first check is due at once. */
  #nextMs = Number.NEGATIVE_INFINITY;
  #deadlineMs = Number.POSITIVE_INFINITY;
  #opening: Opening | undefined;
  #connection: HttpConnection | undefined;
  #isClosed = false;

  constructor(options: HealthCheckerOptions) {
    this.#options = options;
  }

  get isQuiet(): boolean {
    return this.#opening === undefined && this.#connection === undefined;
  }

  sweep(nowMs: number): void {
    this.#opening?.sweep(nowMs);
    const { check, connector, random } = this.#options;
    if (nowMs >= this.#deadlineMs) this.#end(false, `no answer to the health check within ${check.timeoutMs} ms`);
    if (this.#isClosed || !this.isQuiet || nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + check.intervalMs * (1 - JITTER + 2 * JITTER * random());
    this.#deadlineMs = nowMs + check.timeoutMs;
    this.#opening = connector.open((result) => this.#onOpened(result, nowMs));
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  onHead(head: ResponseHead): void {
    // The body does not matter, and a health page that never ends must not keep us.
    this.#end(head.status < 400, `the health check was answered with ${head.status}`);
  }

  onConnectionFailure(failure: ConnectionFailure): void {
    this.#end(false, `the health check failed: ${failure.error.message}`);
  }

  onData(): boolean {
    return true;
  }

  onEnd(): void {}

  onWritable(): void {}

  onUpgrade(_head: ResponseHead, socket: Socket): void {
    socket.destroy();
  }

  onFree(connection: HttpConnection): void {
    connection.destroy();
  }

  onGone(): void {}

  #onOpened(result: Socket | GatewayError, nowMs: number): void {
    this.#opening = undefined;
    if (result instanceof GatewayError) {
      this.#end(false, `the health check could not connect: ${result.message}`);
      return;
    }
    const { check, authority } = this.#options;
    const timeouts = { headMs: check.timeoutMs, idleMs: check.timeoutMs };
    this.#connection = new HttpConnection(result, this, timeouts);
    this.#connection.reserve(this);
    const head = `GET ${check.path} HTTP/1.1\r\nhost: ${authority}\r\nuser-agent: sallyport-health\r\nconnection: close\r\n\r\n`;
    this.#connection.send({ head, framing: { kind: 'none' }, isHeadRequest: false, isUpgrade: false }, nowMs);
  }

  #end(isHealthy: boolean, why: string): void {
    this.#drop();
    this.#options.onResult(isHealthy, why);
  }

  #drop(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#opening?.cancel();
    this.#connection?.destroy();
    this.#opening = undefined;
    this.#connection = undefined;
  }
}
