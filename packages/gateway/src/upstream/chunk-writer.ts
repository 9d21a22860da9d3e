import type { Socket } from 'node:net';

/**
 * Writes a request body in chunked coding (RFC 9112 §7.1), its pieces gathered.
 *
 * A client that sends its body in chunks of one byte costs itself six bytes each and would cost us three writes each: two
 * megabytes a second of them filled a processor. What arrives in one turn of the event loop leaves as one chunk.
 */
export class ChunkWriter {
  readonly #socket: Socket;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #isScheduled = false;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** False: the socket has enough waiting. `chunk` is not empty. */
  write(chunk: Buffer): boolean {
    this.#pieces.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes >= GATHERED_BYTES) this.flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.flush();
      });
    }
    return !this.#socket.writableNeedDrain;
  }

  /** Writes what was gathered; before the last chunk, and whenever enough is there. */
  flush(): void {
    const [first] = this.#pieces;
    if (first === undefined) return;
    const bytes = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    this.#drop();
    if (this.#socket.destroyed) return;
    this.#socket.cork();
    this.#socket.write(`${bytes.length.toString(16)}\r\n`, 'latin1');
    this.#socket.write(bytes);
    this.#socket.write('\r\n', 'latin1');
    this.#socket.uncork();
  }

  /** Flushes and ends the body. */
  end(): void {
    this.flush();
    this.#socket.write('0\r\n\r\n', 'latin1');
  }

  #drop(): void {
    this.#pieces = [];
    this.#bytes = 0;
  }
}

/** A piece of this size is worth writes of its own. */
const GATHERED_BYTES = 16_384;
