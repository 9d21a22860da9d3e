import { strict as assert } from 'node:assert';
import type { Clock, MetricsRegistry, UpstreamConfig } from '@sallyport/kernel';
import { type LookUp, NameCache, systemLookUp } from './dns.ts';
import { SWEEP_MS } from './http-connection.ts';
import { type UpstreamMetrics, upstreamMetrics } from './metrics.ts';
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

/** The servers behind the gateway as one policy names them. */
export interface Upstreams {
  get(name: string): Upstream | undefined;
  /** Resolves when every server has been checked once, which ends with the checks' own timeouts. Never rejects. */
  ready(): Promise<void>;
  /**
   * Nothing more is sent by way of this policy. An upstream that no other policy names ends its idle connections and checks
   * at once; requests under way finish, and new ones fail with UPSTREAM_UNAVAILABLE. Safe to call twice.
   */
  close(): void;
  /**
   * Compares all deadlines with `nowMs` (monotonic). Called by a timer of its own every {@link SWEEP_MS}; tests call it
   * after they have moved their clock.
   */
  sweep(nowMs: number): void;
  /**
   * Those of the next policy, made one by one. What is configured as before goes on as it is: its connections stay open, its
   * servers stay healthy or not, its breaker stays as it is.
   */
  renewal(configs: readonly UpstreamConfig[]): Generator<undefined, Upstreams, undefined>;
}

/**
 * The servers behind the gateway. Names are unique.
 *
 * @throws Error when a configuration is not valid in a way that parsing should have refused (PEM, no server).
 */
export function createUpstreams(configs: readonly UpstreamConfig[], dependencies: UpstreamsDependencies): Upstreams {
  const pool = new SharedUpstreams(dependencies);
  const upstreams = new PolicyUpstreams(
    pool,
    configs.map((config) => pool.take(config)),
  );
  // The first health checks begin now, not a quarter of a second later.
  upstreams.sweep(dependencies.clock.monotonicMs());
  return upstreams;
}

class PolicyUpstreams implements Upstreams {
  readonly #pool: SharedUpstreams;
  readonly #held: readonly Held[];
  readonly #byName: ReadonlyMap<string, HttpUpstream>;
  #isClosed = false;

  constructor(pool: SharedUpstreams, held: readonly Held[]) {
    this.#pool = pool;
    this.#held = held;
    this.#byName = new Map(held.map(({ upstream }) => [upstream.name, upstream]));
  }

  get(name: string): Upstream | undefined {
    return this.#byName.get(name);
  }

  ready(): Promise<void> {
    return this.#pool.whenChecked([...this.#byName.values()]);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const held of this.#held) this.#pool.giveBack(held);
  }

  sweep(nowMs: number): void {
    this.#pool.sweep(nowMs);
  }

  *renewal(configs: readonly UpstreamConfig[]): Generator<undefined, Upstreams, undefined> {
    const held: Held[] = [];
    for (const config of configs) {
      held.push(this.#pool.take(config));
      yield;
    }
    return new PolicyUpstreams(this.#pool, held);
  }
}

/** An upstream, and how many policies name it. */
interface Held {
  readonly key: string;
  readonly upstream: HttpUpstream;
  holders: number;
}

/** All upstreams of one data plane, whichever policies name them. */
class SharedUpstreams {
  readonly #options: Omit<UpstreamsDependencies, 'metrics' | 'lookUp'>;
  readonly #metrics: UpstreamMetrics;
  readonly #names: NameCache;
  readonly #inUse = new Map<string, Held>();
  /** No policy names them any more, and requests are still under way. */
  readonly #leaving = new Set<HttpUpstream>();
  #timer: NodeJS.Timeout | undefined;
  #waiting: { readonly upstreams: readonly HttpUpstream[]; readonly resolve: () => void }[] = [];

  constructor({ metrics, lookUp = systemLookUp, ...options }: UpstreamsDependencies) {
    this.#options = options;
    this.#metrics = upstreamMetrics(metrics);
    this.#names = new NameCache(lookUp, options.clock);
    this.#metrics.collectors.add(this.#collect);
  }

  take(config: UpstreamConfig): Held {
    const key = JSON.stringify(config);
    const known = this.#inUse.get(key);
    if (known !== undefined) {
      known.holders += 1;
      return known;
    }
    const { clock, random, onEvent } = this.#options;
    const options = { names: this.#names, metrics: this.#metrics, clock, random, onEvent };
    const held = { key, upstream: new HttpUpstream(config, options), holders: 1 };
    this.#inUse.set(key, held);
    this.#timer ??= setInterval(() => this.sweep(clock.monotonicMs()), SWEEP_MS).unref();
    return held;
  }

  giveBack(held: Held): void {
    assert(held.holders > 0, 'an upstream was given back too often');
    held.holders -= 1;
    if (held.holders > 0) return;
    this.#inUse.delete(held.key);
    this.#leaving.add(held.upstream);
    held.upstream.close();
    this.#tellChecked();
    this.#stopWhenQuiet();
  }

  whenChecked(upstreams: readonly HttpUpstream[]): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ upstreams, resolve });
      this.#tellChecked();
    });
  }

  sweep(nowMs: number): void {
    for (const { upstream } of this.#inUse.values()) upstream.sweep(nowMs);
    for (const upstream of this.#leaving) upstream.sweep(nowMs);
    this.#tellChecked();
    this.#stopWhenQuiet();
  }

  #tellChecked(): void {
    if (this.#waiting.length === 0) return;
    const isSettled = (upstream: HttpUpstream): boolean => upstream.isChecked || this.#leaving.has(upstream);
    const done = this.#waiting.filter(({ upstreams }) => upstreams.every(isSettled));
    this.#waiting = this.#waiting.filter((waiter) => !done.includes(waiter));
    for (const { resolve } of done) resolve();
  }

  #stopWhenQuiet(): void {
    for (const upstream of this.#leaving) if (upstream.isQuiet) this.#leaving.delete(upstream);
    if (this.#inUse.size > 0 || this.#leaving.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#metrics.collectors.delete(this.#collect);
  }

  readonly #collect = (): void => {
    for (const { upstream } of this.#inUse.values()) upstream.collect();
    for (const upstream of this.#leaving) upstream.collect();
  };
}
