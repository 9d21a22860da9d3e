import { type Client, type GatewayError, PROFILES, type Reason, type RequestLimits, reason } from '@sallyport/kernel';
import { ExchangeRecord } from '../emit/record.ts';
import type { Dismissal, LiveExchange } from '../listener/connection-table.ts';
import { type Answerable, answerTo, denyFor } from '../respond/refusal.ts';
import type { BodyReceiver, InboundRequest, OutboundResponse, ResponseOwner } from '../transport/port.ts';
import type { ResponseHead, ResponseSink, UpstreamCall } from '../upstream/port.ts';
import type { Batched, Consequence } from './batch.ts';
import type { Arrival, GatewayContext } from './context.ts';
import { type Expiry, FAULT_OF } from './expiry.ts';
import { noteInternalError } from './failures.ts';
import { clientFields, upstreamRequest } from './forward.ts';
import { bearWitnessOfBody, endExchange, InspectedExchange, type Refusal } from './inspected.ts';
import { type Forward, type Judged, judge } from './judge.ts';
import { BodyPace, ReaderPace } from './pace.ts';

/**
 * One HTTP request from its head to its event: judged, then refused or carried to an upstream and back.
 *
 * Every way out ends in `#end`, which emits the event once. What the client does wrong, what the upstream does wrong and
 * what time does are method calls from outside; none of them throws.
 *
 * Where inspection wants it, bodies wait in `InspectedExchange` before they go on in either direction.
 */
export class HttpExchange implements BodyReceiver, ResponseOwner, ResponseSink, LiveExchange {
  readonly #context: GatewayContext;
  readonly #arrival: Arrival;
  readonly #request: InboundRequest;
  readonly #response: OutboundResponse;
  readonly #record: ExchangeRecord;
  /** Why the body is broken, once that is known: what comes before is judged, and never forwarded. */
  #malformed: Reason | undefined;
  readonly #onEnd: (exchange: HttpExchange) => void;
  /** The last one that was asked for. */
  #judgement: Batched | undefined;
  /** Something has ended it: whatever its judgement says, no server is asked any more. */
  #isOver = false;
  #call: UpstreamCall | undefined;
  #inspected: InspectedExchange | undefined;
  /** The route's once one is known; until then a bound on how long a refusal may take. */
  #limits: RequestLimits = PROFILES.api.request;
  #isContinueExpected = false;
  /** The stage `protocol` only observes; the body limit, which is its, then only leaves a note. */
  #isBodyLimitObserved = false;
  #state: 'judging' | 'forwarding' | 'answered' | 'ended' = 'judging';
  #isEventStream = false;
  /** The client has to read before the upstream is asked for more. */
  #isDrainAwaited = false;
  readonly #bodyPace = new BodyPace();
  readonly #readerPace = new ReaderPace();
  /** A small body that arrives in one piece leaves together with its head. */
  #wholeBodyBytes = -1;
  #wholeBody: Buffer | undefined;

  constructor(
    context: GatewayContext,
    arrival: Arrival,
    message: { request: InboundRequest; response: OutboundResponse; malformed: Reason | undefined },
    onEnd: (exchange: HttpExchange) => void,
  ) {
    this.#context = context;
    this.#arrival = arrival;
    this.#request = message.request;
    this.#response = message.response;
    this.#malformed = message.malformed;
    this.#onEnd = onEnd;
    this.#record = ExchangeRecord.begin(context.clock, arrival.door.name, arrival.connection.client);
    context.metrics.activeRequests.add(1);
  }

  get client(): Client | undefined {
    return this.#record.client;
  }

  /** The whole request has been read; what follows on the connection is another one. */
  get isRequestComplete(): boolean {
    return this.#request.complete;
  }

  begin(): void {
    if (this.#request.isLastOfConnection) this.#response.endConnectionAfter();
    this.#response.attach(this);
    this.#judgement = this.#context.batch.add(() => this.#judge(), this.#onInternalError);
  }

  /** The transport's parser could not go on inside this request's body. */
  onMalformedBody(why: Reason): void {
    this.#malformed = why;
    this.#judgeForEvent();
    // The answer is out already: what is left of the body changes nothing, and cutting the connection could lose it.
    if (this.#state === 'answered') return;
    this.#refuseBroken(why);
  }

  /** The transport has ended this exchange, because of what the client did: nothing can be answered any more. */
  onBroken(why: Reason): void {
    this.#judgeForEvent();
    if (this.#state === 'ended') return;
    this.#call?.abort();
    this.#record.noteEnd({ kind: 'drop', reason: why }, 'strictness', 'client');
    this.#cut();
  }

  /** The response is out, or can no longer go out. Safe to call twice. */
  onClose(): void {
    this.#judgeForEvent();
    if (this.#state === 'ended') return;
    if (this.#state !== 'answered' || !this.#response.writableFinished) {
      this.#call?.abort();
      this.#record.noteEnd({ kind: 'drop', reason: reason('CLIENT_CLOSED') }, 'connection', 'client');
    }
    this.#end();
  }

  sweep(nowMs: number): void {
    const limits = this.#limits;
    if (this.#state === 'ended') return;
    if (nowMs - this.#record.startedMs > limits.totalMs && !this.#isEventStream) {
      // 408 invites a client to send the request again; only one that never sent it whole may take up the invitation.
      const isClientLate = this.#bodyPace.hasBegun && !this.#request.complete;
      return this.#expire(isClientLate ? 'REQUEST_TIMEOUT' : 'UPSTREAM_TIMEOUT');
    }
    const isBodyMissing = !this.#request.complete;
    if (isBodyMissing && this.#bodyPace.isTooSlow(nowMs, this.#record.bytesIn, limits))
      return this.#expire('BODY_TIMEOUT');
    if (this.#readerPace.isStalled(nowMs, this.#response, limits.stallMs)) return this.#expire('RESPONSE_STALLED');
    this.#inspected?.sweep(nowMs);
  }

  onShutdown(): void {
    this.dismiss('DRAINING');
  }

  dismiss(code: Dismissal): void {
    this.#expire(code);
    if (this.#state === 'ended') return;
    // What the kernel has taken of the answer still goes out.
    this.#cut();
  }

  onBody(chunk: Buffer): void {
    const inspected = this.#inspected?.isBodyHere ? this.#inspected : undefined;
    if (this.#state !== 'forwarding' && (this.#state !== 'judging' || inspected === undefined)) return;
    this.#record.bytesIn += chunk.length;
    if (this.#record.bytesIn > this.#limits.bodyBytesMax) {
      if (!this.#isBodyLimitObserved) {
        this.#call?.abort();
        return this.#refuse(denyFor(reason('BODY_TOO_LARGE', `${this.#limits.bodyBytesMax} bytes`)), 'protocol', false);
      }
      this.#record.isBodyLimitExceeded = true;
    }
    if (inspected !== undefined) return this.#holdBody(chunk, inspected);
    if (this.#call?.write(chunk) === false) this.#pauseBody();
  }

  onBodyEnd(): void {
    const inspected = this.#inspected;
    if (!inspected?.isBodyHere) return this.#call?.end();
    inspected.endBody();
    if (inspected.isHolding) this.#judgeBody(inspected);
  }

  onBodyWanted(): void {
    const inspected = this.#inspected;
    if (!inspected?.isBodyHere || this.#call === undefined) return this.#receiveBody();
    if (!inspected.send(this.#call)) this.#pauseBody();
    else if (this.#bodyPace.isPaused) this.onDrain();
  }

  onDrain(): void {
    this.#inspected?.release();
    this.#bodyPace.resume(this.#context.clock.monotonicMs());
    this.#request.resume();
  }

  onHead(head: ResponseHead): void {
    if (this.#state !== 'forwarding') return;
    const fields = clientFields(head, this.#record.requestId);
    this.#isEventStream = head.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    // An answer before the end of the body: the server may never want the rest, which then is not worth waiting for.
    const isLast = this.#context.isDraining() || this.#arrival.door.isRetired;
    if (isLast || this.#request.isBodyMissing) this.#response.endConnectionAfter();
    this.#record.status = head.status;
    this.#response.sendHead(head.status, head.statusText, fields);
    this.#readerPace.begin(this.#context.clock.monotonicMs());
    const { framing } = head;
    if (framing.kind === 'length' && framing.bytes <= WHOLE_BODY_BYTES_MAX) this.#wholeBodyBytes = framing.bytes;
    // A stream of events may stay silent for long: its head must not wait for its first event.
    if (this.#isEventStream) this.#response.flushHead();
  }

  onData(chunk: Buffer): boolean {
    if (this.#state !== 'forwarding') return true;
    this.#record.bytesOut += chunk.length;
    if (chunk.length === this.#wholeBodyBytes) {
      this.#wholeBody = chunk;
      return true;
    }
    if (this.#response.sendBody(chunk)) return true;
    this.#awaitDrain();
    return false;
  }

  onEnd(): void {
    if (this.#state !== 'forwarding') return;
    this.#state = 'answered';
    this.#closeUnreadBody();
    this.#response.finish(this.#wholeBody);
  }

  onFailure(error: GatewayError): void {
    if (this.#state !== 'forwarding') return;
    const why = reason(error.code, error.message);
    this.#record.faultOf = error.source;
    if (!this.#response.headersSent) return this.#refuse(denyFor(why), 'upstream', false);
    // The status is out: the only honest signal left is a response that visibly breaks off.
    this.#record.note({ kind: 'deny', status: this.#record.status, reason: why }, 'upstream');
    this.#cut();
  }

  onUpgrade(): void {
    throw new Error('an upgrade was not asked for');
  }

  #onResponseRefused(verdict: Refusal): void {
    if (this.#state !== 'forwarding') return;
    this.#call?.abort();
    this.#record.faultOf = 'upstream';
    this.#act(verdict, 'waf');
  }

  /** Once for however many pieces still come. */
  #awaitDrain(): void {
    if (this.#isDrainAwaited) return;
    this.#isDrainAwaited = true;
    this.#response.whenDrained(() => {
      this.#isDrainAwaited = false;
      this.#call?.resume();
    });
  }

  // The way of a request.

  #judge(): Consequence {
    const judged = judge(this.#context, this.#arrival, this.#request, this.#record);
    if (!(judged instanceof Promise)) return () => this.#settle(judged);
    judged.then((settled) => this.#settle(settled)).catch(this.#onInternalError);
    return () => undefined;
  }

  #settle(judged: Judged): void {
    if (this.#state !== 'judging') return;
    if (judged.kind === 'forward') return this.#forwardIfWhole(judged);
    this.#act(judged.verdict, judged.decidedBy, judged.isConnectionSpoiled);
  }

  #act(verdict: Refusal, decidedBy: string, isConnectionSpoiled = false): void {
    if (verdict.kind !== 'drop') return this.#refuse(verdict, decidedBy, isConnectionSpoiled);
    this.#record.note(verdict, decidedBy);
    this.#cut();
  }

  #forwardIfWhole(judged: Forward): void {
    if (this.#malformed !== undefined) {
      bearWitnessOfBody(this.#context, this.#record, { forward: judged, request: this.#request });
      return this.#refuseBroken(this.#malformed);
    }
    // It came behind an unanswered request, so the parser did not take it for a handshake.
    if (judged.handshake !== undefined)
      return this.#refuse(denyFor(reason('UPGRADE_INVALID', 'pipelined')), 'strictness', true);
    if (!this.#isOver) this.#forward(judged);
  }

  #refuseBroken(why: Reason): void {
    // For the event: what came of it may say what it was meant to be.
    if (this.#inspected?.isHolding) this.#inspected.judgeBroken();
    this.#call?.abort();
    this.#record.faultOf = 'client';
    this.#refuse(denyFor(why), 'strictness', true);
  }

  #forward(judged: Forward): void {
    const { route, checked, policy } = judged;
    this.#isBodyLimitObserved = policy.modes.protocol === 'observe';
    this.#limits = route.request;
    this.#isContinueExpected = checked.isContinueExpected;
    this.#inspected = InspectedExchange.of(this.#context, this.#record, judged);
    if (this.#inspected?.isHolding) this.#receiveBody();
    else this.#dispatch(judged);
  }

  #receiveBody(): void {
    if (this.#isContinueExpected) this.#response.sendContinue();
    this.#bodyPace.begin(this.#context.clock.monotonicMs());
    this.#request.receive(this);
  }

  #pauseBody(): void {
    this.#bodyPace.pause(this.#context.clock.monotonicMs());
    this.#request.pause();
  }

  #holdBody(chunk: Buffer, inspected: InspectedExchange): void {
    const next = inspected.add(chunk);
    if (next === 'held') return;
    if (next !== 'judge') return this.#act(next, 'waf');
    this.#pauseBody();
    this.#judgeBody(inspected);
  }

  #judgeBody(inspected: InspectedExchange): void {
    this.#judgement = inspected.judge({
      isWanted: () => this.#state === 'judging',
      onVerdict: (verdict) => {
        if (verdict.kind !== 'pass') this.#act(verdict, 'waf');
        else if (!this.#isOver) this.#dispatch(inspected.forward);
      },
      onThrow: this.#onInternalError,
    });
  }

  #dispatch(forward: Forward): void {
    const { exchange, route, policy } = forward;
    this.#state = 'forwarding';
    this.#record.upstream = route.upstream;
    const upstream = policy.upstreams.get(route.upstream);
    if (upstream === undefined) return this.#act(denyFor(reason('UPSTREAM_UNAVAILABLE', route.upstream)), 'upstream');
    const { proofHeader } = this.#arrival.door.resolver;
    const framing = this.#inspected?.framing ?? exchange.request.framing;
    this.#call = upstream.dispatch(
      upstreamRequest(forward, { framing, proofHeader }),
      this.#inspected?.sinkFor(this, (verdict) => this.#onResponseRefused(verdict)) ?? this,
    );
  }

  #expire(code: Expiry): void {
    this.#judgeForEvent();
    if (this.#state === 'ended') return;
    this.#call?.abort();
    const why = denyFor(reason(code));
    this.#record.noteEnd(why, 'connection', FAULT_OF[code]);
    if (!this.#response.headersSent) return this.#refuse(why, 'connection', true);
    this.#cut();
  }

  /** Whoever ends the exchange does not wait for its batch, and its event says what would have become of it. */
  #judgeForEvent(): void {
    this.#isOver = true;
    this.#judgement?.now();
  }

  readonly #onInternalError = (cause: unknown): void => {
    noteInternalError(this.#context, this.#record, { what: 'an exchange failed', cause });
    this.#refuse(denyFor(reason('INTERNAL')), 'internal', true);
  };

  #refuse(verdict: Answerable, decidedBy: string, isConnectionSpoiled: boolean): void {
    if (this.#state === 'ended') return;
    this.#record.note(verdict, decidedBy);
    if (this.#response.headersSent) return this.#cut();
    this.#state = 'answered';
    const { status, headers, body } = answerTo(verdict, this.#record.requestId, this.#request.accept);
    this.#record.status = status;
    this.#record.bytesOut = Buffer.byteLength(body);
    if (isConnectionSpoiled || this.#context.isDraining()) this.#response.endConnectionAfter();
    this.#closeUnreadBody();
    this.#response.sendHead(status, undefined, [...headers]);
    this.#response.finish(body);
  }

  /** The answer is complete, and nobody will read what the client still sends. */
  #closeUnreadBody(): void {
    if (!this.#request.isBodyMissing) return;
    this.#response.abandonBody(() => this.#context.connections.linger(this.#arrival.connection));
  }

  /** Ends the exchange with its connection, which goes first: otherwise what waits behind the exchange would begin. */
  #cut(): void {
    this.#response.cut();
    this.#end();
  }

  #end(): void {
    this.#state = 'ended';
    this.#record.noteCall(this.#call);
    this.#inspected?.end();
    this.#context.metrics.activeRequests.add(-1);
    endExchange(this.#context, this.#record);
    this.#onEnd(this);
  }
}

/** Beyond it copying a body into a text costs more than it saves. */
const WHOLE_BODY_BYTES_MAX = 4_096;
