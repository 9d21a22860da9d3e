/**
 * What an exchange asks of the transport that carries it: one request inbound, one response outbound. The protocol behind
 * it (HTTP/1.1 by `node:http`, HTTP/2 by `node:http2`) can be replaced without an exchange noticing.
 *
 * A transport implements these on the objects it has anyway, so that a request costs no wrapper.
 */

/** A request head as the transport's parser hands it over: nothing in it has been judged. */
export interface RawHead {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly httpVersionMinor: number;
  /** Flat: name, value, name, value. */
  readonly rawHeaders: readonly string[];
  /** A body follows. Undefined where the header fields say that (HTTP/1.1). */
  readonly hasBody?: boolean;
}

/** A request under way. Nothing of its body is handed over before `receive`. */
export interface InboundRequest extends RawHead {
  /** The whole request has been read; what follows on the connection is another one. */
  readonly complete: boolean;
  /** The client has announced a body, and the end of it has not come. */
  readonly isBodyMissing: boolean;
  /** The transport must not read another request behind this one. */
  readonly isLastOfConnection: boolean;
  /** The field `Accept`: what a refusal should look like. */
  readonly accept: string | undefined;
  /**
   * Lets the body flow, once: every piece, then its end. Until then the transport holds back what comes, within its own
   * bounded buffers, and its client feels that. Nothing of it comes before this call has returned.
   */
  receive(receiver: BodyReceiver): void;
  /** Behind `receive`: hands over at once what has been read already. For a body of which no more comes. */
  handOverRead(): void;
  /** What has been read already may still come. */
  pause(): void;
  /** Goes on after `pause`; a body that nobody receives is read and thrown away. */
  resume(): void;
}

/** Receives a request body. */
export interface BodyReceiver {
  onBody(chunk: Buffer): void;
  onBodyEnd(): void;
}

/** The one response of a request. */
export interface OutboundResponse {
  /** A status is out: no other can be given. */
  readonly headersSent: boolean;
  /** Everything has been handed to the operating system. */
  readonly writableFinished: boolean;
  /** Bytes that wait for the client. */
  readonly waitingBytes: number;
  /** A number that grows when the client takes bytes. */
  readonly takenBytes: number;
  /** Calls `onClose` when the response is out, or can no longer go out. */
  attach(owner: ResponseOwner): void;
  /** Answers `Expect: 100-continue`. */
  sendContinue(): void;
  /**
   * `fields` are flat (name, value) and belong to the transport from here on. Without `statusText` the status has its usual
   * text, where the protocol has such texts at all.
   */
  sendHead(status: number, statusText: string | undefined, fields: string[]): void;
  /** The head need not wait for the first piece of the body. */
  flushHead(): void;
  /** Takes a piece of the body. False: enough is waiting; `whenDrained` says when there is room. */
  sendBody(chunk: Buffer): boolean;
  /** Calls back once when the client has taken what waits for it. */
  whenDrained(callback: () => void): void;
  /** Completes the response, with the last or only piece of its body. */
  finish(body?: Buffer | string): void;
  /** No request may follow on the connection, as far as the protocol lets requests follow one another. */
  endConnectionAfter(): void;
  /**
   * Nobody will read what is missing of the request body, and the client shall see the answer all the same. `linger` is
   * called when all that is left is to read and throw away, and the connection has to end.
   */
  abandonBody(linger: () => void): void;
  /** Breaks off visibly, with what the kernel has taken so far: an incomplete response must not look like a whole one. */
  cut(): void;
}

/** Whom a response tells of its end. */
export interface ResponseOwner {
  onClose(): void;
}
