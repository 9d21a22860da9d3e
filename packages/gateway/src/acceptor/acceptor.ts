import { createServer, type Server, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { IpAddress, type ListenAddress, type ListenerConfig, type Log } from '@sallyport/kernel';
import { bind, type ListenOptions } from '../listener/bind.ts';

export interface AcceptorOptions {
  readonly log: Log;
  /** Whoever has the fewest connections; undefined when nobody can take one. */
  readonly choose: () => SocketTaker | undefined;
  /** Whether the policy in force has this listener. Default: always. */
  readonly isInForce?: (listener: Pick<ListenerConfig, 'name' | 'address'>) => boolean;
  /** Whether one more connection may stay open. Default: always. */
  readonly admit?: () => boolean;
  /** A connection was ended because nobody could take it. */
  readonly onRefused: (listener: string, cause: TurnedAwayCause) => void;
}

/** `files`: file descriptors run out. `workers`: nobody can take it, and too many wait already. */
export type TurnedAwayCause = 'files' | 'workers';

/** A data plane that takes over accepted sockets. */
export interface SocketTaker {
  take(listener: string, socket: Socket): void;
}

/**
 * Owns every TCP listening socket and hands each accepted connection, of which nothing has been read, to the data plane that
 * has the fewest. Data planes come and go without one connection being refused: what comes while there is none waits here.
 */
export class Acceptor {
  readonly #options: AcceptorOptions;
  #doors: readonly OpenDoor[] = [];
  /** Accepted while nobody could take it. */
  readonly #waiting: { readonly server: Server; readonly socket: Socket }[] = [];

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
      this.#doors = [...this.#doors, { name, address, server: shared.server }];
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
    server.on('error', (error) => this.#onError(name, error));
    this.#doors = [...this.#doors, { name, address, server }];
  }

  /** True when the listener is open at this address. */
  has({ name, address }: Pick<ListenerConfig, 'name' | 'address'>): boolean {
    return this.#doors.some((door) => door.name === name && isDeepStrictEqual(door.address, address));
  }

  /** Where the listeners really are, with the ports that the system chose for port 0. */
  addresses(): ReadonlyMap<string, ListenAddress> {
    const addresses = new Map<string, ListenAddress>();
    for (const { name, server } of this.#doors) {
      const bound = server.address();
      if (bound !== null && typeof bound !== 'string')
        addresses.set(name, { kind: 'tcp', host: bound.address, port: bound.port });
    }
    return addresses;
  }

  /** Accepted connections that nobody can take yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The numbers that listening sockets have in this process, for whoever inherits them. */
  socketNumbers(): ReadonlyMap<string, number> {
    const numbers = new Map<string, number>();
    for (const { name, server } of this.#doors) {
      // There is no public name for it.
      const handle: unknown = Reflect.get(server, '_handle');
      const number: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
      if (typeof number === 'number' && number >= 0) numbers.set(name, number);
    }
    return numbers;
  }

  /**
   * Stops accepting on all listeners but these. What the kernel holds of a closed one is another process's, if that has the
   * socket too.
   */
  closeOthers(kept: readonly Pick<ListenerConfig, 'name' | 'address'>[]): void {
    const isKept = (door: OpenDoor): boolean =>
      kept.some(({ name, address }) => door.name === name && isDeepStrictEqual(door.address, address));
    const before = this.#doors;
    this.#doors = before.filter(isKept);
    const open = new Set(this.#doors.map(({ server }) => server));
    for (const { server } of before) if (!open.has(server)) server.close();
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

  #onAccepted(server: Server, socket: Socket): void {
    if (socket.destroyed) return;
    if (this.#options.admit?.() === false) {
      this.#options.onRefused(this.#nameOf(server), 'files');
      return void socket.destroy();
    }
    const taker = this.#options.choose();
    if (taker !== undefined) return taker.take(this.#nameOf(server), socket);
    if (this.#waiting.length >= WAITING_MAX) {
      this.#options.onRefused(this.#nameOf(server), 'workers');
      return void socket.destroy();
    }
    this.#waiting.push({ server, socket });
  }

  /** Without a descriptor to spare, the kernel says so again and again for as long as somebody waits. */
  #onError(listener: string, error: NodeJS.ErrnoException): void {
    if (error.code === 'EMFILE' || error.code === 'ENFILE') return this.#options.onRefused(listener, 'files');
    this.#options.log.error('a listener failed', { listener, error });
  }

  /** The listener that has this socket at the moment: while a policy comes into force, the one before may name it otherwise. */
  #nameOf(server: Server): string {
    const doors = this.#doors.filter((door) => door.server === server);
    const [only] = doors;
    // Asked for every connection, and to find out what is in force costs more than all else here.
    if (only !== undefined && doors.length === 1) return only.name;
    const { isInForce = () => true } = this.#options;
    return (doors.find(isInForce) ?? only)?.name ?? '';
  }
}

function isAt(server: Server, { host, port }: Extract<ListenAddress, { kind: 'tcp' }>): boolean {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') return false;
  const isHost = IpAddress.parse(bound.address)?.text === IpAddress.parse(host)?.text;
  return isHost && (port === 0 || bound.port === port);
}

interface OpenDoor {
  readonly name: string;
  readonly address: ListenAddress;
  readonly server: Server;
}

/** Nothing is read here, so that the data plane gets all of it. */
const SOCKET_OPTIONS = { allowHalfOpen: true, noDelay: true, keepAlive: true, pauseOnConnect: true } as const;

/** Connections that wait for a data plane while all are starting: a burst of reconnects after one has failed. */
const WAITING_MAX = 4_096;
