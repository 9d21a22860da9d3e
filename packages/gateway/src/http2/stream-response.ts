import type { ServerHttp2Stream } from 'node:http2';
import type { OutboundResponse, ResponseOwner } from '../transport/port.ts';
import { ERROR_CODE } from './frames.ts';

/** The response on one HTTP/2 stream, as an exchange sees it. */
export class StreamResponse implements OutboundResponse {
  readonly #stream: ServerHttp2Stream;
  readonly #isHeadRequest: boolean;
  /** Held back until it is known whether a body follows, so that one without goes out as one frame. */
  #head: { readonly status: number; readonly fields: string[] } | undefined;
  #isBodiless = false;
  #isHeadGiven = false;
  #isBodyAbandoned = false;
  #isCut = false;
  /** The last frame of the response has left the codec. */
  #isOut = false;
  #givenBytes = 0;

  constructor(stream: ServerHttp2Stream, isHeadRequest: boolean) {
    this.#stream = stream;
    this.#isHeadRequest = isHeadRequest;
  }

  get headersSent(): boolean {
    return this.#isHeadGiven;
  }

  get writableFinished(): boolean {
    return this.#isOut;
  }

  get waitingBytes(): number {
    return this.#stream.writableLength;
  }

  get takenBytes(): number {
    return this.#givenBytes - this.#stream.writableLength;
  }

  /** The gateway itself has reset the stream, or is about to. */
  get isCut(): boolean {
    return this.#isCut || this.#isBodyAbandoned;
  }

  /** The codec has sent the stream's last frame: what the stream itself knows of that comes too late when it closes with it. */
  onLastFrame(): void {
    this.#isOut = true;
  }

  attach(owner: ResponseOwner): void {
    this.#stream.on('close', () => owner.onClose());
  }

  sendContinue(): void {
    if (this.#isWritable) this.#stream.additionalHeaders({ ':status': 100 });
  }

  /** HTTP/2 has no texts beside its statuses. */
  sendHead(status: number, _: string | undefined, fields: string[]): void {
    this.#isHeadGiven = true;
    this.#head = { status, fields };
    this.#isBodiless = this.#isHeadRequest || status === 204 || status === 205 || status === 304;
  }

  flushHead(): void {
    this.#respond(this.#isBodiless);
  }

  sendBody(chunk: Buffer): boolean {
    this.#respond(this.#isBodiless);
    if (this.#isBodiless || !this.#isWritable) return true;
    this.#givenBytes += chunk.length;
    return this.#stream.write(chunk);
  }

  whenDrained(callback: () => void): void {
    this.#stream.once('drain', callback);
  }

  finish(body?: Buffer | string): void {
    const last = this.#isBodiless || body === undefined || body.length === 0 ? undefined : body;
    this.#respond(last === undefined);
    if (this.#isWritable && !this.#stream.writableEnded) {
      this.#givenBytes += last === undefined ? 0 : Buffer.byteLength(last);
      if (last === undefined) this.#stream.end();
      else this.#stream.end(last);
    }
    // RFC 9113 §8.1: the answer is complete, and what is missing of the request is not wanted. It goes out before this.
    if (this.#isBodyAbandoned && !this.#stream.destroyed) this.#stream.close(ERROR_CODE.NO_ERROR);
  }

  /** Streams do not follow one another. Whoever ends the connection lets its streams finish. */
  endConnectionAfter(): void {
    return;
  }

  abandonBody(): void {
    this.#isBodyAbandoned = true;
  }

  cut(): void {
    const stream = this.#stream;
    this.#isCut = true;
    if (stream.destroyed) return;
    // To close a stream with an error `node:http2` first ends its writable side, and that end goes out before the reset: a part
    // of a response would arrive as the whole of it, and no reset at all.
    if (!stream.writableEnded) stream._final = neverFinish;
    stream.close(ERROR_CODE.INTERNAL_ERROR);
  }

  get #isWritable(): boolean {
    return !this.#stream.destroyed && !this.#stream.closed;
  }

  #respond(isWhole: boolean): void {
    const head = this.#head;
    if (head === undefined || !this.#isWritable) return;
    this.#head = undefined;
    head.fields.unshift(':status', String(head.status));
    this.#stream.respond(head.fields, { endStream: isWhole });
  }
}

function neverFinish(): void {
  return;
}
