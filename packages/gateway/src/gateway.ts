import type { JwksFetch } from '@sallyport/identity';
import type { Clock, EventSink, ListenAddress, Log, MetricsRegistry } from '@sallyport/kernel';
import { compileClientPolicy } from './client/resolve.ts';
import { Emitter } from './emit/emitter.ts';
import { GatewayMetrics } from './emit/gateway-metrics.ts';
import { Identifiers } from './emit/identifiers.ts';
import type { GatewayContext } from './exchange/context.ts';
import { type Connection, ConnectionTable } from './listener/connection-table.ts';
import { Listener } from './listener/listener.ts';
import { instantiatePolicy, type PolicyImage } from './pipeline/policy.ts';
import { createUpstreams, type Upstreams } from './upstream/upstreams.ts';
import { RelayRegistry } from './websocket/registry.ts';

export interface GatewayDeps {
  /** Name of this node in events. */
  readonly node: string;
  readonly sink: EventSink;
  readonly metrics: MetricsRegistry;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 up to, not including, 1. Default: `Math.random`; nothing secret depends on it. */
  readonly random?: () => number;
  /** How keys of Cloudflare Access are fetched. Default: the platform's `fetch`. */
  readonly fetchKeys?: JwksFetch;
}

/** Whether the gateway should be sent traffic, and why not. */
export interface Readiness {
  readonly ready: boolean;
  readonly reasons: readonly string[];
}

/** How often deadlines are judged. */
const SWEEP_MS = 1_000;
/** How often a drain looks for connections that are idle, WebSockets that are due, and its own end. */
const DRAIN_SWEEP_MS = 100;
/** Turns of the event loop that destroyed sockets get to say so. They need two. */
const CLOSE_TURNS_MAX = 100;

/**
 * The data plane: listeners, decisions, upstreams, events. It knows no configuration file, no console and no clock but the
 * one it is given.
 */
export class Gateway {
  readonly #image: PolicyImage;
  readonly #context: GatewayContext;
  readonly #upstreams: Upstreams;
  readonly #listeners: readonly Listener[];
  #timer: NodeJS.Timeout | undefined;
  #isListening = false;
  #isDraining = false;

  /** @throws RangeError or Error for an image that parsing should have refused. */
  constructor(image: PolicyImage, deps: GatewayDeps) {
    this.#image = image;
    const { clock, log, sink, node } = deps;
    const random = deps.random ?? Math.random;
    const metrics = new GatewayMetrics(deps.metrics);
    const ids = new Identifiers();
    const emitter = new Emitter({ node, boot: ids.boot, sink, metrics, clock });
    const policy = instantiatePolicy(image);
    const onEvent = (what: 'upstream-up' | 'upstream-down' | 'breaker-open' | 'breaker-closed', detail: string): void =>
      emitter.system(what, detail);
    this.#upstreams = createUpstreams(image.config.upstreams, { clock, random, onEvent, metrics: deps.metrics });
    this.#context = {
      clock,
      log,
      emitter,
      metrics,
      ids,
      connections: new ConnectionTable({
        limits: image.config.connections,
        clock,
        onExpire: (connection, why) => this.#listenerOf(connection)?.expire(connection, why),
      }),
      relays: new RelayRegistry({ clock, random }),
      policy: () => policy,
      upstream: (name) => this.#upstreams.get(name),
      isDraining: () => this.#isDraining,
    };
    const resolverDeps = deps.fetchKeys === undefined ? { clock, log } : { clock, log, fetchKeys: deps.fetchKeys };
    const { headerBytesMax } = image.config.connections;
    this.#listeners = image.config.listeners.map(
      (listener) =>
        new Listener(this.#context, listener, {
          resolver: compileClientPolicy(listener, resolverDeps),
          headerBytesMax,
        }),
    );
  }

  /** Opens every listener, or none. @throws Error when an address cannot be had. */
  async listen(): Promise<void> {
    await this.#upstreams.ready();
    try {
      for (const listener of this.#listeners) await listener.listen();
    } catch (cause) {
      this.close();
      throw cause;
    }
    this.#isListening = true;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#context.emitter.system('started', `policy ${this.#image.version}`);
  }

  /** Where the listeners really are, by name. */
  addresses(): ReadonlyMap<string, ListenAddress> {
    return new Map(this.#listeners.map((listener) => [listener.name, listener.address]));
  }

  readiness(): Readiness {
    if (!this.#isListening) return { ready: false, reasons: ['not listening yet'] };
    if (this.#isDraining) return { ready: false, reasons: ['draining'] };
    const down = this.#image.config.upstreams.filter(({ name }) => !this.#upstreams.get(name)?.isAvailable());
    return {
      ready: down.length < this.#image.config.upstreams.length || down.length === 0,
      reasons: down.map(({ name }) => `upstream ${name} is down`),
    };
  }

  /**
   * Ends service without losing what is in progress: no new connections, idle ones closed, exchanges finished, WebSockets
   * closed in slices with a close frame; at the deadline what is left is cut. Resolves when nothing is left.
   */
  async drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const { connections, relays, emitter, clock } = this.#context;
    const { deadlineMs, webSocketSpreadMs } = this.#image.config.drain;
    emitter.system('draining', `${connections.size} connections`);
    for (const listener of this.#listeners) listener.stopAccepting();
    relays.drain(Math.min(webSocketSpreadMs, deadlineMs));
    const endMs = clock.monotonicMs() + deadlineMs;
    while (connections.size > 0 && clock.monotonicMs() < endMs) {
      connections.closeIdle();
      relays.sweep();
      await new Promise((resolve) => setTimeout(resolve, DRAIN_SWEEP_MS));
    }
    const cut = connections.size;
    this.close();
    // Sockets say that they are gone in later turns of the event loop, and each end belongs into the log before ours.
    for (let turn = 0; turn < CLOSE_TURNS_MAX && connections.size > 0; turn += 1)
      await new Promise((resolve) => setImmediate(resolve));
    emitter.system('stopped', `${cut} connections cut`);
  }

  /** Ends everything at once. */
  close(): void {
    this.#isDraining = true;
    clearInterval(this.#timer);
    for (const listener of this.#listeners) listener.stopAccepting();
    this.#context.relays.destroyAll();
    for (const connection of this.#context.connections.entries()) {
      connection.exchange?.onShutdown();
      connection.socket.destroy();
    }
    this.#upstreams.close();
  }

  #sweep(): void {
    const { connections, relays, clock, metrics } = this.#context;
    connections.sweep(clock.monotonicMs());
    relays.sweep();
    let bufferedBytes = 0;
    for (const { phase, stream } of connections.entries())
      if (phase === 'websocket') bufferedBytes += stream.writableLength;
    metrics.webSocketBuffered.set(bufferedBytes);
  }

  #listenerOf(connection: Connection): Listener | undefined {
    return this.#listeners.find((listener) => listener.name === connection.listener);
  }
}
