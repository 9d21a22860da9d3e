import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One connection of an HTTP/1.1 client: reads just enough for answers with a Content-Length. */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #settle: { resolve(status: number): void; reject(cause: Error): void } | undefined;
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (cause) => this.#settle?.reject(cause));
    socket.on('close', () => {
      this.isClosed = true;
      this.#settle?.reject(new Error('the server closed a connection on which it owed an answer'));
    });
    socket.setTimeout(ANSWER_MS_MAX, () => socket.destroy(new Error(`no answer in ${ANSWER_MS_MAX} ms`)));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  /** The status of the answer, once all of it has come. */
  exchange(message: Buffer): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#socket.write(message);
    });
  }

  close(): void {
    this.#settle = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const headEnd = this.#received.indexOf('\r\n\r\n');
    if (headEnd < 0 && this.#received.length <= HEAD_BYTES_MAX) return;
    const head = this.#received.toString('latin1', 0, headEnd);
    const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(head) ?? [];
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    if (status === undefined || length === undefined) {
      this.#settle?.reject(new Error(`not an answer with a length: ${head}`));
      return;
    }
    if (this.#received.length < headEnd + HEAD_END_BYTES + Number(length)) return;
    this.#received = Buffer.alloc(0);
    if (/\r\nconnection: *close/i.test(head)) {
      this.isClosed = true;
      this.#socket.destroy();
    }
    const settle = this.#settle;
    this.#settle = undefined;
    settle?.resolve(Number(status));
  }
}

const HEAD_END_BYTES = 4;

/** Longest time one answer may take, in milliseconds: a server that says nothing ends the benchmark. */
const ANSWER_MS_MAX = 60_000;

/** Longest head of an answer, in bytes: these servers send a few hundred. */
const HEAD_BYTES_MAX = 16_384;
