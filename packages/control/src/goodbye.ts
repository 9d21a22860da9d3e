import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';

/**
 * Lets a server take nothing new while others go on at its address. `close` of Node.js also ends connections whose first request is on
 * its way: whoever sent it would hear of a reset, although nothing is wrong with this process or the next.
 */
export class Goodbye {
  readonly #server: Server;
  /** Connections that have had an answer, and have asked nothing since. */
  readonly #idle = new Set<Socket>();
  #isLeaving = false;

  constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => socket.once('close', () => this.#idle.delete(socket)));
    // Before the answer is written.
    server.prependListener('request', ({ socket }, response) => {
      this.#idle.delete(socket);
      if (this.#isLeaving) response.setHeader('connection', 'close');
      response.once('close', () => this.#onAnswered(socket));
    });
  }

  /** Takes no connection any more; resolves when those that are open have been answered, or have said nothing in their time. */
  say(): Promise<void> {
    this.#isLeaving = true;
    return new Promise((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
      for (const socket of this.#idle) socket.destroy();
    });
  }

  #onAnswered(socket: Socket): void {
    if (socket.destroyed) return;
    if (this.#isLeaving) socket.end();
    else this.#idle.add(socket);
  }
}
