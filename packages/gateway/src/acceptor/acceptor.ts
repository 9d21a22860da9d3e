import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { IpAddress, type ListenAddress, type ListenerConfig } from '@sallyport/kernel';
import { BACKLOG, bind, type ListenOptions } from '../listener/bind.ts';
import type { Descriptors } from './descriptors.ts';
import { numberOf } from './number-of.ts';
import type { SharedDoor } from './shared-doors.ts';
import { type TurnedAway, turnedAwayBy } from './turned-away.ts';

export interface AcceptorOptions {
  /** Whoever has the fewest connections; undefined when nobody can take one. */
  readonly choose: () => SocketTaker | undefined;
  /** Whether the policy in force has this listener. Default: always. */
  readonly isInForce?: (listener: Pick<ListenerConfig, 'name' | 'address'>) => boolean;
  /** Whether one more connection may stay open. Default: always. */
  readonly admit?: () => boolean;
  /** With them data planes accept themselves. Default: none, and what is accepted here is handed over. */
  readonly descriptors?: Descriptors | undefined;
  /** A connection was ended because nobody could take it. */
  readonly onRefused: (listener: string, why: TurnedAway) => void;
}

/** A data plane that takes over accepted sockets. */
export interface SocketTaker {
  take(listener: string, socket: Socket): void;
}

/**
 * Owns every TCP listening socket. Where descriptors can be duplicated each data plane gets one of its own for the same socket
 * and accepts from it; the one that is kept here holds what waits when the last data plane is gone. Where they cannot, each
 * connection is accepted here and handed, before anything has been read, to the data plane that has the fewest. Either way data
 * planes come and go without one connection being refused.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #doors: readonly OpenDoor[] = [];
  /** Accepted while nobody could take it. */
  readonly #waiting: { readonly server: Server; readonly socket: Socket }[] = [];
  #lastId = 0;

  constructor(options: AcceptorOptions) {
    this.#options = options;
  }

  /**
   * Opens a listener. A socket of the process before us is used when it is at the address: a listener may have moved since
   * then. One of the service manager is used wherever it is. A listener that is to have another name from the next policy on
   * shares the socket that is open at its address: connections have the name that is in force. @throws Error (EADDRINUSE and its like).
   */
  async open({ name, address }: ListenerConfig, { socket, isTakingOver = false }: ListenOptions = {}): Promise<void> {
    if (address.kind !== 'tcp') throw new Error(`listener ${name} has no TCP address`);
    const shared =
      address.port === 0 ? undefined : this.#doors.find((door) => isDeepStrictEqual(door.address, address));
    if (shared !== undefined) {
      this.#doors = [...this.#doors, { ...shared, name }];
      return;
    }
    const make = (): Server => {
      const made = createServer(SOCKET_OPTIONS, (accepted) => this.#onAccepted(made, accepted));
      return made;
    };
    let server = make();
    if (socket !== undefined) await bind(server, { fd: socket });
    if (socket !== undefined && isTakingOver && !isAt(server, address)) {
      server.close();
      server = make();
    }
    if (!server.listening) await bind(server, { host: address.host, port: address.port });
    server.on('error', (error) => this.#options.onRefused(name, turnedAwayBy(error)));
    const bound = boundAddress(server) ?? address;
    this.#doors = [...this.#doors, { name, address, bound, mouth: this.#mouthOf(server) }];
  }

  /**
   * The sockets of these listeners for a data plane that is to accept from them itself, with a descriptor of its own for each
   * that it does not know. None where connections are handed over. @throws Error when descriptors run out.
   */
  share(
    listeners: readonly Pick<ListenerConfig, 'name' | 'address'>[],
    known: ReadonlySet<number>,
  ): readonly SharedDoor[] {
    const { descriptors } = this.#options;
    if (descriptors === undefined) return [];
    const shared: SharedDoor[] = [];
    try {
      for (const { name, address, mouth } of this.#doors) {
        if (mouth.kind !== 'shared' || !isAmong(listeners, { name, address })) continue;
        const server = known.has(mouth.id) ? undefined : listenOn(descriptors.duplicate(mouth.number), mouth);
        shared.push({ id: mouth.id, name, server });
      }
    } catch (cause) {
      // Nobody will have them, and they would take connections that nobody answers.
      for (const { server } of shared) server?.close();
      throw cause;
    }
    return shared;
  }

  /** Gives a connection that another data plane has accepted to the one that has the fewest. */
  spread(listener: string, socket: Socket): void {
    const taker = this.#options.choose();
    if (taker !== undefined) return taker.take(listener, socket);
    this.#options.onRefused(listener, { cause: 'workers' });
    socket.destroy();
  }

  /** True when the listener is open at this address. */
  has({ name, address }: Pick<ListenerConfig, 'name' | 'address'>): boolean {
    return isAmong(this.#doors, { name, address });
  }

  /** Where the listeners really are, with the ports that the system chose for port 0. */
  addresses(): ReadonlyMap<string, ListenAddress> {
    return new Map(this.#doors.map(({ name, bound }) => [name, bound]));
  }

  /** Connections that were accepted here and that nobody can take yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The numbers that listening sockets have in this process, for whoever inherits them. */
  socketNumbers(): ReadonlyMap<string, number> {
    const numbers = new Map<string, number>();
    for (const { name, mouth } of this.#doors) {
      const number = mouth.kind === 'shared' ? mouth.number : numberOf(mouth.server);
      if (number !== undefined) numbers.set(name, number);
    }
    return numbers;
  }

  /**
   * Stops accepting on all listeners but these. What the kernel holds of a closed one is another process's, if that has the
   * socket too.
   */
  closeOthers(kept: readonly Pick<ListenerConfig, 'name' | 'address'>[]): void {
    const before = new Set(this.#doors.map(({ mouth }) => mouth));
    this.#doors = this.#doors.filter((door) => isAmong(kept, door));
    const open = new Set(this.#doors.map(({ mouth }) => mouth));
    for (const mouth of before) {
      if (open.has(mouth)) continue;
      if (mouth.kind === 'shared') closeSync(mouth.number);
      else mouth.server.close();
    }
  }

  closeAll(): void {
    this.closeOthers([]);
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
  }

  /** Somebody can take connections (again). */
  flush(): void {
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      // Whoever is chosen counts it, so nobody is chosen for one that cannot be handed over any more.
      const taker = next.socket.destroyed ? 'nobody' : this.#options.choose();
      if (taker === undefined) return;
      this.#waiting.shift();
      if (taker !== 'nobody') taker.take(this.#nameOf(next.server), next.socket);
    }
  }

  /** A socket that is shared is only held here: nobody is accepted in this thread. */
  #mouthOf(server: Server): Mouth {
    const number = numberOf(server);
    const { descriptors } = this.#options;
    if (descriptors === undefined || number === undefined) return { kind: 'accepting', server };
    try {
      this.#lastId += 1;
      const isSetForAccepted = descriptors.setForAccepted(number);
      return { kind: 'shared', id: this.#lastId, number: descriptors.duplicate(number), isSetForAccepted };
    } finally {
      server.close();
    }
  }

  #onAccepted(server: Server, socket: Socket): void {
    if (socket.destroyed) return;
    if (this.#options.admit?.() === false) {
      this.#options.onRefused(this.#nameOf(server), { cause: 'files' });
      return void socket.destroy();
    }
    const taker = this.#options.choose();
    if (taker !== undefined) return taker.take(this.#nameOf(server), socket);
    if (this.#waiting.length >= WAITING_MAX) {
      this.#options.onRefused(this.#nameOf(server), { cause: 'workers' });
      return void socket.destroy();
    }
    this.#waiting.push({ server, socket });
  }

  /** The listener that has this socket at the moment: while a policy comes into force, the one before may name it otherwise. */
  #nameOf(server: Server): string {
    const doors = this.#doors.filter(({ mouth }) => mouth.kind === 'accepting' && mouth.server === server);
    const [only] = doors;
    // Asked for every connection, and to find out what is in force costs more than all else here.
    if (only !== undefined && doors.length === 1) return only.name;
    const { isInForce = () => true } = this.#options;
    return (doors.find(isInForce) ?? only)?.name ?? '';
  }
}

function isAmong(
  doors: readonly Pick<ListenerConfig, 'name' | 'address'>[],
  { name, address }: Pick<ListenerConfig, 'name' | 'address'>,
): boolean {
  return doors.some((door) => door.name === name && isDeepStrictEqual(door.address, address));
}

/** It is to be moved to another thread before the event loop turns: until then it accepts nobody. */
function listenOn(number: number, { isSetForAccepted }: SharedMouth): Server {
  const options = isSetForAccepted ? INHERITED_OPTIONS : DATA_PLANE_OPTIONS;
  return createServer(options).listen({ fd: number, backlog: BACKLOG });
}

function isAt(server: Server, { host, port }: TcpAddress): boolean {
  const bound = boundAddress(server);
  if (bound === undefined) return false;
  const isHost = IpAddress.parse(bound.host)?.text === IpAddress.parse(host)?.text;
  return isHost && (port === 0 || bound.port === port);
}

function boundAddress(server: Server): TcpAddress | undefined {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return undefined;
  return { kind: 'tcp', host: bound.address, port: bound.port };
}

type TcpAddress = Extract<ListenAddress, { kind: 'tcp' }>;

interface OpenDoor {
  readonly name: string;
  readonly address: TcpAddress;
  /** Where it really is: the port that the system chose for port 0. */
  readonly bound: TcpAddress;
  readonly mouth: Mouth;
}

/** What a door listens with. */
type Mouth = { readonly kind: 'accepting'; readonly server: Server } | SharedMouth;

interface SharedMouth {
  readonly kind: 'shared';
  readonly id: number;
  /** Of a descriptor that data planes have duplicates of. */
  readonly number: number;
  /** See {@link Descriptors.setForAccepted}. */
  readonly isSetForAccepted: boolean;
}

/** What a data plane still has to say of sockets that come as it wants them. */
const INHERITED_OPTIONS = { allowHalfOpen: true } as const;

/** As listeners want their sockets. */
const DATA_PLANE_OPTIONS = { ...INHERITED_OPTIONS, noDelay: true, keepAlive: true } as const;

/** Nothing is read here, so that the data plane gets all of it. */
const SOCKET_OPTIONS = { ...DATA_PLANE_OPTIONS, pauseOnConnect: true } as const;

/** Connections that wait for a data plane while all are starting: a burst of reconnects after one has failed. */
const WAITING_MAX = 4_096;
