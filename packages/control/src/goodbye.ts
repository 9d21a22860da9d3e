import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/**
 * Lets a server take nothing new while others go on at its address. `close` of Node.js also ends connections whose first request is on
 * its way: whoever sent it would hear of a reset, although nothing is wrong with this process or the next.
 */
export class Goodbye {
  readonly #server: Server;
  /** Connections that have had an answer, and have asked nothing since. */
  readonly #idle = new Set<Socket>();
  #isLeaving = false;
  /** Connections so far. */
  #accepted = 0;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#accepted += 1;
      socket.once('close', () => this.#idle.delete(socket));
    });
    // Before the answer is written.
    server.prependListener('request', ({ socket }, response) => {
      this.#idle.delete(socket);
      if (this.#isLeaving) response.setHeader('connection', 'close');
      response.once('close', () => this.#onAnswered(socket));
    });
  }

  /**
   * Takes what the kernel has already, and then no connection any more; resolves when those that are open have been answered, or
   * have said nothing in their time.
   */
  async say(): Promise<void> {
    this.#isLeaving = true;
    for (const socket of this.#idle) socket.destroy();
    await this.#takeWaiting();
    await new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
  }

  /**
   * Whoever came by a socket file before another process put its own there waits in a queue that is ours alone: the kernel would
   * reset all of it. An event loop that finds nobody there has emptied it.
   */
  async #takeWaiting(): Promise<void> {
    let quietTurns = 0;
    for (let turns = 0; turns < LEAVE_TURNS_MAX && quietTurns < QUIET_TURNS; turns += 1) {
      const before = this.#accepted;
      await turn();
      quietTurns = this.#accepted === before ? quietTurns + 1 : 0;
    }
  }

  #onAnswered(socket: Socket): void {
    if (socket.destroyed) return;
    if (this.#isLeaving) socket.end();
    else this.#idle.add(socket);
  }
}

/** The first one may have begun before we asked. */
const QUIET_TURNS = 2;

/** A turn accepts one connection at least, and the queue of a listener holds 511. On a port they go on coming, for two processes. */
const LEAVE_TURNS_MAX = 1_024;
