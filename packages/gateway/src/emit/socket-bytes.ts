import type { Socket } from 'node:net';
import type { Counter, Family } from '@sallyport/kernel';

/**
 * Bytes that sockets carried, in both directions: of all that are gone and of all that are open. Sockets count themselves, so
 * that traffic costs nothing here; they are asked when somebody looks, and when they close.
 */
export class SocketBytes {
  readonly #open = new Set<Socket>();
  readonly #in: Counter;
  readonly #out: Counter;
  #goneIn = 0;
  #goneOut = 0;

  /** `family` has one label, the direction as the gateway sees it. */
  constructor(family: Family<Counter>) {
    this.#in = family.with('in');
    this.#out = family.with('out');
  }

  /** Counts a socket until it closes. */
  watch(socket: Socket): void {
    this.enter(socket);
    socket.once('close', () => this.leave(socket));
  }

  /** Counts a socket until `leave`, for whoever hears of its end anyway. */
  enter(socket: Socket): void {
    this.#open.add(socket);
  }

  /** The socket has closed. */
  leave(socket: Socket): void {
    if (!this.#open.delete(socket)) return;
    this.#goneIn += socket.bytesRead;
    this.#goneOut += socket.bytesWritten;
  }

  /** Brings the counters up to date. */
  collect(): void {
    let received = this.#goneIn;
    let sent = this.#goneOut;
    for (const { bytesRead, bytesWritten } of this.#open) {
      received += bytesRead;
      sent += bytesWritten;
    }
    this.#in.raiseTo(received);
    this.#out.raiseTo(sent);
  }
}
