import type { ServerHttp2Stream } from 'node:http2';
import { soleValue } from '../client/raw-headers.ts';
import type { BodyReceiver, InboundRequest } from '../transport/port.ts';
import type { ClientEnd } from './flood-guard.ts';

/** The request of one HTTP/2 stream, as an exchange sees it. */
export class StreamRequest implements InboundRequest {
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  /** With the pseudo-header fields, as they came. */
  readonly rawHeaders: readonly string[];
  readonly method: string;
  readonly url: string;
  readonly isLastOfConnection = false;
  readonly #stream: ServerHttp2Stream;
  /** How the client has left the stream, as its frames say. */
  readonly #end: () => ClientEnd | undefined;

  constructor(stream: ServerHttp2Stream, rawHeaders: readonly string[], end: () => ClientEnd | undefined) {
    this.#stream = stream;
    this.rawHeaders = rawHeaders;
    this.method = soleValue(rawHeaders, ':method') ?? '';
    this.url = soleValue(rawHeaders, ':path') ?? '';
    this.#end = end;
  }

  get hasBody(): boolean {
    return !this.#stream.endAfterHeaders;
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#end() === 'ended';
  }

  get isBodyMissing(): boolean {
    return !this.#stream.endAfterHeaders && !this.#stream.readableEnded;
  }

  get accept(): string | undefined {
    return soleValue(this.rawHeaders, 'accept');
  }

  receive(receiver: BodyReceiver): void {
    this.#stream.on('data', (chunk: Buffer) => receiver.onBody(chunk));
    this.#stream.on('end', () => {
      // The stream also ends when it is reset, with whatever code. What has come then is not the whole body.
      if (this.#end() === 'ended' && this.#stream.rstCode === 0) receiver.onBodyEnd();
    });
  }

  handOverRead(): void {
    // What is read comes as 'data' as well.
    while (this.#stream.read() !== null) continue;
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }
}
