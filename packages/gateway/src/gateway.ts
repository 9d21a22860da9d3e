import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { DecisionTable } from '@sallyport/guards';
import type { Command, CommandAck, DecisionChange, DecisionSnapshot, ListenAddress } from '@sallyport/kernel';
import { MemoryCollections } from '@sallyport/waf';
import { compileClientPolicy } from './client/resolve.ts';
import { CommandDesk, type OpenConnectionQuery, type OpenConnections } from './command-desk.ts';
import { Emitter } from './emit/emitter.ts';
import { GatewayMetrics } from './emit/gateway-metrics.ts';
import { Identifiers } from './emit/identifiers.ts';
import { Batch } from './exchange/batch.ts';
import type { GatewayContext } from './exchange/context.ts';
import { WebSocketSession } from './exchange/websocket-session.ts';
import type { GatewayDeps } from './gateway-deps.ts';
import { HeldBytes } from './inspection/held-bytes.ts';
import { Turns } from './inspection/turns.ts';
import type { ListenOptions } from './listener/bind.ts';
import { type Connection, ConnectionTable } from './listener/connection-table.ts';
import { Listener } from './listener/listener.ts';
import { LivePolicies } from './pipeline/live-policies.ts';
import type { StageTools } from './pipeline/order.ts';
import { instantiatePolicy, type Policy, type PolicyConfig, type PolicyImage } from './pipeline/policy.ts';
import { LocalCounts } from './shared-counts.ts';
import { atOnce, inSlices } from './slices.ts';
import type { UpstreamStatus } from './upstream/port.ts';
import { createUpstreams, type Upstreams } from './upstream/upstreams.ts';
import { RelayRegistry } from './websocket/registry.ts';

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

interface Prepared {
  readonly policy: Policy;
  readonly listeners: ReadonlyMap<string, Listener>;
}

/**
 * One data plane: listeners, decisions, upstreams, events, on one thread. It knows no configuration file, no console and no
 * clock but the one it is given. It may listen itself, or be handed sockets by an acceptor.
 */
export class Gateway {
  readonly #deps: GatewayDeps;
  readonly #context: GatewayContext;
  readonly #tools: StageTools;
  readonly #policies: LivePolicies;
  readonly #owners = new WeakMap<Connection, Listener>();
  readonly #desk: CommandDesk;
  #listeners: ReadonlyMap<string, Listener>;
  #prepared: Prepared | undefined;
  /** How often something was prepared or let go of: whether what is being prepared is still wanted. */
  #preparations = 0;
  #ticketKeys: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isServing = false;
  #isDraining = false;
  #drained: Promise<void> | undefined;

  /** @throws RangeError or Error for an image that parsing should have refused. */
  constructor(image: PolicyImage, deps: GatewayDeps) {
    this.#deps = deps;
    const { clock, log, sink, node, counts = new LocalCounts(), planes = 1 } = deps;
    const random = deps.random ?? Math.random;
    const metrics = new GatewayMetrics(deps.metrics);
    const ids = new Identifiers();
    const emitter = new Emitter({
      node,
      boot: ids.boot,
      sink,
      metrics,
      clock,
      onExchangeEnd: (record) => this.#policies.unpin(record),
    });
    this.#ticketKeys = deps.ticketKeys;
    this.#tools = { decisions: new DecisionTable(clock), clock, collections: new MemoryCollections() };
    const upstreams = createUpstreams(image.config.upstreams, {
      clock,
      random,
      onEvent: (what, detail) => emitter.system(what, detail),
      metrics: deps.metrics,
    });
    this.#policies = new LivePolicies(atOnce(instantiatePolicy(image, upstreams, this.#tools)));
    this.#context = {
      clock,
      log,
      emitter,
      metrics,
      ids,
      connections: new ConnectionTable({
        limits: image.config.connections,
        planes,
        clock,
        counts,
        onLoad: deps.onLoad,
        onExpire: (connection, why) => this.#owners.get(connection)?.expire(connection, why),
      }),
      relays: new RelayRegistry({ clock, random, counts }),
      held: new HeldBytes(image.config.waf, planes),
      batch: new Batch(clock),
      turns: new Turns(),
      pinPolicy: (record) => this.#policies.pin(record),
      isDraining: () => this.#isDraining,
      recorder: deps.recorder,
      onTurnedAway: deps.onTurnedAway ?? (() => undefined),
      onStageFailure: deps.onStageFailure ?? (() => undefined),
    };
    this.#desk = new CommandDesk(this.#context, { plane: deps.plane ?? 0, drain: () => void this.drain() });
    this.#listeners = atOnce(this.#listenersFor(image.config, new Map()));
  }

  /** Opens every listener, or none, and serves. For a gateway that is not handed its sockets. @throws Error when an address cannot be had. */
  async listen(): Promise<void> {
    await this.ready();
    try {
      for (const listener of this.#listeners.values()) await listener.listen();
    } catch (cause) {
      this.close();
      throw cause;
    }
    this.serve();
  }

  /** Resolves when every upstream has been checked once. */
  ready(): Promise<void> {
    return this.#policies.current.upstreams.ready();
  }

  /** Opens one of the policy's listeners. @throws Error when its address cannot be had. */
  async open(name: string, options: ListenOptions = {}): Promise<ListenAddress> {
    const listener = this.#listeners.get(name);
    if (listener === undefined) throw new Error(`there is no listener ${name}`);
    await listener.listen(options);
    return listener.address;
  }

  /** True when this data plane listens itself on that listener. */
  isOpen(name: string): boolean {
    return this.#listeners.get(name)?.isListening ?? false;
  }

  /** From now on deadlines are judged, and sockets may be handed over. */
  serve(): void {
    this.#isServing = true;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS);
    this.#context.emitter.system('started', `policy ${this.#policies.current.version}`);
  }

  /** Takes a socket that an acceptor has accepted for a listener, and of which nothing has been read. */
  adopt(name: string, socket: Socket): void {
    const listener = this.#listeners.get(name);
    if (listener === undefined || this.#isDraining) return void socket.destroy();
    listener.accept(socket);
  }

  /** Where the listeners really are, by name. */
  addresses(): ReadonlyMap<string, ListenAddress> {
    return new Map([...this.#listeners].map(([name, listener]) => [name, listener.address]));
  }

  /** The versions of policies that are held, the oldest first, the one in force last. */
  policyVersions(): readonly number[] {
    return this.#policies.versions;
  }

  /**
   * Makes a policy usable beside the one in force, in slices that leave the event loop to others. What was prepared before and
   * not put in force is let go.
   *
   * @throws Error for an image that cannot be used, or that was given up meanwhile; everything then stays as it is.
   */
  async prepare(image: PolicyImage): Promise<void> {
    this.discard();
    const turn = this.#preparations;
    const prepared = await inSlices(this.#preparation(image), this.#deps.clock);
    if (turn === this.#preparations) {
      this.#prepared = prepared;
      return;
    }
    // Whoever gave this one up, by asking for another or for none, will never let go of it.
    prepared.policy.upstreams.close();
    throw new Error(`policy ${image.version} was given up while it was prepared`);
  }

  /** Lets go of what was prepared, and of what is being prepared. */
  discard(): void {
    this.#preparations += 1;
    const prepared = this.#prepared;
    this.#prepared = undefined;
    prepared?.policy.upstreams.close();
  }

  /**
   * Puts the prepared policy in force, in one step: what begins from now on is judged by it. Answers how long that step took, in
   * milliseconds. @throws Error when that policy was not prepared.
   */
  activate(version: number): number {
    const prepared = this.#prepared;
    if (prepared?.policy.version !== version) throw new Error(`policy ${version} was not prepared`);
    const { clock, emitter } = this.#context;
    const [policyBefore, before] = [this.#policies.current, this.#listeners];
    const sinceMs = clock.monotonicMs();
    this.#policies.current = prepared.policy;
    this.#listeners = prepared.listeners;
    const swapMs = clock.monotonicMs() - sinceMs;
    this.#policies.retire(policyBefore);
    this.#prepared = undefined;
    this.#context.connections.setLimits(prepared.policy.config.connections);
    this.#context.held.setLimits(prepared.policy.config.waf);
    this.#retire(before);
    void this.#rejudge();
    emitter.system('policy-activated', `policy ${version}`);
    return swapMs;
  }

  /** All decisions in force: for a data plane that begins, or has missed a change. */
  replaceDecisions(snapshot: DecisionSnapshot): void {
    this.#tools.decisions.replace(snapshot);
    this.#desk.dismissBanned(this.#tools.decisions);
  }

  /** One change, which holds at once: who is banned by it is cut off. False: changes before it are missing. */
  applyDecision(change: DecisionChange): boolean {
    const isApplied = this.#tools.decisions.apply(change);
    if (change.kind === 'take' && change.decision.kind === 'ban') this.#desk.dismissBanned(this.#tools.decisions);
    return isApplied;
  }

  command(command: Command): Omit<CommandAck, 'worker'> {
    return this.#desk.carryOut(command);
  }

  connections(query: OpenConnectionQuery): OpenConnections {
    return this.#desk.connections(query);
  }

  /** New session tickets are encrypted with these 48 bytes, and older ones are no longer understood. */
  setTicketKeys(keys: Buffer): void {
    this.#ticketKeys = keys;
    for (const listener of this.#listeners.values()) listener.setTicketKeys(keys);
  }

  /** The upstreams of the policy in force, by name. */
  upstreamStatus(): readonly (UpstreamStatus & { readonly name: string })[] {
    const { config, upstreams } = this.#policies.current;
    return config.upstreams.flatMap(({ name }) => {
      const status = upstreams.get(name)?.status();
      return status === undefined ? [] : [{ name, ...status }];
    });
  }

  readiness(): Readiness {
    if (!this.#isServing) return { ready: false, reasons: ['not listening yet'] };
    if (this.#isDraining) return { ready: false, reasons: ['draining'] };
    const { config, upstreams } = this.#policies.current;
    const down = config.upstreams.filter(({ name }) => !upstreams.get(name)?.isAvailable());
    return {
      ready: down.length < config.upstreams.length || down.length === 0,
      reasons: down.map(({ name }) => `upstream ${name} is down`),
    };
  }

  /**
   * Ends service without losing what is in progress: no new connections, idle ones closed, exchanges finished, WebSockets
   * closed in slices with a close frame; at the deadline what is left is cut. Resolves when nothing is left, for whoever asks.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  async #drain(): Promise<void> {
    if (this.#isDraining) return;
    this.#isDraining = true;
    const { connections, relays, emitter, clock } = this.#context;
    const { deadlineMs, webSocketSpreadMs } = this.#policies.current.config.drain;
    emitter.system('draining', `${connections.size} connections`);
    for (const listener of this.#listeners.values()) listener.stopAccepting();
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
    for (const listener of this.#listeners.values()) listener.stopAccepting();
    this.#context.relays.destroyAll();
    for (const connection of this.#context.connections.entries()) {
      connection.exchange?.onShutdown();
      connection.socket.destroy();
    }
    this.discard();
    this.#policies.close();
  }

  *#preparation(image: PolicyImage): Generator<undefined, Prepared, undefined> {
    const before = this.#policies.current.upstreams;
    let upstreams: Upstreams | undefined;
    try {
      upstreams = yield* before.renewal(image.config.upstreams);
      const policy = yield* instantiatePolicy(image, upstreams, this.#tools);
      return { policy, listeners: yield* this.#listenersFor(image.config, this.#listeners) };
    } catch (cause) {
      upstreams?.close();
      throw cause;
    }
  }

  /** The listeners of a policy. Those that are configured as before stay the ones they are, with their connections. */
  *#listenersFor(
    config: PolicyConfig,
    before: ReadonlyMap<string, Listener>,
  ): Generator<undefined, ReadonlyMap<string, Listener>, undefined> {
    const { clock, log, fetchKeys } = this.#deps;
    const resolverDeps = fetchKeys === undefined ? { clock, log } : { clock, log, fetchKeys };
    const { headerBytesMax } = config.connections;
    const listeners = new Map<string, Listener>();
    for (const item of config.listeners) {
      const known = before.get(item.name);
      if (known !== undefined && known.headerBytesMax === headerBytesMax && isDeepStrictEqual(known.config, item)) {
        listeners.set(item.name, known);
        continue;
      }
      const listener = new Listener(this.#context, item, {
        resolver: compileClientPolicy(item, resolverDeps),
        headerBytesMax,
        ticketKeys: this.#ticketKeys,
        onOwn: (connection) => this.#owners.set(connection, listener),
      });
      listeners.set(item.name, listener);
      yield;
    }
    return listeners;
  }

  /** Ends what came by a listener that the policy in force does not have any more. */
  #retire(before: ReadonlyMap<string, Listener>): void {
    for (const [name, listener] of before) {
      const now = this.#listeners.get(name);
      if (now === listener) continue;
      // One that only reads other certificates or larger headers knows clients as before: what is open may stay.
      const isClientKnown = now !== undefined && isDeepStrictEqual(now.config.client, listener.config.client);
      if (isClientKnown) now.replace(listener);
      else listener.retire();
    }
  }

  /** Judges open WebSockets by the policy in force, some at a time. */
  async #rejudge(): Promise<void> {
    const policy = this.#policies.current;
    const { connections, relays } = this.#context;
    const sessions = [...connections.entries()].map(({ exchange }) => exchange);
    const steps = (function* (): Generator<undefined, undefined, undefined> {
      for (const session of sessions) {
        if (!(session instanceof WebSocketSession)) continue;
        if (session.isDoorRetired) relays.closeWithin(session.relay, policy.config.drain.webSocketSpreadMs);
        else session.rejudge(policy);
        yield;
      }
      return undefined;
    })();
    await inSlices(steps, this.#deps.clock);
  }

  #sweep(): void {
    const { connections, relays, clock, metrics } = this.#context;
    connections.sweep(clock.monotonicMs());
    relays.sweep();
    this.#tools.decisions.sweep();
    let bufferedBytes = 0;
    for (const { phase, stream } of connections.entries())
      if (phase === 'websocket') bufferedBytes += stream.writableLength;
    metrics.webSocketBuffered.set(bufferedBytes);
    metrics.inspection.heldBytes.set(this.#context.held.bytes);
  }
}
