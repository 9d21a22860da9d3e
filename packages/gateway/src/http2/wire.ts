import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { type Frame, FrameReader } from './frames.ts';

/** Who watches the frames of a connection. Both functions are called before the frame goes any further. */
export interface FrameWatcher {
  /** False: the frame, and everything behind it, is not for the codec. */
  onFrameReceived(frame: Frame): boolean;
  onFrameSent(frame: Frame): void;
}

/**
 * The bytes between a TLS connection and the HTTP/2 codec, with somebody watching. The codec would otherwise read the socket
 * below JavaScript, where nobody sees a flood, nor why a stream was reset.
 */
export class Wire extends Duplex {
  readonly #socket: Socket;
  readonly #inbound: FrameReader;
  readonly #outbound: FrameReader;
  #isOpen = true;
  #whenDrained: (() => void) | undefined;
  /** A frame of ours, for which the codec's frames leave no gap yet. */
  #interjection: Buffer | undefined;

  constructor(socket: Socket, watcher: FrameWatcher) {
    super({ allowHalfOpen: true, autoDestroy: true });
    this.#socket = socket;
    this.#inbound = new FrameReader(PREFACE_BYTES, (frame) => {
      if (this.#isOpen && !watcher.onFrameReceived(frame)) this.#isOpen = false;
    });
    this.#outbound = new FrameReader(0, (frame) => watcher.onFrameSent(frame));
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => this.push(null));
    socket.on('drain', () => this.#onDrain());
    socket.on('close', () => this.destroy());
  }

  /** Sends a frame that the codec does not know of, between two of its own. */
  interject(frame: Buffer): void {
    this.#interjection = frame;
    this.#sendInterjection();
  }

  /** Nothing that still comes is read. */
  deafen(): void {
    this.#isOpen = false;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, callback: () => void): void {
    this.#outbound.read(chunk);
    const hasRoom = this.#socket.write(chunk);
    this.#sendInterjection();
    this.#settle(hasRoom, callback);
  }

  override _writev(chunks: readonly { chunk: Buffer }[], callback: () => void): void {
    let hasRoom = true;
    this.#socket.cork();
    for (const { chunk } of chunks) {
      this.#outbound.read(chunk);
      hasRoom = this.#socket.write(chunk);
    }
    this.#sendInterjection();
    this.#socket.uncork();
    this.#settle(hasRoom, callback);
  }

  override _final(callback: () => void): void {
    this.#socket.end();
    callback();
  }

  /** The socket is its connection's, which lets what was written go out. */
  override _destroy(_: Error | null, callback: () => void): void {
    this.#isOpen = false;
    this.#onDrain();
    if (this.#socket.writable) this.#socket.end();
    callback();
  }

  #onData(chunk: Buffer): void {
    if (!this.#isOpen) return;
    this.#inbound.read(chunk);
    if (this.#isOpen && !this.push(chunk)) this.#socket.pause();
  }

  #sendInterjection(): void {
    if (this.#interjection === undefined || !this.#outbound.isBetweenFrames || !this.#socket.writable) return;
    this.#socket.write(this.#interjection);
    this.#interjection = undefined;
  }

  #settle(hasRoom: boolean, callback: () => void): void {
    if (hasRoom || this.#socket.destroyed) callback();
    else this.#whenDrained = callback;
  }

  #onDrain(): void {
    const callback = this.#whenDrained;
    this.#whenDrained = undefined;
    callback?.();
  }
}

/** `PRI * HTTP/2.0`, with which every client begins (RFC 9113 §3.4). */
const PREFACE_BYTES = 24;
