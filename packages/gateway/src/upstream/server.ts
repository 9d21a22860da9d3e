import type { Duplex } from 'node:stream';
import type { Clock, Counter, Gauge, HealthCheck, ServerAddress, UpstreamConfig } from '@sallyport/kernel';
import { Connector } from './connector.ts';
import type { NameCache } from './dns.ts';
import { afterCheck, afterFailure, afterSuccess, type Health, isIn, UNKNOWN_HEALTH } from './health.ts';
import { HealthChecker } from './health-checker.ts';
import { ATTEMPT_RESULTS, type AttemptResult, CONNECTION_STATES, type UpstreamMetrics } from './metrics.ts';
import { Pool } from './pool.ts';
import { ServerTls } from './tls.ts';

export interface ServerOptions {
  readonly config: UpstreamConfig;
  readonly address: ServerAddress;
  readonly names: NameCache;
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
  readonly metrics: UpstreamMetrics;
  /** The server may be asked again, or not any more. */
  readonly onHealth: (server: Server, isUp: boolean, why: string) => void;
}

/** One server of an upstream: its connections, its health, its counts. */
export class Server {
  /** `host:port` or `unix:path`. */
  readonly label: string;
  /** Host header for requests that do not bring one. */
  readonly authority: string;
  readonly pool: Pool;
  readonly #options: ServerOptions;
  readonly #checker: HealthChecker | undefined;
  readonly #results: ReadonlyMap<AttemptResult, Counter>;
  readonly #okResult: Counter;
  readonly #healthy: Gauge;
  readonly #connectionGauges: readonly Gauge[];
  #health: Health = UNKNOWN_HEALTH;
  #isIn = true;
  #activeCount = 0;
  #upgradedCount = 0;

  constructor(options: ServerOptions) {
    const { config, address, names, clock, metrics } = options;
    this.#options = options;
    this.label = labelOf(address);
    this.authority = authorityOf(address, config.tls !== undefined);
    const tls = config.tls === undefined ? undefined : new ServerTls(config.tls, address);
    const { connectMs, headMs, idleMs } = config.timeouts;
    const { bytes } = metrics;
    const connector = new Connector({ address, tls, connectMs, names, bytes, clock });
    const timeouts = { headMs, idleMs };
    this.pool = new Pool({ ...config.pool, connector, timeouts, waitMs: connectMs, clock });
    if (config.healthCheck !== undefined) {
      const check = config.healthCheck;
      this.#checker = new HealthChecker({
        check,
        // Not the pool's: a check must end in its own time.
        connector: new Connector({ address, tls, connectMs: check.timeoutMs, names, bytes, clock }),
        authority: this.authority,
        random: options.random,
        onResult: (isHealthy, why) => this.#onCheck(isHealthy, why, check),
      });
    }
    const { name } = config;
    this.#okResult = metrics.requests.with(name, this.label, 'ok');
    this.#results = new Map(ATTEMPT_RESULTS.map((result) => [result, metrics.requests.with(name, this.label, result)]));
    this.#connectionGauges = CONNECTION_STATES.map((state) => metrics.connections.with(name, this.label, state));
    this.#healthy = metrics.healthy.with(name, this.label);
    this.#healthy.set(1);
  }

  /** May be asked, as far as is known. */
  get isIn(): boolean {
    return this.#isIn;
  }

  /** Requests that wait for it or are under way, and open WebSockets. */
  get load(): number {
    return this.#activeCount + this.#upgradedCount;
  }

  /** Nothing is open any more and no check is under way. */
  get isQuiet(): boolean {
    return this.pool.isEmpty && (this.#checker === undefined || this.#checker.isQuiet);
  }

  /** The first check has ended, or there are none. */
  get isChecked(): boolean {
    return this.#checker === undefined || this.#health.checked !== 'unknown';
  }

  /** A try begins. Each one ends in exactly one of `succeed`, `fail` and `forget`. */
  begin(): void {
    this.#activeCount += 1;
  }

  /** The whole response came. */
  succeed(): void {
    this.#activeCount -= 1;
    this.#okResult.add();
    this.#health = afterSuccess(this.#health);
  }

  /** The server is to blame. */
  fail(result: AttemptResult, why: string): void {
    this.#activeCount -= 1;
    this.#count(result);
    const nowMs = this.#options.clock.monotonicMs();
    this.#health = afterFailure(this.#health, this.#options.config.ejection, nowMs);
    this.#observeHealth(nowMs, `${this.#health.failures} failures in a row, the last: ${why}`);
  }

  /** The server is not to blame: the client left, our own limits were reached, an idle connection was just closing. */
  forget(result: AttemptResult): void {
    this.#activeCount -= 1;
    this.#count(result);
  }

  /** `socket` carries a WebSocket now and belongs to whoever got it; it is load until it closes. */
  upgraded(socket: Duplex): void {
    this.#upgradedCount += 1;
    socket.once('close', () => {
      this.#upgradedCount -= 1;
    });
  }

  sweep(nowMs: number): void {
    this.pool.sweep(nowMs);
    this.#checker?.sweep(nowMs);
    this.#observeHealth(nowMs, 'the time of its ejection is over');
  }

  close(): void {
    this.#checker?.close();
    this.pool.close();
  }

  /** Writes the connection gauges. */
  collect(): void {
    const counts = [this.pool.openingCount, this.pool.activeCount, this.pool.idleCount, this.#upgradedCount];
    this.#connectionGauges.forEach((gauge, index) => {
      gauge.set(counts[index] ?? 0);
    });
  }

  #count(result: AttemptResult): void {
    this.#results.get(result)?.add();
  }

  #onCheck(isHealthy: boolean, why: string, check: HealthCheck): void {
    this.#health = afterCheck(this.#health, isHealthy, check);
    this.#observeHealth(this.#options.clock.monotonicMs(), why);
  }

  #observeHealth(nowMs: number, why: string): void {
    const isUp = isIn(this.#health, nowMs);
    if (isUp === this.#isIn) return;
    this.#isIn = isUp;
    this.#healthy.set(isUp ? 1 : 0);
    this.#options.onHealth(this, isUp, why);
  }
}

function labelOf(address: ServerAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : `${bracketed(address.host)}:${address.port}`;
}

function authorityOf(address: ServerAddress, isTls: boolean): string {
  if (address.kind === 'unix') return 'localhost';
  const host = bracketed(address.host);
  return address.port === (isTls ? 443 : 80) ? host : `${host}:${address.port}`;
}

function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
