import type { Socket } from 'node:net';
import { type Clock, GatewayError } from '@sallyport/kernel';
import type { Connector, Opening } from './connector.ts';
import { type ConnectionOwner, type ConnectionTimeouts, HttpConnection } from './http-connection.ts';

/** Somebody who wants a connection. Exactly one of the two is called, unless `leave` was. */
export interface Waiter {
  onConnection(connection: HttpConnection): void;
  /** Nothing was written. */
  onNoConnection(error: GatewayError): void;
}

export interface PoolOptions {
  readonly connector: Connector;
  readonly timeouts: ConnectionTimeouts;
  /** Connections at the same time, without those that were upgraded: they belong to their sessions. */
  readonly connectionsMax: number;
  /** Connections kept open without a request. */
  readonly idleMax: number;
  /** Longest time without a request, milliseconds. The server's `Keep-Alive: timeout` shortens it. */
  readonly idleMs: number;
  /**
   * Requests that may wait for a connection while no more may be opened. A server that hangs must not collect the
   * requests of everybody.
   */
  readonly pendingMax: number;
  /** Longest wait for a connection while all are taken, milliseconds. */
  readonly waitMs: number;
  readonly clock: Clock;
}

/** The connections to one server. The last one used is used first, so that the others can grow old and be closed. */
export class Pool implements ConnectionOwner {
  readonly #options: PoolOptions;
  /** Last used at the end. */
  readonly #idle: HttpConnection[] = [];
  readonly #connections = new Set<HttpConnection>();
  readonly #openings = new Set<Opening>();
  /** In the order they came, with the time at which they have waited long enough. */
  readonly #waiting = new Map<Waiter, number>();
  #isClosed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  get activeCount(): number {
    return this.#connections.size - this.#idle.length;
  }

  get openingCount(): number {
    return this.#openings.size;
  }

  /** Nothing is open and nobody waits. */
  get isEmpty(): boolean {
    return this.#connections.size === 0 && this.#openings.size === 0 && this.#waiting.size === 0;
  }

  /** An idle connection for immediate use, if there is one. */
  take(): HttpConnection | undefined {
    for (let connection = this.#idle.pop(); connection !== undefined; connection = this.#idle.pop()) {
      if (connection.isUsable) return connection;
      connection.destroy();
    }
    return undefined;
  }

  /** Waits for a connection, opening one where that is allowed. The waiter is never called before this has returned. */
  wait(waiter: Waiter, nowMs: number): void {
    // Who has a connection on its way does not count: a gateway that has just started opens all it may at once.
    const { pendingMax } = this.#options;
    if (!this.#mayOpen() && this.#waiting.size - this.#openings.size >= pendingMax) {
      const error = unavailable(`${pendingMax} requests are waiting for a connection already`);
      process.nextTick(() => waiter.onNoConnection(error));
      return;
    }
    this.#waiting.set(waiter, nowMs + this.#options.waitMs);
    this.#openWhereWanted();
  }

  /** Stops waiting; safe for who does not wait. A connection being opened for it goes to the next one or becomes idle. */
  leave(waiter: Waiter): void {
    this.#waiting.delete(waiter);
  }

  /** Closes idle connections and opens no more than those who wait already need. What is active ends by itself. */
  close(): void {
    this.#isClosed = true;
    while (this.#idle.length > 0) this.#idle.pop()?.destroy();
    if (this.#waiting.size === 0) this.#cancelOpenings();
  }

  sweep(nowMs: number): void {
    for (const opening of this.#openings) opening.sweep(nowMs);
    for (const connection of this.#connections) connection.sweep(nowMs);
    this.#closeIdle(nowMs);
    // Who has a connection on its way hears from that one: a server that does not answer is not one that is busy.
    let served = this.#openings.size;
    for (const [waiter, untilMs] of this.#waiting) {
      served -= 1;
      if (served >= 0) continue;
      if (nowMs < untilMs) break;
      this.#waiting.delete(waiter);
      waiter.onNoConnection(unavailable(`no connection became free within ${this.#options.waitMs} ms`));
    }
  }

  onFree(connection: HttpConnection): void {
    const waiter = this.#nextWaiter();
    if (waiter !== undefined) {
      waiter.onConnection(connection);
    } else if (this.#isClosed || this.#idle.length >= this.#options.idleMax || this.#options.idleMs === 0) {
      connection.destroy();
    } else {
      connection.idleSinceMs = this.#options.clock.monotonicMs();
      this.#idle.push(connection);
    }
  }

  onGone(connection: HttpConnection): void {
    this.#connections.delete(connection);
    const index = this.#idle.lastIndexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
    this.#openWhereWanted();
  }

  /** One opening for each who waits, within the limit. */
  #openWhereWanted(): void {
    while (this.#openings.size < this.#waiting.size && this.#mayOpen()) {
      const opening: Opening = this.#options.connector.open((result) => this.#onOpened(opening, result));
      this.#openings.add(opening);
    }
  }

  #mayOpen(): boolean {
    return this.#connections.size + this.#openings.size < this.#options.connectionsMax;
  }

  #onOpened(opening: Opening, result: Socket | GatewayError): void {
    this.#openings.delete(opening);
    if (result instanceof GatewayError) {
      this.#nextWaiter()?.onNoConnection(result);
      this.#openWhereWanted();
      return;
    }
    const connection = new HttpConnection(result, this, this.#options.timeouts);
    this.#connections.add(connection);
    this.onFree(connection);
  }

  #nextWaiter(): Waiter | undefined {
    const first = this.#waiting.keys().next();
    if (first.done) return undefined;
    this.#waiting.delete(first.value);
    return first.value;
  }

  #closeIdle(nowMs: number): void {
    const { idleMs } = this.#options;
    for (const connection of this.#idle.slice()) {
      if (nowMs - connection.idleSinceMs >= Math.min(idleMs, connection.keepAliveMs)) connection.destroy();
    }
  }

  #cancelOpenings(): void {
    for (const opening of this.#openings) opening.cancel();
    this.#openings.clear();
  }
}

function unavailable(message: string): GatewayError {
  return new GatewayError('UPSTREAM_UNAVAILABLE', { source: 'upstream', retry: true, message });
}
