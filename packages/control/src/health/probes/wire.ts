import type { Socket } from 'node:net';
import { failureOf, ProbeError } from '../probe.ts';

/** Bytes that one check reads of what a server sends; an honest server says less than a kilobyte. */
export const CHECK_BYTES_MAX = 65_536;

/** A connection that is read by the piece, up to a limit in all. */
export class Wire {
  readonly socket: Socket;
  readonly #signal: AbortSignal;
  #held: Buffer = Buffer.alloc(0);
  #received = 0;
  #failure: ProbeError | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, signal: AbortSignal) {
    this.socket = socket;
    this.#signal = signal;
    socket.on('data', this.#onData).on('error', this.#onError).on('close', this.#onClose).on('end', this.#onClose);
    signal.addEventListener('abort', this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  /** Bytes that came and were not taken. */
  get unreadBytes(): number {
    return this.#held.length;
  }

  write(bytes: Uint8Array | string): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** The next `count` bytes. @throws ProbeError when they do not come, or are more than a check reads. */
  async take(count: number): Promise<Buffer> {
    if (count > CHECK_BYTES_MAX) throw new ProbeError('TOO_LARGE');
    while (this.#held.length < count) await this.#more();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** Everything before the next `end`, which is taken as well; at most `bytesMax` bytes. @throws ProbeError as `take`. */
  async takeUntil(end: string, bytesMax: number): Promise<Buffer> {
    let searched = 0;
    for (;;) {
      const at = this.#held.indexOf(end, searched, 'latin1');
      if (at > bytesMax || (at < 0 && this.#held.length > bytesMax)) throw new ProbeError('TOO_LARGE');
      if (at >= 0) {
        const taken = await this.take(at + end.length);
        return taken.subarray(0, at);
      }
      searched = Math.max(0, this.#held.length - end.length + 1);
      await this.#more();
    }
  }

  /** Gives the connection to somebody else, who reads on. */
  detach(): Socket {
    this.#leave();
    return this.socket;
  }

  /** Ends it at once: a check has nothing more to say, and owes no farewell. */
  close(): void {
    this.#leave();
    this.socket.on('error', ignore).destroy();
  }

  #leave(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
    this.socket.off('data', this.#onData).off('error', this.#onError);
    this.socket.off('close', this.#onClose).off('end', this.#onClose);
  }

  async #more(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  readonly #onData = (bytes: Buffer): void => {
    this.#received += bytes.length;
    if (this.#received > CHECK_BYTES_MAX) return this.#fail(new ProbeError('TOO_LARGE'));
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#wake?.();
  };

  readonly #onError = (error: Error): void => {
    const { code, detail } = failureOf(error);
    this.#fail(new ProbeError(code, detail));
  };

  readonly #onClose = (): void => this.#fail(new ProbeError('CLOSED'));

  readonly #onAbort = (): void => this.#fail(new ProbeError('TIMEOUT'));

  #fail(error: ProbeError): void {
    // The first one is why; what is held may still be taken, and is no reason to go on reading.
    this.#failure ??= error;
    this.socket.on('error', ignore).destroy();
    this.#wake?.();
  }
}

function ignore(): void {
  // After the end of a check whatever happens to its connection is nobody's business.
}
