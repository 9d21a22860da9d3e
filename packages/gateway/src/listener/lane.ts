import { type Reason, reason } from '@sallyport/kernel';
import type { Arrival, GatewayContext } from '../exchange/context.ts';
import { HttpExchange } from '../exchange/http-exchange.ts';
import type { InboundRequest, OutboundResponse } from '../transport/port.ts';

/** Most requests that may wait on one connection for the answer before them (RFC 9112 §9.3.2, pipelining). */
const PIPELINE_DEPTH_MAX = 64;

interface Waiting {
  readonly request: InboundRequest;
  readonly response: OutboundResponse;
  /** What is wrong with its body, when that is known before its turn. */
  malformed: Reason | undefined;
}

/**
 * The requests of one HTTP/1.1 connection, one after the other.
 *
 * Pipelined requests wait for the answer before them: one connection never occupies more than one place at an upstream,
 * and effects happen in the order in which they were asked for.
 */
export class Lane {
  readonly arrival: Arrival;
  readonly #context: GatewayContext;
  readonly #waiting: Waiting[] = [];
  /** What to do once the current exchange is over and its connection cannot go on. */
  #whenSpoiled: (() => void) | undefined;
  #current: HttpExchange | undefined;

  constructor(context: GatewayContext, arrival: Arrival) {
    this.#context = context;
    this.arrival = arrival;
  }

  get current(): HttpExchange | undefined {
    return this.#current;
  }

  /**
   * The last answer of this connection is on its way. RFC 9112 §9.6: nothing more is processed. What was pipelined behind
   * a refusal that spoiled the connection would otherwise reach the upstream, although nobody can be sure that it is a
   * request.
   */
  get isClosing(): boolean {
    const { phase, stream } = this.arrival.connection;
    return phase === 'linger' || !stream.writable;
  }

  /** Takes a request in. A reason means that too many are waiting; the connection must be closed. */
  push(request: InboundRequest, response: OutboundResponse): Reason | undefined {
    if (this.isClosing) {
      // Read and thrown away, or it would keep the client from sending on until it has seen the answer.
      request.resume();
      return undefined;
    }
    if (this.#current === undefined) {
      this.#begin({ request, response, malformed: undefined });
      return undefined;
    }
    if (this.#waiting.length >= PIPELINE_DEPTH_MAX) return reason('PIPELINE_TOO_DEEP', `${PIPELINE_DEPTH_MAX}`);
    this.#waiting.push({ request, response, malformed: undefined });
    return undefined;
  }

  /**
   * The parser could not go on. That is the fault of the newest request while its body is incomplete, although it may not
   * have had its turn yet; otherwise of what follows it, which `answer` refuses.
   */
  onMalformed(why: Reason, answer: () => void): void {
    const newest = this.#waiting.at(-1);
    const current = this.#current;
    if (newest !== undefined && !newest.request.complete) newest.malformed = why;
    else if (newest === undefined && current !== undefined && !current.isRequestComplete) current.onMalformedBody(why);
    else this.spoil(answer);
  }

  /** Nothing that follows on this connection can be understood: `answer` runs when the exchanges before it are over. */
  spoil(answer: () => void): void {
    if (this.#current === undefined) answer();
    else this.#whenSpoiled = answer;
  }

  /** The connection is gone. */
  onClose(): void {
    this.#waiting.length = 0;
    this.#current?.onClose();
  }

  #begin(message: Waiting): void {
    const exchange = new HttpExchange(this.#context, this.arrival, message, () => this.#onEnd());
    this.#current = exchange;
    this.#context.connections.beginExchange(this.arrival.connection, exchange);
    exchange.begin();
  }

  #onEnd(): void {
    const { connection } = this.arrival;
    this.#current = undefined;
    // Whatever keeps the socket from closing after its last answer, there is a deadline.
    if (this.isClosing) return this.#context.connections.linger(connection);
    const next = this.#waiting.shift();
    if (next !== undefined) return this.#begin(next);
    if (this.#whenSpoiled !== undefined) return this.#whenSpoiled();
    if (!this.#context.isDraining()) return this.#context.connections.becomeIdle(connection);
    connection.stream.end();
    this.#context.connections.linger(connection);
  }
}
