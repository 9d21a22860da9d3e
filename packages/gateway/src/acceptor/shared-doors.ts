import type { Server, Socket } from 'node:net';
import { BACKLOG } from '../listener/bind.ts';
import type { Descriptors } from './descriptors.ts';
import { numberOf } from './number-of.ts';
import { type TurnedAway, turnedAwayBy } from './turned-away.ts';

/** A listening socket that several threads accept from, under the name that it has in one policy. */
export interface SharedDoor {
  /** Of the socket, the same in every policy. */
  readonly id: number;
  readonly name: string;
  /** For whoever has none yet: a descriptor of its own, with which it listens as soon as it has it. */
  readonly server: Server | undefined;
}

export interface SharedDoorsOptions {
  readonly descriptors: Descriptors | undefined;
  /** Whether one more connection may stay open. */
  readonly admit: () => boolean;
  /** Whether somebody else is to have the next connection. */
  readonly isAhead: () => boolean;
  readonly serve: (listener: string, socket: Socket) => void;
  readonly handOn: (listener: string, socket: Socket) => void;
  readonly onRefused: (listener: string, why: TurnedAway) => void;
}

/**
 * The listening sockets of one data plane, each a descriptor of its own for a socket that others accept from as well: what the
 * kernel holds for it is lost only when nobody has it any more. Whoever accepts a connection serves it, unless it is ahead of
 * the others.
 */
export class SharedDoors {
  readonly #options: SharedDoorsOptions;
  readonly #open = new Map<number, { readonly server: Server; name: string }>();
  #isClosed = false;

  constructor(options: SharedDoorsOptions) {
    this.#options = options;
  }

  /** Accepts from these, under these names, and from no others any more. */
  set(doors: readonly SharedDoor[]): void {
    const wanted = new Set(doors.map(({ id }) => id));
    for (const [id, { server }] of this.#open) {
      if (wanted.has(id)) continue;
      this.#open.delete(id);
      server.close();
    }
    for (const { id, name, server } of doors) {
      const known = this.#open.get(id);
      if (known !== undefined) known.name = name;
      // A policy may come while what is in progress is finished.
      else if (this.#isClosed) server?.close();
      else if (server !== undefined) this.#add(id, name, server);
    }
  }

  /** Accepts nobody any more, whatever comes. */
  close(): void {
    this.set([]);
    this.#isClosed = true;
  }

  #add(id: number, name: string, server: Server): void {
    const door = { server, name };
    this.#open.set(id, door);
    const number = numberOf(server);
    const { descriptors } = this.#options;
    if (number !== undefined) {
      descriptors?.keepFromChildren(number);
      // It came from another thread, and is the same socket for all: the next burst would find the default of Node.js.
      descriptors?.setBacklog(number, BACKLOG);
    }
    server.on('connection', (socket) => this.#onAccepted(door.name, socket));
    server.on('error', (error) => this.#options.onRefused(door.name, turnedAwayBy(error)));
  }

  #onAccepted(listener: string, socket: Socket): void {
    const { admit, isAhead, serve, handOn, onRefused } = this.#options;
    if (!admit()) {
      onRefused(listener, { cause: 'files' });
      return void socket.destroy();
    }
    if (isAhead()) handOn(listener, socket);
    else serve(listener, socket);
  }
}
