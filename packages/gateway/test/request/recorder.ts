import { createHash } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { RequestReader, type WireRequest } from './request-reader.ts';

/**
 * An upstream that writes down what it is sent, byte for byte, and answers every whole request with what it understood:
 * method, target, length and digest of the body.
 */
export class Recorder {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Called when bytes come and when connections open and close. */
  onActivity: () => void;
  /** Whole requests, in the order they were complete. */
  requests: WireRequest[] = [];
  /** What no strict server would have accepted. */
  faults: string[] = [];
  /** Heads of requests whose connection ended within their body. */
  cutHeads: string[] = [];

  constructor(onActivity: () => void = () => {}) {
    this.onActivity = onActivity;
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    return address.port;
  }

  /** What was recorded since the last call. */
  take(): Pick<Recorder, 'requests' | 'faults' | 'cutHeads'> {
    const taken = { requests: this.requests, faults: this.faults, cutHeads: this.cutHeads };
    this.requests = [];
    this.faults = [];
    this.cutHeads = [];
    return taken;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    this.onActivity();
    const reader = new RequestReader((request) => {
      this.requests.push(request);
      socket.write(answer(request), 'latin1');
    });
    let isFaulty = false;
    socket.on('data', (chunk: Buffer) => {
      this.onActivity();
      reader.feed(chunk);
      if (typeof reader.rest === 'string' || isFaulty) return;
      isFaulty = true;
      this.faults.push(`${reader.rest.fault} in ${JSON.stringify(chunk.toString('latin1').slice(0, 400))}`);
      socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.onActivity();
      if (reader.rest === 'incomplete') this.cutHeads.push(reader.openHead);
    });
  }
}

/** What the recorder says about a request; a test compares it with what it sent. */
export function described(method: string, target: string, body: Buffer): string {
  return `${method} ${target} ${body.length} ${createHash('sha1').update(body).digest('hex')}`;
}

function answer({ method, target, body }: WireRequest): string {
  const text = described(method, target, body);
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\n\r\n`;
  return method === 'HEAD' ? head : head + text;
}
