import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { acceptFor } from '../../src/websocket/handshake.ts';
import { readStream, type SeenStream } from './frame-builder.ts';
import { portOf } from './harness.ts';

/** One end of a WebSocket connection whose bytes a test writes and reads itself. */
export class RawPeer {
  readonly socket: Duplex;
  /** Who is at the other end: decides how its frames are read. */
  readonly #from: 'client' | 'server';
  readonly #chunks: Buffer[] = [];
  readonly #waiters = new Set<() => void>();
  hasEnded = false;
  byteCount = 0;

  constructor(socket: Duplex, from: 'client' | 'server', firstBytes: Buffer) {
    this.socket = socket;
    this.#from = from;
    this.#chunks.push(firstBytes);
    this.byteCount = firstBytes.length;
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.byteCount += chunk.length;
      this.#wake();
    });
    for (const name of ['end', 'close', 'error']) {
      socket.on(name, () => {
        this.hasEnded = true;
        this.#wake();
      });
    }
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get seen(): SeenStream {
    return readStream(this.bytes, this.#from);
  }

  /** The close code received; 0: a close frame without one, -1: no close frame. */
  get closeCode(): number {
    const close = this.seen.frames.find(({ opcode }) => opcode === 8);
    if (close === undefined) return -1;
    return close.payload.length === 0 ? 0 : close.payload.readUInt16BE(0);
  }

  async until(isReached: () => boolean): Promise<void> {
    while (!isReached()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /** Waits until the other end has closed or reset the connection. */
  async ended(): Promise<void> {
    await this.until(() => this.hasEnded);
  }

  #wake(): void {
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }
}

/** A client that shakes hands by hand and from then on writes what the test wants. */
export async function rawClient(port: number): Promise<RawPeer> {
  const socket = connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.write(
    'GET / HTTP/1.1\r\nHost: arena\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const firstBytes = await new Promise<Buffer>((resolve) => {
    let head = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end === -1) return;
      socket.off('data', onData);
      resolve(head.subarray(end + 4));
    };
    socket.on('data', onData);
  });
  return new RawPeer(socket, 'server', firstBytes);
}

/** An upstream that shakes hands and then leaves the bytes to the test. */
export class RawUpstream {
  readonly peers: RawPeer[] = [];
  readonly #server: Server = createServer();
  readonly #firstBytes: Buffer;

  /** `firstBytes` are written behind the 101, in the same packet. */
  constructor(firstBytes: Buffer = Buffer.alloc(0)) {
    this.#firstBytes = firstBytes;
    this.#server.on('upgrade', (message, socket, head) => {
      const accept = acceptFor(message.headers['sec-websocket-key'] ?? '');
      const lines = ['HTTP/1.1 101 x', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`];
      socket.on('error', () => socket.destroy());
      socket.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), this.#firstBytes]));
      this.peers.push(new RawPeer(socket, 'client', head));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return portOf(this.#server);
  }

  async stop(): Promise<void> {
    for (const { socket } of this.peers) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
