import type { Clock, MetricsRegistry, UpstreamConfig } from '@sallyport/kernel';
import { type LookUp, NameCache, systemLookUp } from './dns.ts';
import { SWEEP_MS } from './http-connection.ts';
import { upstreamMetrics } from './metrics.ts';
import type { Upstream } from './port.ts';
import { HttpUpstream, type UpstreamChange } from './upstream.ts';

export interface UpstreamsDependencies {
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
  /** A server or a breaker has changed. `detail`: which one and why, for operators. */
  readonly onEvent: (what: UpstreamChange, detail: string) => void;
  /** Several `Upstreams` may share one registry, at the same time and one after the other. */
  readonly metrics: MetricsRegistry;
  /** Default: the system's resolver. */
  readonly lookUp?: LookUp;
}

export interface Upstreams {
  get(name: string): Upstream | undefined;
  /** Resolves when every server has been checked once, which ends with the checks' own timeouts. Never rejects. */
  ready(): Promise<void>;
  /** Idle connections and checks end at once; requests under way finish. New ones fail with UPSTREAM_UNAVAILABLE. */
  close(): void;
  /**
   * Compares all deadlines with `nowMs` (monotonic). Called by a timer of its own every {@link SWEEP_MS}; tests call it
   * after they have moved their clock.
   */
  sweep(nowMs: number): void;
}

/**
 * The servers behind the gateway. Names are unique.
 *
 * @throws Error when a configuration is not valid in a way that parsing should have refused (PEM, no server).
 */
export function createUpstreams(configs: readonly UpstreamConfig[], dependencies: UpstreamsDependencies): Upstreams {
  return new HttpUpstreams(configs, dependencies);
}

class HttpUpstreams implements Upstreams {
  readonly #upstreams: ReadonlyMap<string, HttpUpstream>;
  readonly #timer: NodeJS.Timeout;
  readonly #collectors: Set<() => void>;
  #isClosed = false;
  #readyWaiters: (() => void)[] = [];

  constructor(configs: readonly UpstreamConfig[], dependencies: UpstreamsDependencies) {
    const { clock, random, onEvent } = dependencies;
    const metrics = upstreamMetrics(dependencies.metrics);
    const names = new NameCache(dependencies.lookUp ?? systemLookUp, clock);
    this.#upstreams = new Map(
      configs.map((config) => [config.name, new HttpUpstream(config, { names, clock, random, metrics, onEvent })]),
    );
    this.#collectors = metrics.collectors;
    this.#collectors.add(this.#collect);
    this.#timer = setInterval(() => this.sweep(clock.monotonicMs()), SWEEP_MS).unref();
    // The first health checks begin now, not a quarter of a second later.
    this.sweep(clock.monotonicMs());
  }

  get(name: string): Upstream | undefined {
    return this.#upstreams.get(name);
  }

  ready(): Promise<void> {
    return new Promise((resolve) => {
      this.#readyWaiters.push(resolve);
      this.#tellReady();
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const upstream of this.#upstreams.values()) upstream.close();
    this.#tellReady();
    this.#stopWhenQuiet();
  }

  sweep(nowMs: number): void {
    for (const upstream of this.#upstreams.values()) upstream.sweep(nowMs);
    this.#tellReady();
    if (this.#isClosed) this.#stopWhenQuiet();
  }

  #tellReady(): void {
    if (this.#readyWaiters.length === 0) return;
    if (!this.#isClosed && ![...this.#upstreams.values()].every((upstream) => upstream.isChecked)) return;
    const waiters = this.#readyWaiters;
    this.#readyWaiters = [];
    for (const resolve of waiters) resolve();
  }

  #stopWhenQuiet(): void {
    if (![...this.#upstreams.values()].every((upstream) => upstream.isQuiet)) return;
    clearInterval(this.#timer);
    this.#collectors.delete(this.#collect);
  }

  readonly #collect = (): void => {
    for (const upstream of this.#upstreams.values()) upstream.collect();
  };
}
