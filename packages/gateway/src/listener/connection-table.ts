import type { Socket } from 'node:net';
import {
  type Client,
  type Clock,
  type ConnectionLimits,
  type Reason,
  type ReasonCode,
  reason,
} from '@sallyport/kernel';
import { LocalCounts, type SharedCounts } from '../shared-counts.ts';

/** Where a connection stands. Names say what is awaited. */
export type ConnectionPhase =
  /** PROXY protocol header and TLS. */
  | 'expect-handshake'
  /** The first byte of a request up to the end of its head. */
  | 'expect-head'
  /** An exchange is in progress. */
  | 'exchange'
  /** The next request, of which nothing has come. */
  | 'idle'
  /** Carried frame by frame; its deadlines are the relay's. */
  | 'websocket'
  /** Refused; reading what the client still sends so that it sees the answer. */
  | 'linger';

/** What is in progress on a connection and has deadlines of its own. */
export interface LiveExchange {
  /** Judges the exchange's own deadlines. */
  sweep(nowMs: number): void;
  /** Ends at once because the gateway does, with an answer where one still can be given. */
  onShutdown(): void;
  /** Whom it serves. */
  readonly client: Client | undefined;
  /** Ends at once, with an answer or a close frame where one still can be given. */
  dismiss(code: Dismissal): void;
}

/** What carries many exchanges at once, as an HTTP/2 connection does, and outlives each of them. */
export interface Multiplex extends LiveExchange {
  /** Lets what is in progress finish, and nothing new begin; then the connection ends. May be called again and again. */
  drain(): void;
  /** Ends the connection, on which nothing is in progress. */
  expire(why: Reason): void;
  /** Dismisses what serves such a client, and answers how much that was. */
  dismissWhere(code: Dismissal, isMeant: (client: Client) => boolean): number;
}

/** Why something is ended from outside. */
export type Dismissal = 'DRAINING' | 'CLIENT_BANNED' | 'CLOSED_BY_OPERATOR';

/** One accepted socket. The table changes its phase; nobody else does. */
export interface Connection {
  /** Unique in its table. */
  readonly number: number;
  readonly socket: Socket;
  readonly listener: string;
  readonly acceptedMs: number;
  readonly phase: ConnectionPhase;
  /** Who the connection belongs to; undefined until a PROXY header was read. */
  readonly client: Client | undefined;
  /** What requests are read from: the socket, or TLS on top of it. */
  stream: Socket;
  /** Where its client certificate was verified against the listener's authority. */
  isTlsClientAuthorized: boolean;
  exchange: LiveExchange | undefined;
  /** Where it carries many exchanges at once; `exchange` is then the same as long as there is one. */
  multiplex: Multiplex | undefined;
}

export interface ConnectionTableOptions {
  readonly limits: ConnectionLimits;
  /** How many tables share the limits. Each holds its part of all connections: whoever accepts fills them evenly. Default 1. */
  readonly planes?: number;
  /** Connections of one client, counted over all tables. Default: this one is alone. */
  readonly counts?: SharedCounts;
  /** Connections came or went; for whoever spreads them. */
  readonly onLoad?: ((by: 1 | -1) => void) | undefined;
  readonly clock: Clock;
  /** A connection ran out of time or had to make room. The callee answers (where that makes sense) and destroys it. */
  readonly onExpire: (connection: Connection, why: Reason) => void;
}

/**
 * Every open connection, its phase and its deadlines.
 *
 * Three floods are answered here: more connections than we can hold (the oldest idle one makes room), many from one client
 * (its own oldest idle one makes room, then it is refused), and connections that never finish a request head (the client's
 * oldest half-open one makes room; the header deadline ends the others). Deadlines are judged by `sweep`, once a second,
 * from numbers, so that ten thousand connections need no timers.
 */
export class ConnectionTable {
  readonly #options: ConnectionTableOptions;
  readonly #counts: SharedCounts;
  #limits: ConnectionLimits;
  #lastNumber = 0;
  readonly #all = new Set<Entry>();
  /** Oldest first: an entry is added again each time it becomes idle. */
  readonly #idle = new Set<Entry>();
  readonly #byClient = new Map<string, Set<Entry>>();

  constructor(options: ConnectionTableOptions) {
    this.#options = options;
    this.#counts = options.counts ?? new LocalCounts();
    this.#limits = partOf(options.limits, options.planes ?? 1);
  }

  /** For everything that comes from now on; what is open stays open. */
  setLimits(limits: ConnectionLimits): void {
    this.#limits = partOf(limits, this.#options.planes ?? 1);
  }

  /** Longest time that a request head may take. */
  get headerMs(): number {
    return this.#limits.headerMs;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Takes a socket in; undefined when there is no room (the caller destroys the socket). */
  add(socket: Socket, listener: string): Connection | undefined {
    if (this.#all.size >= this.#limits.connectionsMax && !this.#evict(this.#idle, 'CONNECTION_EVICTED'))
      return undefined;
    const entry = new Entry(++this.#lastNumber, { socket, listener }, this.#options.clock.monotonicMs());
    this.#all.add(entry);
    this.#options.onLoad?.(1);
    return entry;
  }

  /**
   * Says who a connection belongs to. `isCounted` is false on listeners where one peer carries many clients. A reason
   * means that this client has too many connections and none of them is idle.
   */
  identify(connection: Connection, client: Client, isCounted: boolean): Reason | undefined {
    const entry = owned(connection);
    this.#uncount(entry);
    entry.client = client;
    return isCounted ? this.#count(entry, client.network) : undefined;
  }

  /**
   * Counts a connection for its peer's `network` as long as it has proven nothing; `identify` ends that. Otherwise anybody
   * could fill the table with handshakes on a listener whose clients are not counted because they share connections.
   */
  expectProof(connection: Connection, network: string): Reason | undefined {
    return this.#count(owned(connection), `unproven ${network}`);
  }

  #count(entry: Entry, key: string): Reason | undefined {
    const { perClientMax, halfOpenPerClientMax } = this.#limits;
    const siblings = this.#byClient.get(key) ?? new Set();
    let giveBack = this.#counts.acquire(key, perClientMax);
    if (giveBack === undefined && this.#evict(siblings, 'CONNECTIONS_PER_CLIENT')) {
      giveBack = this.#counts.acquire(key, perClientMax);
    }
    if (giveBack === undefined) return reason('CONNECTIONS_PER_CLIENT', `${perClientMax}`);
    this.#evictHalfOpen(siblings, halfOpenPerClientMax);
    siblings.add(entry);
    this.#byClient.set(key, siblings);
    entry.countedAs = key;
    entry.giveBack = giveBack;
    return undefined;
  }

  #uncount(entry: Entry): void {
    if (entry.countedAs === undefined) return;
    const siblings = this.#byClient.get(entry.countedAs);
    siblings?.delete(entry);
    entry.giveBack();
    entry.giveBack = nothing;
    if (siblings?.size === 0) this.#byClient.delete(entry.countedAs);
    entry.countedAs = undefined;
  }

  /**
   * Ends the oldest of a client's half-open connections when there are too many. Only those count whose request could have
   * been here by now: players behind one address who all come back at once open hundreds in one moment.
   */
  #evictHalfOpen(siblings: ReadonlySet<Entry>, max: number): void {
    // Asked for every connection; a client that has fewer needs no look at each.
    if (siblings.size < max) return;
    const beforeMs = this.#options.clock.monotonicMs() - HALF_OPEN_GRACE_MS;
    const halfOpen = [...siblings].filter((sibling) => sibling.isHalfOpen && sibling.acceptedMs < beforeMs);
    const oldest = halfOpen[0];
    if (halfOpen.length < max || oldest === undefined) return;
    this.#options.onExpire(oldest, reason('CONNECTION_EVICTED', 'half-open'));
    // Its socket closes later, and the next one of a burst must not make room by the same one again.
    this.remove(oldest);
  }

  /** Handshakes are done; a request head is awaited. */
  expectHead(connection: Connection): void {
    this.#enter(owned(connection), 'expect-head');
  }

  beginExchange(connection: Connection, exchange: LiveExchange): void {
    const entry = owned(connection);
    entry.exchange = exchange;
    entry.isHalfOpen = false;
    this.#enter(entry, 'exchange');
  }

  /** The exchange is over and the connection may carry another. */
  becomeIdle(connection: Connection): void {
    const entry = owned(connection);
    entry.exchange = undefined;
    this.#enter(entry, 'idle');
    this.#idle.add(entry);
  }

  becomeWebSocket(connection: Connection, live: LiveExchange): void {
    const entry = owned(connection);
    entry.exchange = live;
    this.#enter(entry, 'websocket');
  }

  /** The last answer is out or on its way: what still comes is thrown away unread, for {@link LINGER_MS}. */
  linger(connection: Connection): void {
    const entry = owned(connection);
    entry.exchange = undefined;
    entry.multiplex = undefined;
    this.#enter(entry, 'linger');
    discardInput(entry.stream);
  }

  /** The socket is gone. Safe to call twice. */
  remove(connection: Connection): void {
    const entry = owned(connection);
    if (this.#all.delete(entry)) this.#options.onLoad?.(-1);
    this.#idle.delete(entry);
    this.#uncount(entry);
  }

  /** Judges every deadline. Call once a second. */
  sweep(nowMs: number): void {
    for (const entry of this.#all) {
      const why = this.#overdue(entry, nowMs);
      if (why !== undefined) this.#options.onExpire(entry, reason(why));
      else (entry.multiplex ?? entry.exchange)?.sweep(nowMs);
    }
  }

  /** Ends every connection on which nothing is in progress. A drain calls it until it is over. */
  closeIdle(): void {
    const beforeMs = this.#options.clock.monotonicMs() - HALF_OPEN_GRACE_MS;
    for (const entry of this.#all) {
      // Browsers open connections before they need them. The first request of a young one may be on its way.
      const isUnused = entry.isAwaitingFirstByte && entry.acceptedMs < beforeMs;
      if (entry.multiplex !== undefined && entry.phase !== 'linger') entry.multiplex.drain();
      else if (entry.isIdle || isUnused) entry.socket.destroy();
    }
  }

  entries(): IterableIterator<Connection> {
    return this.#all.values();
  }

  #enter(entry: Entry, phase: ConnectionPhase): void {
    this.#idle.delete(entry);
    entry.phase = phase;
    entry.sinceMs = this.#options.clock.monotonicMs();
    entry.bytesReadBefore = entry.stream.bytesRead;
  }

  #overdue(entry: Entry, nowMs: number): ReasonCode | undefined {
    const { handshakeMs, headerMs, keepAliveMs } = this.#limits;
    const ageMs = nowMs - entry.sinceMs;
    switch (entry.phase) {
      case 'expect-handshake':
        return ageMs > handshakeMs ? 'TLS_HANDSHAKE_FAILED' : undefined;
      case 'expect-head':
        return ageMs > headerMs ? 'HEADER_TIMEOUT' : undefined;
      case 'idle':
        // The parser tells nobody that a head has begun; the byte count does.
        // In HTTP/2 bytes may be about the connection; a head that began has a deadline of its own there.
        if (entry.multiplex === undefined && entry.stream.bytesRead > entry.bytesReadBefore)
          this.#enter(entry, 'expect-head');
        return ageMs > keepAliveMs ? 'CONNECTION_IDLE' : undefined;
      case 'linger':
        return ageMs > LINGER_MS ? 'CONNECTION_IDLE' : undefined;
      case 'exchange':
      case 'websocket':
        return undefined;
    }
  }

  /** Ends the oldest idle connection among `candidates`; false when there is none. */
  #evict(candidates: ReadonlySet<Entry>, why: ReasonCode): boolean {
    for (const entry of candidates) {
      if (entry.phase !== 'idle') continue;
      this.#options.onExpire(entry, reason(why, 'idle'));
      this.remove(entry);
      return true;
    }
    return false;
  }
}

/** A connection younger than this is not yet half-open: its first request may be on its way. */
export const HALF_OPEN_GRACE_MS = 1_000;

/** Longest time a refused client may go on sending, so that closing early does not reset away the answer it should read. */
export const LINGER_MS = 2_000;

/**
 * Reads on and looks at nothing. Above all the HTTP parser must not: it makes a request and a response of everything that a
 * client goes on sending, keeps them all until the socket closes, and then lets them go in quadratic time. One connection
 * held the process for minutes.
 */
function discardInput(stream: Socket): void {
  stream.resume();
  // A socket that was paused reads again only while `node:http` still sees it resume, which is in the next tick.
  process.nextTick(() => {
    if (stream.destroyed) return;
    // With a listener of ours `node:http` gives the bytes back to the stream, past which it reads otherwise.
    stream.on('data', () => undefined);
    stream.removeAllListeners('data');
    stream.resume();
  });
}

/**
 * What one of several tables may hold. Connections of one client are counted over all tables, and so are not divided; those
 * that have not sent a request yet are few, and an even part of them is as good a bound.
 */
function partOf(limits: ConnectionLimits, planes: number): ConnectionLimits {
  return {
    ...limits,
    connectionsMax: Math.ceil(limits.connectionsMax / planes),
    halfOpenPerClientMax: Math.ceil(limits.halfOpenPerClientMax / planes),
  };
}

class Entry implements Connection {
  readonly number: number;
  readonly socket: Socket;
  readonly listener: string;
  readonly acceptedMs: number;
  stream: Socket;
  phase: ConnectionPhase = 'expect-handshake';
  client: Client | undefined;
  /** Under which key it is among the connections of its client or peer. */
  countedAs: string | undefined;
  giveBack: () => void = nothing;
  isTlsClientAuthorized = false;
  exchange: LiveExchange | undefined;
  multiplex: Multiplex | undefined;
  sinceMs: number;
  bytesReadBefore = 0;
  /** No whole request head has come yet. */
  isHalfOpen = true;

  constructor(number: number, { socket, listener }: { socket: Socket; listener: string }, nowMs: number) {
    this.number = number;
    this.socket = socket;
    this.stream = socket;
    this.listener = listener;
    this.acceptedMs = nowMs;
    this.sinceMs = nowMs;
  }

  /** Between two requests: nothing of the next one has come. */
  get isIdle(): boolean {
    return this.phase === 'idle' && this.stream.bytesRead === this.bytesReadBefore;
  }

  get isAwaitingFirstByte(): boolean {
    return (this.phase === 'expect-handshake' || this.phase === 'expect-head') && this.stream.bytesRead === 0;
  }
}

function nothing(): void {
  return;
}

function owned(connection: Connection): Entry {
  if (!(connection instanceof Entry)) throw new TypeError('not a connection of this table');
  return connection;
}
