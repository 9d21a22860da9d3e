import type { Socket } from 'node:net';
import { type Clock, type FailureSource, GatewayError, type ReasonCode } from '@sallyport/kernel';
import type { Admission, Breaker, Outcome } from './breaker.ts';
import { type ConnectionFailure, type ConnectionUser, type HttpConnection, hasBody } from './http-connection.ts';
import type { AttemptResult } from './metrics.ts';
import type { Waiter } from './pool.ts';
import type { ResponseHead, ResponseSink, UpstreamCall, UpstreamRequest } from './port.ts';
import { writeHead } from './request-head.ts';
import type { Server } from './server.ts';

/** What a call needs of its upstream. */
export interface CallContext {
  readonly clock: Clock;
  readonly breaker: Breaker;
  /** Tries of one request, the first included. */
  readonly attemptsMax: number;
  /** The server for the next try: if possible none of those that have been tried. */
  pick(hashKey: string, tried: ReadonlySet<Server> | undefined): Server;
  /** Takes one retry out of the budget, if there is one. */
  spendRetry(nowMs: number): boolean;
}

/**
 * One request with its response, over as many tries as it takes.
 *
 * A failed try is repeated, within `attemptsMax` and the budget, when nothing was written, or when the connection closed
 * before the first byte of a response, the method is idempotent (RFC 9110 §9.2.2) and there is no body. A request body
 * is never kept, so it can never be sent twice; after the first byte of a response nothing is repeated.
 */
export class Call implements UpstreamCall, ConnectionUser, Waiter {
  readonly #context: CallContext;
  readonly #request: UpstreamRequest;
  readonly #sink: ResponseSink;
  readonly #startMs: number;
  readonly #hasBody: boolean;
  readonly #admission: Admission;
  #server: Server | undefined;
  #connection: HttpConnection | undefined;
  #tried: Set<Server> | undefined;
  #attempts = 0;
  #headMs = -1;
  #isBodyWanted = false;
  #isOver = false;
  /** Idle connections are not good enough. */
  #isFreshWanted: boolean;

  /** `admission` is what the breaker said at `nowMs`. */
  constructor(context: CallContext, admission: Admission, request: UpstreamRequest, sink: ResponseSink) {
    this.#context = context;
    this.#request = request;
    this.#sink = sink;
    this.#admission = admission;
    this.#startMs = context.clock.monotonicMs();
    this.#hasBody = hasBody(request.framing);
    // A probe asks whether the server is there; an idle connection that was closed meanwhile would say nothing.
    this.#isFreshWanted = admission === 'probe';
  }

  get server(): string {
    return this.#server === undefined ? '' : this.#server.label;
  }

  get attempts(): number {
    return this.#attempts;
  }

  get headMs(): number {
    return this.#headMs;
  }

  /** Called once, in place of `refuse`. */
  start(): void {
    this.#attempt(this.#startMs);
  }

  /** Called once, in place of `start`: no server is asked. */
  refuse(source: FailureSource, message: string): void {
    const error = new GatewayError('UPSTREAM_UNAVAILABLE', { source, retry: true, message });
    process.nextTick(() => this.#finish(error));
  }

  write(chunk: Buffer): boolean {
    if (this.#isOver) return true;
    if (this.#isBodyWanted && this.#connection !== undefined) return this.#connection.write(chunk);
    this.#failInternally('a body was written before it was wanted');
    return true;
  }

  end(): void {
    if (this.#isOver || !this.#hasBody) return;
    if (this.#isBodyWanted) this.#connection?.endBody(this.#context.clock.monotonicMs());
    else this.#failInternally('a body was ended before it was wanted');
  }

  resume(): void {
    this.#connection?.resume();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#server?.pool.leave(this);
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#server?.forget('aborted');
    this.#settleBreaker('none');
  }

  onConnection(connection: HttpConnection): void {
    connection.reserve(this);
    this.#connection = connection;
    this.#send(connection, this.#context.clock.monotonicMs());
  }

  onNoConnection(error: GatewayError): void {
    if (this.#isOver) return;
    this.#isFreshWanted = false;
    // Our own limits are not the server's failure.
    this.#endAttempt(error, error.code === 'UPSTREAM_UNAVAILABLE');
    this.#retryOrFail(error, true);
  }

  onHead(head: ResponseHead): void {
    this.#headMs = this.#context.clock.monotonicMs() - this.#startMs;
    // The breaker has its answer now: a response that lasts for hours must not keep everybody else waiting.
    if (this.#admission === 'probe') this.#settleBreaker('success');
    this.#sink.onHead(head);
  }

  onData(chunk: Buffer): boolean {
    return this.#sink.onData(chunk);
  }

  onWritable(): void {
    this.#sink.onDrain();
  }

  onEnd(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection = undefined;
    this.#server?.succeed();
    if (this.#admission === 'pass') this.#settleBreaker('success');
    this.#sink.onEnd();
  }

  onUpgrade(head: ResponseHead, socket: Socket, firstBytes: Buffer): void {
    this.#isOver = true;
    this.#headMs = this.#context.clock.monotonicMs() - this.#startMs;
    this.#connection = undefined;
    this.#server?.succeed();
    this.#server?.upgraded(socket);
    this.#settleBreaker('success');
    this.#sink.onUpgrade(head, socket, firstBytes);
  }

  onConnectionFailure(failure: ConnectionFailure): void {
    if (this.#isOver) return;
    this.#connection = undefined;
    const { error, isSent, hasAnswered, isReused } = failure;
    // RFC 9112 §9.6: a server may close an idle connection at any time. That is a race, not a failure.
    const isStale = error.code === 'UPSTREAM_CLOSED' && isReused && !hasAnswered;
    // One connection was closed while it was idle: the others in the pool may have been, too.
    this.#isFreshWanted = isStale;
    this.#endAttempt(error, isStale || error.source === 'internal');
    const isRepeatable =
      !isSent ||
      (error.code === 'UPSTREAM_CLOSED' && !hasAnswered && !this.#hasBody && IDEMPOTENT.has(this.#request.method));
    this.#retryOrFail(error, isRepeatable);
  }

  #attempt(nowMs: number): void {
    const server = this.#context.pick(this.#request.hashKey, this.#tried);
    this.#server = server;
    this.#attempts += 1;
    server.begin();
    const connection = this.#isFreshWanted ? undefined : server.pool.take();
    if (connection === undefined) {
      server.pool.wait(this, nowMs);
      return;
    }
    connection.reserve(this);
    this.#connection = connection;
    if (this.#hasBody) process.nextTick(sendLater, this, connection);
    else this.#send(connection, nowMs);
  }

  /** For `sendLater` alone: `onBodyWanted` must not come before `dispatch` has returned. */
  sendNow(connection: HttpConnection): void {
    if (!this.#isOver && this.#connection === connection) {
      this.#send(connection, this.#context.clock.monotonicMs());
    }
  }

  #send(connection: HttpConnection, nowMs: number): void {
    const { method, authority, framing, isUpgrade } = this.#request;
    const head = writeHead(this.#request, authority ?? this.#server?.authority ?? '');
    if (head === undefined) {
      process.nextTick(() => this.#failInternally('the request head holds characters that cannot be sent'));
      return;
    }
    connection.send({ head, framing, isHeadRequest: method === 'HEAD', isUpgrade }, nowMs);
    if (!this.#hasBody) return;
    this.#isBodyWanted = true;
    this.#sink.onBodyWanted();
  }

  #endAttempt(error: GatewayError, isBlameless: boolean): void {
    const result = RESULTS.get(error.code) ?? 'aborted';
    if (isBlameless) {
      this.#server?.forget(result);
      this.#settleBreaker('none');
    } else {
      this.#server?.fail(result, `${error.code}: ${error.message}`);
      this.#settleBreaker('failure');
    }
  }

  #retryOrFail(error: GatewayError, isRepeatable: boolean): void {
    const nowMs = this.#context.clock.monotonicMs();
    // A probe is one question; whoever opens the breaker again must not be asked twice.
    const isAllowed = isRepeatable && this.#attempts < this.#context.attemptsMax && this.#admission === 'pass';
    if (!isAllowed || !this.#context.spendRetry(nowMs)) {
      this.#finish(error);
      return;
    }
    if (this.#server !== undefined && !this.#isFreshWanted) {
      this.#tried ??= new Set();
      this.#tried.add(this.#server);
    }
    this.#attempt(nowMs);
  }

  /** A bug of ours. */
  #failInternally(message: string): void {
    if (this.#isOver) return;
    const error = new GatewayError('INTERNAL', { source: 'internal', message });
    this.#server?.pool.leave(this);
    this.#connection?.destroy();
    this.#connection = undefined;
    this.#endAttempt(error, true);
    this.#finish(error);
  }

  #finish(error: GatewayError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.onFailure(error);
  }

  #settleBreaker(outcome: Outcome): void {
    this.#context.breaker.settle(outcome, this.#admission === 'probe', this.#context.clock.monotonicMs());
  }
}

/** RFC 9110 §9.2.2, of the methods the gateway knows. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS']);

const RESULTS: ReadonlyMap<ReasonCode, AttemptResult> = new Map([
  ['UPSTREAM_CONNECT_FAILED', 'connect_failed'],
  ['UPSTREAM_TLS_FAILED', 'tls_failed'],
  ['UPSTREAM_TIMEOUT', 'timeout'],
  ['UPSTREAM_MALFORMED', 'malformed'],
  ['UPSTREAM_CLOSED', 'closed'],
  ['UPSTREAM_UNAVAILABLE', 'unavailable'],
]);

function sendLater(call: Call, connection: HttpConnection): void {
  call.sendNow(connection);
}
