import type { Clock, Counter, Gauge, UpstreamConfig } from '@sallyport/kernel';
import { type Candidates, leastConnections, Rendezvous, SmoothRoundRobin } from './balance.ts';
import { Breaker, type BreakerState } from './breaker.ts';
import { Call, type CallContext } from './call.ts';
import type { NameCache } from './dns.ts';
import type { UpstreamMetrics } from './metrics.ts';
import type { ResponseSink, Upstream, UpstreamCall, UpstreamRequest, UpstreamStatus } from './port.ts';
import { RetryBudget } from './retry-budget.ts';
import { Server } from './server.ts';

export type UpstreamChange = 'upstream-up' | 'upstream-down' | 'breaker-open' | 'breaker-closed';

export interface UpstreamOptions {
  readonly names: NameCache;
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
  readonly metrics: UpstreamMetrics;
  /** `detail`: which upstream and server, and why. */
  readonly onEvent: (what: UpstreamChange, detail: string) => void;
}

/** One upstream over HTTP/1.1: its servers, the choice among them, and its circuit breaker. */
export class HttpUpstream implements Upstream, CallContext {
  readonly name: string;
  readonly clock: Clock;
  readonly breaker: Breaker;
  readonly attemptsMax: number;
  readonly #config: UpstreamConfig;
  readonly #options: UpstreamOptions;
  readonly #servers: readonly [Server, ...Server[]];
  readonly #candidates: Candidates;
  readonly #roundRobin: SmoothRoundRobin;
  readonly #rendezvous: Rendezvous;
  readonly #budget: RetryBudget;
  readonly #retries: Counter;
  readonly #breakerGauge: Gauge;
  #isClosed = false;

  /** @throws RangeError when there is no server; Error when a certificate is not valid PEM: parsing should have refused. */
  constructor(config: UpstreamConfig, options: UpstreamOptions) {
    const [first, ...others] = config.servers.map(({ address }) => this.#serverAt(address, config, options));
    if (first === undefined) throw new RangeError(`upstream ${config.name} has no server`);
    this.name = config.name;
    this.clock = options.clock;
    this.attemptsMax = config.retries.attemptsMax;
    this.#config = config;
    this.#options = options;
    this.#servers = [first, ...others];
    this.#candidates = {
      weights: config.servers.map(({ weight }) => weight),
      eligible: new Uint8Array(config.servers.length),
    };
    this.#roundRobin = new SmoothRoundRobin(config.servers.length);
    this.#rendezvous = new Rendezvous(this.#servers.map(({ label }) => label));
    this.#budget = new RetryBudget(config.retries.budgetRatio);
    this.#retries = options.metrics.retries.with(config.name);
    this.#breakerGauge = options.metrics.breakerState.with(config.name);
    this.breaker = new Breaker(config.breaker, (kind) => this.#onBreaker(kind));
  }

  /** The breaker lets a request through and at least one server is not known to be down. */
  isAvailable(): boolean {
    return (
      !this.#isClosed &&
      this.breaker.wouldAdmit(this.clock.monotonicMs()) &&
      this.#servers.some((server) => server.isIn)
    );
  }

  status(): UpstreamStatus {
    return {
      serversUp: this.#servers.filter((server) => server.isIn).length,
      serversAll: this.#servers.length,
      isBreakerOpen: !this.breaker.wouldAdmit(this.clock.monotonicMs()),
    };
  }

  dispatch(request: UpstreamRequest, sink: ResponseSink): UpstreamCall {
    const nowMs = this.clock.monotonicMs();
    const admission = this.#isClosed ? 'refuse' : this.breaker.admit(nowMs);
    const call = new Call(this, admission, request, sink);
    if (admission === 'refuse') {
      if (this.#isClosed) call.refuse('internal', 'the upstream is closed');
      else call.refuse('upstream', 'the circuit breaker is open');
      return call;
    }
    this.#budget.onRequest(nowMs);
    call.start();
    return call;
  }

  /**
   * When every server is out, all are asked: they may be back already, and a wrong opinion about all of them would be
   * worse than a failed request. It is the breaker's business to stop asking.
   */
  pick(hashKey: string, tried: ReadonlySet<Server> | undefined): Server {
    const [first] = this.#servers;
    if (this.#servers.length === 1) return first;
    const index =
      this.#choose(hashKey, (server) => server.isIn && tried?.has(server) !== true) ??
      this.#choose(hashKey, (server) => tried?.has(server) !== true) ??
      this.#choose(hashKey, () => true);
    return this.#servers[index ?? 0] ?? first;
  }

  spendRetry(nowMs: number): boolean {
    if (!this.#budget.spend(nowMs)) return false;
    this.#retries.add();
    return true;
  }

  sweep(nowMs: number): void {
    for (const server of this.#servers) server.sweep(nowMs);
  }

  collect(): void {
    for (const server of this.#servers) server.collect();
  }

  /** The first health check of every server has ended. */
  get isChecked(): boolean {
    return this.#servers.every((server) => server.isChecked);
  }

  /** Nothing is open any more. */
  get isQuiet(): boolean {
    return this.#servers.every((server) => server.isQuiet);
  }

  close(): void {
    this.#isClosed = true;
    for (const server of this.#servers) server.close();
  }

  #choose(hashKey: string, isEligible: (server: Server) => boolean): number | undefined {
    this.#servers.forEach((server, index) => {
      this.#candidates.eligible[index] = isEligible(server) ? 1 : 0;
    });
    const index = this.#pickIndex(hashKey);
    return index === -1 ? undefined : index;
  }

  #pickIndex(hashKey: string): number {
    switch (this.#config.balance) {
      case 'round-robin':
        return this.#roundRobin.pick(this.#candidates);
      case 'least-connections': {
        const loads = this.#servers.map((server) => server.load);
        return leastConnections(this.#candidates, loads, Math.floor(this.#options.random() * loads.length));
      }
      case 'consistent-hash':
        return this.#rendezvous.pick(this.#candidates, hashKey);
    }
  }

  #onBreaker(kind: BreakerState['kind']): void {
    switch (kind) {
      case 'open':
        this.#breakerGauge.set(2);
        this.#options.onEvent('breaker-open', `${this.name}: too many requests failed`);
        return;
      case 'half-open':
        this.#breakerGauge.set(1);
        return;
      case 'closed':
        this.#breakerGauge.set(0);
        this.#options.onEvent('breaker-closed', `${this.name}: the probe was answered`);
        return;
    }
  }

  #serverAt(
    address: UpstreamConfig['servers'][number]['address'],
    config: UpstreamConfig,
    options: UpstreamOptions,
  ): Server {
    return new Server({
      ...options,
      config,
      address,
      onHealth: (server, isUp, why) =>
        options.onEvent(isUp ? 'upstream-up' : 'upstream-down', `${config.name} ${server.label}: ${why}`),
    });
  }
}
