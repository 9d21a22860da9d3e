import type { DecisionTable } from '@sallyport/guards';
import {
  type Client,
  type ClientFacts,
  type Command,
  type CommandAck,
  contains,
  type Network,
  parseNetwork,
} from '@sallyport/kernel';
import { clientFacts } from './emit/record.ts';
import type { GatewayContext } from './exchange/context.ts';
import { WebSocketSession } from './exchange/websocket-session.ts';
import type { Connection, ConnectionPhase, Dismissal } from './listener/connection-table.ts';

/** An open connection, for listings. */
export interface OpenConnection {
  /** Unique in its node: the data plane and a number. */
  readonly id: string;
  readonly listener: string;
  readonly phase: ConnectionPhase;
  readonly client: ClientFacts;
  /** Of a WebSocket; '' otherwise. */
  readonly route: string;
  /** Of the handshake of a WebSocket; '' otherwise. */
  readonly requestId: string;
  readonly ageMs: number;
  /** Bytes of the connection, or of the messages of a WebSocket. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** Which open connections are wanted. */
export interface OpenConnectionQuery {
  /** An address or a network; undefined: all. */
  readonly client: string | undefined;
  /** Only WebSockets, or only what is none; undefined: both. */
  readonly isWebSocket: boolean | undefined;
  readonly max: number;
}

export interface OpenConnections {
  /** How many match. */
  readonly total: number;
  /** The oldest of them first, at most as many as were wanted. */
  readonly connections: readonly OpenConnection[];
}

export interface CommandDeskOptions {
  /** Number of this data plane: the first part of the ids of its connections. */
  readonly plane: number;
  readonly drain: () => void;
}

/** Carries out what the control plane says about connections, each command once. */
export class CommandDesk {
  readonly #context: GatewayContext;
  readonly #options: CommandDeskOptions;
  /** What each command did, the oldest first. */
  readonly #done = new Map<string, number>();
  #attackLevel = 0;
  /** When the last ban came whose clients are still to be cut off. */
  #bannedUntilMs: number | undefined;

  constructor(context: GatewayContext, options: CommandDeskOptions) {
    this.#context = context;
    this.#options = options;
  }

  get attackLevel(): number {
    return this.#attackLevel;
  }

  carryOut({ id, action }: Command): Omit<CommandAck, 'worker'> {
    const before = this.#done.get(id);
    if (before !== undefined) return { id, closed: before, isRepeat: true };
    const closed = this.#act(action);
    this.#done.set(id, closed);
    const [oldest] = this.#done.keys();
    if (oldest !== undefined && this.#done.size > DONE_MAX) this.#done.delete(oldest);
    return { id, closed, isRepeat: false };
  }

  /**
   * Cuts off everybody who is banned now, before the event loop turns, once for all bans that came together: a thousand of
   * them must not look at every connection a thousand times. Who connects after the ban is answered as any request is.
   */
  dismissBanned(decisions: DecisionTable): void {
    if (decisions.size === 0) return;
    const isWaiting = this.#bannedUntilMs !== undefined;
    this.#bannedUntilMs = this.#context.clock.monotonicMs();
    if (isWaiting) return;
    setImmediate(() => {
      const untilMs = this.#bannedUntilMs;
      this.#bannedUntilMs = undefined;
      this.#dismissAll('CLIENT_BANNED', (client) => decisions.banOf(client.address) !== undefined, untilMs);
    });
  }

  connections({ client, isWebSocket, max }: OpenConnectionQuery): OpenConnections {
    const nowMs = this.#context.clock.monotonicMs();
    const network = client === undefined ? undefined : parseNetwork(client);
    const open: OpenConnection[] = [];
    let total = 0;
    for (const connection of this.#context.connections.entries()) {
      if (client !== undefined && !isOf(connection, network)) continue;
      if (isWebSocket !== undefined && connection.exchange instanceof WebSocketSession !== isWebSocket) continue;
      total += 1;
      if (open.length >= max) continue;
      const { listener, phase, exchange, acceptedMs, stream } = connection;
      const session = exchange instanceof WebSocketSession ? exchange : undefined;
      open.push({
        id: this.#idOf(connection),
        listener,
        phase,
        client: clientFacts(clientOf(connection)),
        route: session?.route ?? '',
        requestId: session?.requestId ?? '',
        ageMs: Math.round(nowMs - acceptedMs),
        ...(session?.bytes ?? { bytesIn: stream.bytesRead, bytesOut: stream.bytesWritten }),
      });
    }
    return { total, connections: open };
  }

  #act(action: Command['action']): number {
    switch (action.kind) {
      case 'close-connection':
        return this.#closeOne(action.connection);
      case 'close-client':
        return this.#closeClient(parseNetwork(action.client));
      case 'set-attack-level':
        this.#attackLevel = action.level;
        this.#context.emitter.system('attack-level', String(action.level));
        return 0;
      case 'drain':
        this.#options.drain();
        return 0;
    }
  }

  #closeOne(id: string): number {
    for (const connection of this.#context.connections.entries()) {
      if (this.#idOf(connection) !== id) continue;
      dismiss(connection, 'CLOSED_BY_OPERATOR');
      return 1;
    }
    return 0;
  }

  #idOf({ number }: Connection): string {
    return `${this.#options.plane}-${number}`;
  }

  #closeClient(network: Network | undefined): number {
    if (network === undefined) return 0;
    return this.#dismissAll('CLOSED_BY_OPERATOR', ({ address }) => contains(network, address));
  }

  #dismissAll(
    code: Dismissal,
    isMeant: (client: Client) => boolean,
    acceptedUntilMs = Number.POSITIVE_INFINITY,
  ): number {
    let count = 0;
    for (const connection of this.#context.connections.entries()) {
      if (connection.acceptedMs > acceptedUntilMs) continue;
      if (connection.multiplex !== undefined) {
        count += connection.multiplex.dismissWhere(code, isMeant);
        continue;
      }
      const client = clientOf(connection);
      if (client === undefined || !isMeant(client)) continue;
      dismiss(connection, code);
      count += 1;
    }
    return count;
  }
}

/** Whether somebody of a network is behind it; nobody is in none. */
function isOf(connection: Connection, network: Network | undefined): boolean {
  const client = clientOf(connection);
  return client !== undefined && network !== undefined && contains(network, client.address);
}

/** Commands that are remembered: whoever repeats one does so soon. */
const DONE_MAX = 1_000;

/** Whom it serves at the moment: behind a tunnel the connection itself is everybody's. */
function clientOf({ exchange, client }: Connection): Client | undefined {
  return exchange?.client ?? client;
}

function dismiss(connection: Connection, code: Dismissal): void {
  if (connection.exchange === undefined) connection.socket.destroy();
  else connection.exchange.dismiss(code);
}
