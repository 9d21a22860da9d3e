import type { Duplex } from 'node:stream';
import type { Framing, GatewayError, HeaderList } from '@sallyport/kernel';

/**
 * What the pipeline asks of an upstream and what it gets back. The transport behind it (sockets, pools, retries) can be
 * replaced without the pipeline noticing.
 */
export interface Upstream {
  readonly name: string;
  /**
   * True when the circuit breaker lets requests through and at least one server is not known to be down. For health pages:
   * `dispatch` may be called at any time.
   */
  isAvailable(): boolean;
  /** For listings. */
  status(): UpstreamStatus;
  /**
   * Sends a request to one of the servers. Never throws: what goes wrong arrives in `sink.onFailure`. No callback comes
   * before this call has returned.
   */
  dispatch(request: UpstreamRequest, sink: ResponseSink): UpstreamCall;
}

/** What an operator wants to know of an upstream. */
export interface UpstreamStatus {
  readonly serversUp: number;
  readonly serversAll: number;
  readonly isBreakerOpen: boolean;
}

export interface UpstreamRequest {
  readonly method: string;
  /** Origin form, normalised; goes into the request line as it is. */
  readonly target: string;
  /** Value of Host; undefined: the server's own name. */
  readonly authority: string | undefined;
  /** End-to-end fields, flat: name, value, name, value. Without Host, Connection and framing, which the upstream writes. */
  readonly headers: readonly string[];
  readonly framing: Framing;
  /** Key for consistent hashing: the client's network. */
  readonly hashKey: string;
  /** A WebSocket handshake: `Connection: Upgrade` and `Upgrade: websocket` are written, a 101 ends in `onUpgrade`. */
  readonly isUpgrade: boolean;
}

/**
 * Receives one response. After `onHead`: any number of `onData`, then exactly one of `onEnd` or `onFailure`.
 * `onFailure` may also come first and alone; `onUpgrade` comes instead of everything else. After any of the three last
 * ones nothing more comes.
 */
export interface ResponseSink {
  /** The head has been sent on an open connection: the request body may flow. Called at most once, never without a body. */
  onBodyWanted(): void;
  /** The request body may go on after `write` returned false. */
  onDrain(): void;
  onHead(head: ResponseHead): void;
  /**
   * Returns false to pause; `UpstreamCall.resume` goes on. What had been read already (64 KiB at most) still comes, and so
   * may `onEnd`. `chunk` is the receiver's: nobody writes to it again.
   */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onFailure(error: GatewayError): void;
  /** `socket` is paused, and nobody listens to its data or its errors any more; `firstBytes` came behind the head. */
  onUpgrade(head: ResponseHead, socket: Duplex, firstBytes: Buffer): void;
}

export interface ResponseHead {
  /** 200 to 599, or 101 in `onUpgrade`. */
  readonly status: number;
  readonly statusText: string;
  /** Names in lower case, all fields as they came, hop-by-hop ones included; framing has been checked and understood. */
  readonly headers: HeaderList;
  readonly framing: ResponseFraming;
}

export type ResponseFraming = Framing | { readonly kind: 'until-close' };

/**
 * One request under way. Every function may be called at any time, any number of times; after the last callback they do
 * nothing. A server may answer before it has read the whole request: after `onEnd` the rest of the body is not wanted.
 */
export interface UpstreamCall {
  /**
   * A piece of the request body, after `onBodyWanted`. False: wait for `onDrain`. A body that is longer or shorter than
   * announced is a bug: the call fails with INTERNAL and the connection is closed.
   */
  write(chunk: Buffer): boolean;
  /** The request body is complete. */
  end(): void;
  resume(): void;
  /** Nobody wants the answer any more: the connection to the server is closed, no callback follows. */
  abort(): void;
  /** The server asked last, for events: `host:port` or `unix:path`; '' when none was. */
  readonly server: string;
  /** Tries made so far. */
  readonly attempts: number;
  /** Milliseconds from `dispatch` to the response's head; -1 when none has come. */
  readonly headMs: number;
}
