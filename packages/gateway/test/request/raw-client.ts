import { connect, type Socket } from 'node:net';
import { readResponses, type WireResponse } from './response-reader.ts';

/** A client that sends exactly the bytes it is told to. */
export class RawClient {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  readonly #waiters = new Set<() => void>();
  /** The other side sent its end, or the connection broke. */
  isEnded = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    for (const name of ['end', 'close', 'error']) {
      socket.on(name, () => {
        this.isEnded = true;
        this.#wake();
      });
    }
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket);
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  send(bytes: string): void {
    this.#socket.write(bytes, 'latin1');
  }

  /** Sends its end and goes on listening. */
  end(): void {
    this.#socket.end();
  }

  /** Waits for so many final responses, or for the end of the connection. */
  async responses(count: number, method = 'GET'): Promise<readonly WireResponse[]> {
    const read = (): readonly WireResponse[] => readResponses(this.bytes, () => method === 'HEAD').responses;
    await this.until(() => this.isEnded || read().length >= count);
    return read();
  }

  /** Everything that comes until the other side ends the connection. */
  async ended(): Promise<Buffer> {
    await this.until(() => this.isEnded);
    return this.bytes;
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}
