import type { Socket } from 'node:net';
import { type Framing, GatewayError, type ReasonCode } from '@sallyport/kernel';
import { ChunkWriter } from './chunk-writer.ts';
import type { ResponseHead } from './port.ts';
import { type ResponseHandler, ResponseParser } from './response-parser.ts';

/** Who sends a request over a connection and gets its response: a call, or a health check. */
export interface ConnectionUser {
  onHead(head: ResponseHead): void;
  /** False: read no further until `resume`. */
  onData(chunk: Buffer): boolean;
  onEnd(): void;
  onUpgrade(head: ResponseHead, socket: Socket, firstBytes: Buffer): void;
  /** The request body may go on. */
  onWritable(): void;
  onConnectionFailure(failure: ConnectionFailure): void;
}

export interface ConnectionFailure {
  readonly error: GatewayError;
  /** Something of the request may have reached the server. */
  readonly isSent: boolean;
  /** A byte of the response has come. */
  readonly hasAnswered: boolean;
  /** The connection had carried a request before: the server may have closed it because it was idle. */
  readonly isReused: boolean;
}

/** Who keeps a connection between two requests. */
export interface ConnectionOwner {
  /** The response is complete and the connection may carry another request. */
  onFree(connection: HttpConnection): void;
  /** The connection is closed, or belongs to an upgraded protocol now. Called once. */
  onGone(connection: HttpConnection): void;
}

export interface ConnectionTimeouts {
  /** From the request's last byte to the end of the response's head. */
  readonly headMs: number;
  /** Between two pieces of the response's body, and in which the server takes nothing of a waiting request body. */
  readonly idleMs: number;
}

export interface RequestBytes {
  /** Request line and header section with its empty line, latin1. */
  readonly head: string;
  readonly framing: Framing;
  readonly isHeadRequest: boolean;
  readonly isUpgrade: boolean;
}

/**
 * One connection to a server: HTTP/1.1, one request at a time.
 *
 * It owns no timer: `sweep` is called every {@link SWEEP_MS} and compares deadlines, so that a request costs no timer of
 * its own. Deadlines are therefore up to two sweeps late, never early.
 */
export class HttpConnection implements ResponseHandler {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #timeouts: ConnectionTimeouts;
  readonly #parser: ResponseParser;
  readonly #chunks: ChunkWriter;
  #user: ConnectionUser | undefined;
  #isGone = false;
  #isSent = false;
  #isRequestComplete = false;
  #hasAnswered = false;
  #hasHead = false;
  #isReused = false;
  #isPaused = false;
  #framing: Framing = NO_BODY;
  #bodyLeft = 0;
  #headDeadlineMs = Number.POSITIVE_INFINITY;
  /** Something moved since the last sweep. Hot paths set this flag instead of reading the clock. */
  #hasMoved = false;
  #stallDeadlineMs = Number.POSITIVE_INFINITY;
  #keepAliveValue = '';
  #keepAliveMs = Number.POSITIVE_INFINITY;
  /** When this connection became idle. The owner's. */
  idleSinceMs = 0;

  /** `socket` is connected, and secured where TLS is wanted; nobody else listens to it. */
  constructor(socket: Socket, owner: ConnectionOwner, timeouts: ConnectionTimeouts) {
    this.#socket = socket;
    this.#owner = owner;
    this.#timeouts = timeouts;
    this.#parser = new ResponseParser(this);
    this.#chunks = new ChunkWriter(socket);
    socket.on('data', this.#onSocketData);
    socket.on('drain', this.#onSocketDrain);
    socket.on('end', this.#onSocketEnd);
    socket.on('error', this.#onSocketError);
    socket.on('close', this.#onSocketClose);
  }

  /** False when it can carry no request any more, although `onGone` may still be under way. */
  get isUsable(): boolean {
    return !this.#isGone && this.#socket.writable && !this.#socket.readableEnded;
  }

  /** Milliseconds the server keeps an idle connection, as it said in `Keep-Alive`; infinity when it said nothing. */
  get keepAliveMs(): number {
    return this.#keepAliveMs;
  }

  /** Nothing has been written yet; failures from here on reach `user`. */
  reserve(user: ConnectionUser): void {
    this.#user = user;
    this.#isSent = false;
    this.#isRequestComplete = false;
    this.#hasAnswered = false;
    this.#hasHead = false;
    this.#hasMoved = true;
    this.#stallDeadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Writes the head. With a body, what is written before the next tick leaves in the same packet. */
  send(request: RequestBytes, nowMs: number): void {
    this.#framing = request.framing;
    this.#bodyLeft = request.framing.kind === 'length' ? request.framing.bytes : 0;
    this.#parser.expect(request);
    this.#isSent = true;
    if (hasBody(request.framing)) {
      this.#socket.cork();
      this.#socket.write(request.head, 'latin1');
      process.nextTick(uncork, this.#socket);
      return;
    }
    this.#isRequestComplete = true;
    this.#headDeadlineMs = nowMs + this.#timeouts.headMs;
    this.#socket.write(request.head, 'latin1');
  }

  /** False: wait for `onWritable`. A body longer than announced ends the connection: the rest would be a new request. */
  write(chunk: Buffer): boolean {
    // An empty chunk would be the last one (RFC 9112 §7.1).
    if (this.#isGone || chunk.length === 0) return true;
    if (this.#framing.kind === 'chunked') return this.#chunks.write(chunk);
    this.#bodyLeft -= chunk.length;
    if (this.#bodyLeft < 0 || this.#isRequestComplete) {
      this.#failInternally('the request body is longer than announced');
      return true;
    }
    return this.#socket.write(chunk);
  }

  /** The request body is complete. A body shorter than announced ends the connection. */
  endBody(nowMs: number): void {
    if (this.#isGone || this.#isRequestComplete) return;
    if (this.#framing.kind === 'chunked') this.#chunks.end();
    else if (this.#bodyLeft > 0) {
      this.#failInternally('the request body is shorter than announced');
      return;
    }
    this.#isRequestComplete = true;
    this.#headDeadlineMs = nowMs + this.#timeouts.headMs;
  }

  resume(): void {
    if (this.#isGone || !this.#isPaused) return;
    this.#isPaused = false;
    this.#hasMoved = true;
    this.#socket.resume();
  }

  /** Closes the connection at once. The user hears nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#parser.stop();
    this.#socket.destroy();
    this.#leave();
  }

  /** Ends the current request when a deadline has passed. Idle connections are the owner's business. */
  sweep(nowMs: number): void {
    if (this.#user === undefined) return;
    const isWaiting = this.#isSent && this.#isRequestComplete && !this.#hasHead;
    if (isWaiting && nowMs >= this.#headDeadlineMs) {
      this.#fail('UPSTREAM_TIMEOUT', `no response head within ${this.#timeouts.headMs} ms`);
      return;
    }
    // A client that reads or sends slowly is not the server's fault: only what the server owes us counts.
    const isReading = this.#hasHead && !this.#isPaused;
    const isWriting = !this.#isRequestComplete && this.#socket.writableNeedDrain;
    if (this.#hasMoved || !(isReading || isWriting)) {
      this.#hasMoved = false;
      this.#stallDeadlineMs = nowMs + this.#timeouts.idleMs;
      return;
    }
    if (nowMs < this.#stallDeadlineMs) return;
    const what = isReading ? 'nothing of the response body came' : 'nothing of the request body was taken';
    this.#fail('UPSTREAM_TIMEOUT', `${what} within ${this.#timeouts.idleMs} ms`);
  }

  onHead(head: ResponseHead): void {
    this.#hasHead = true;
    this.#learnKeepAlive(head);
    this.#user?.onHead(head);
  }

  onData(chunk: Buffer): void {
    if (this.#user === undefined || this.#user.onData(chunk)) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  onEnd(isPersistent: boolean): void {
    const user = this.#user;
    this.#user = undefined;
    if (this.#isPaused) {
      this.#isPaused = false;
      this.#socket.resume();
    }
    // A server may answer before it has read the whole request. What it has not read would be a new request to it.
    if (isPersistent && this.#isRequestComplete && this.isUsable) {
      this.#isReused = true;
      this.#owner.onFree(this);
    } else {
      this.destroy();
    }
    user?.onEnd();
  }

  onUpgrade(head: ResponseHead, firstBytes: Buffer): void {
    const user = this.#user;
    this.#user = undefined;
    const socket = this.#socket;
    socket.pause();
    socket.off('data', this.#onSocketData);
    socket.off('drain', this.#onSocketDrain);
    socket.off('end', this.#onSocketEnd);
    socket.off('error', this.#onSocketError);
    socket.off('close', this.#onSocketClose);
    this.#leave();
    if (user === undefined) socket.destroy();
    else user.onUpgrade(head, socket, firstBytes);
  }

  onMalformed(detail: string): void {
    this.#fail('UPSTREAM_MALFORMED', detail);
  }

  /** `Keep-Alive: timeout=5`: a connection reused in its last second would race with the server's close. */
  #learnKeepAlive(head: ResponseHead): void {
    const value = head.headers.get('keep-alive');
    if (value === undefined || value === this.#keepAliveValue) return;
    this.#keepAliveValue = value;
    const seconds = /(?:^|,)[ \t]{0,8}timeout=([0-9]{1,6})(?:$|[, \t])/i.exec(value)?.[1];
    this.#keepAliveMs =
      seconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS);
  }

  readonly #onSocketData = (chunk: Buffer): void => {
    if (this.#user === undefined) {
      // Nobody asked: bytes on an idle connection would answer the next request (response queue poisoning).
      this.destroy();
      return;
    }
    this.#hasAnswered = true;
    this.#hasMoved = true;
    this.#parser.feed(chunk);
  };

  readonly #onSocketDrain = (): void => {
    this.#hasMoved = true;
    if (!this.#isRequestComplete) this.#user?.onWritable();
  };

  readonly #onSocketEnd = (): void => {
    if (this.#user !== undefined && this.#parser.finish() === 'complete') return;
    this.#closed('the server closed the connection', undefined);
  };

  readonly #onSocketError = (cause: NodeJS.ErrnoException): void => {
    this.#closed(cause.code ?? cause.message, cause);
  };

  readonly #onSocketClose = (): void => {
    this.#closed('the connection was closed', undefined);
  };

  #closed(detail: string, cause: NodeJS.ErrnoException | undefined): void {
    if (this.#user === undefined) {
      this.destroy();
      return;
    }
    // TLS 1.3: a server refuses our certificate only after the handshake has ended for us (RFC 8446 §4.4.2.4).
    const isRefusedByTls = !this.#hasAnswered && (cause?.code ?? '').startsWith('ERR_SSL_');
    if (isRefusedByTls) this.#fail('UPSTREAM_TLS_FAILED', detail, cause);
    else if (this.#hasAnswered) this.#fail('UPSTREAM_CLOSED', `${detail} within the response`, cause);
    else this.#fail('UPSTREAM_CLOSED', `${detail} before the response`, cause);
  }

  #fail(code: ReasonCode, message: string, cause?: unknown): void {
    this.#failWith(new GatewayError(code, { source: 'upstream', retry: !this.#isSent, message, cause }));
  }

  /** A bug of ours on the way of the body. The connection cannot be used again, the process can. */
  #failInternally(message: string): void {
    this.#failWith(new GatewayError('INTERNAL', { source: 'internal', message }));
  }

  #failWith(error: GatewayError): void {
    const user = this.#user;
    const failure = { error, isSent: this.#isSent, hasAnswered: this.#hasAnswered, isReused: this.#isReused };
    this.destroy();
    user?.onConnectionFailure(failure);
  }

  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#owner.onGone(this);
  }
}

/** How often deadlines are compared, in milliseconds. Finer would cost more than deadlines of seconds are worth. */
export const SWEEP_MS = 250;

/** A connection is given up this long before the server would close it. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

const NO_BODY: Framing = { kind: 'none' };

/** A body has to be written for this framing. An announced length of 0 leaves nothing to write. */
export function hasBody(framing: Framing): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0);
}

function uncork(socket: Socket): void {
  socket.uncork();
}
