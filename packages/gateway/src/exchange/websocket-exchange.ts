import type { Duplex } from 'node:stream';
import { type Client, type GatewayError, PROFILES, type Reason, reason, type Verdict } from '@sallyport/kernel';
import { payloadExcerpt } from '../emit/payload-excerpt.ts';
import { clientFacts, ExchangeRecord } from '../emit/record.ts';
import type { Dismissal, LiveExchange } from '../listener/connection-table.ts';
import { answerTo, denyFor, rawRefusal } from '../respond/refusal.ts';
import type { InboundRequest } from '../transport/port.ts';
import type { ResponseHead, ResponseSink, UpstreamCall } from '../upstream/port.ts';
import { CLOSE, type RefusedFrame } from '../websocket/close.ts';
import {
  type Handshake,
  offerUpstream,
  switchingProtocols,
  type UpstreamOffer,
  verifyAnswer,
} from '../websocket/handshake.ts';
import type { Slot } from '../websocket/registry.ts';
import type { RelayFacts } from '../websocket/relay.ts';
import type { Arrival, GatewayContext } from './context.ts';
import { noteInternalError } from './failures.ts';
import { clientFields, upstreamAuthority, upstreamFields } from './forward.ts';
import { endExchange } from './inspected.ts';
import { type Forward, type Judged, judge } from './judge.ts';
import { WebSocketSession } from './websocket-session.ts';

/** Starts the exchange that a WebSocket handshake is. `head` are bytes the client sent behind it. */
export function beginWebSocket(
  context: GatewayContext,
  arrival: Arrival,
  message: { request: InboundRequest; head: Buffer },
): void {
  new WebSocketExchange(context, arrival, message).begin();
}

/**
 * One WebSocket handshake: judged like every request, refused as plain HTTP (so that curl sees why), or carried to the
 * upstream. Its event ends with the handshake; the connection that follows has events of its own.
 */
class WebSocketExchange implements ResponseSink, LiveExchange {
  readonly #context: GatewayContext;
  readonly #arrival: Arrival;
  readonly #request: InboundRequest;
  readonly #firstBytes: Buffer;
  readonly #record: ExchangeRecord;
  #call: UpstreamCall | undefined;
  #slot: Slot | undefined;
  #forward: (Forward & { readonly handshake: Handshake; readonly offer: UpstreamOffer }) | undefined;
  #isEnded = false;

  constructor(context: GatewayContext, arrival: Arrival, message: { request: InboundRequest; head: Buffer }) {
    this.#context = context;
    this.#arrival = arrival;
    this.#request = message.request;
    this.#firstBytes = message.head;
    const { clock } = context;
    this.#record = new ExchangeRecord(
      { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() },
      arrival.door.name,
      arrival.connection.client,
    );
    context.metrics.activeRequests.add(1);
  }

  get client(): Client | undefined {
    return this.#record.client;
  }

  begin(): void {
    const { connection } = this.#arrival;
    this.#context.connections.beginExchange(connection, this);
    connection.stream.on('close', () => this.#onClientClose());
    // Who has said its last word before the handshake is over will not speak WebSocket. A relay listens for itself.
    connection.stream.once('end', () => {
      if (!this.#isEnded) connection.stream.destroy();
    });
    const judged = judge(this.#context, this.#arrival, this.#request, this.#record);
    if (judged instanceof Promise)
      judged.then(
        (settled) => this.#settle(settled),
        (cause: unknown) => this.#onInternalError(cause),
      );
    else this.#settle(judged);
  }

  sweep(nowMs: number): void {
    const { stream } = this.#arrival.connection;
    // Nobody reads the socket now, and a stream that is not read does not tell that it has ended.
    if (!this.#isEnded && stream.readableLength === 0) stream.read(0);
    const limitMs = this.#forward?.route.request.totalMs ?? PROFILES.api.request.totalMs;
    if (this.#isEnded || nowMs - this.#record.startedMs <= limitMs) return;
    this.#call?.abort();
    this.#record.faultOf = 'upstream';
    this.#refuse(denyFor(reason('REQUEST_TIMEOUT')), 'connection');
  }

  onShutdown(): void {
    this.dismiss('DRAINING');
  }

  dismiss(code: Dismissal): void {
    this.#call?.abort();
    this.#record.faultOf = code === 'DRAINING' ? 'internal' : 'client';
    this.#refuse(denyFor(reason(code)), 'connection');
  }

  // What the upstream says: ResponseSink. A handshake has no body.

  onBodyWanted(): void {
    return;
  }

  onDrain(): void {
    return;
  }

  /** Something else than 101: the service does not want this connection. Its body is not worth carrying. */
  onHead(head: ResponseHead): void {
    this.#call?.abort();
    this.#record.faultOf = 'upstream';
    const why = reason('UPSTREAM_REFUSED_UPGRADE', `status ${head.status}`);
    // What the service decided about its client is the client's to know; what broke inside it is not.
    const status = head.status >= 400 && head.status < 500 ? head.status : 502;
    this.#refuse({ kind: 'deny', status, reason: why }, 'upstream');
  }

  onData(): boolean {
    return true;
  }

  onEnd(): void {
    return;
  }

  onFailure(error: GatewayError): void {
    this.#record.faultOf = error.source;
    this.#refuse(denyFor(reason(error.code, error.message)), 'upstream');
  }

  onUpgrade(head: ResponseHead, upstream: Duplex, upstreamFirstBytes: Buffer): void {
    const forward = this.#forward;
    const { stream } = this.#arrival.connection;
    if (this.#isEnded || forward === undefined || stream.destroyed) return void upstream.destroy();
    const answer = verifyAnswer(forward.offer, head);
    if (answer instanceof Error) {
      upstream.destroy();
      return this.onFailure(answer);
    }
    const fields = clientFields(head, this.#record.requestId).filter(isNotHandshake);
    stream.write(switchingProtocols(forward.handshake, answer, fields));
    this.#record.status = 101;
    this.#end();
    this.#open(forward, upstream, upstreamFirstBytes);
  }

  #settle(judged: Judged): void {
    if (this.#isEnded) return;
    if (judged.kind === 'refuse') return this.#refuse(judged.verdict, judged.decidedBy);
    if (judged.handshake === undefined) return this.#refuse(denyFor(reason('UPGRADE_INVALID')), 'strictness');
    this.#ask(judged, judged.handshake);
  }

  #ask(judged: Forward, handshake: Handshake): void {
    const { route, exchange, traceparent } = judged;
    const { perClientMax } = route.webSocket;
    this.#record.upstream = route.upstream;
    if (this.#context.isDraining()) return this.#refuse(denyFor(reason('DRAINING')), 'connection');
    this.#slot = this.#context.relays.reserve(route.name, exchange.client.network, perClientMax);
    if (this.#slot === undefined) {
      return this.#refuse(denyFor(reason('WEBSOCKETS_PER_CLIENT', `${perClientMax}`)), 'connection');
    }
    const upstream = judged.policy.upstreams.get(route.upstream);
    if (upstream === undefined)
      return this.#refuse(denyFor(reason('UPSTREAM_UNAVAILABLE', route.upstream)), 'upstream');
    const offer = offerUpstream(handshake);
    this.#forward = { ...judged, handshake, offer };
    const fields = upstreamFields(exchange, traceparent, this.#arrival.door.resolver.proofHeader);
    this.#call = upstream.dispatch(
      {
        method: 'GET',
        target: exchange.request.path + exchange.request.query,
        authority: upstreamAuthority(exchange, route),
        headers: [...fields, ...offer.headers],
        framing: { kind: 'none' },
        hashKey: exchange.client.network,
        isUpgrade: true,
      },
      this,
    );
  }

  #open(forward: Forward, upstream: Duplex, upstreamFirstBytes: Buffer): void {
    const { route } = forward;
    const { metrics, connections, relays } = this.#context;
    const slot = this.#slot;
    if (slot === undefined) throw new Error('a WebSocket connection without a slot');
    const { connection } = this.#arrival;
    const open = metrics.webSockets.with(route.name, 'open');
    const messages = {
      in: metrics.webSocketMessages.with('in', route.name, 'pass'),
      out: metrics.webSocketMessages.with('out', route.name, 'pass'),
    };
    const sizes = { in: metrics.webSocketMessageBytes.with('in'), out: metrics.webSocketMessageBytes.with('out') };
    open.add(1);
    this.#slot = undefined;
    const relay = relays.open(slot, {
      client: connection.stream,
      clientFirstBytes: this.#firstBytes,
      upstream,
      upstreamFirstBytes,
      limits: route.webSocket,
      observer: {
        onMessage: (direction, bytes) => {
          messages[direction].add();
          sizes[direction].observe(bytes);
        },
        onRefusal: (direction, refused, why) => {
          metrics.webSocketMessages.with(direction, route.name, 'deny').add();
          this.#emitRefusal(direction, refused, why);
        },
      },
      onClose: (facts) => {
        open.add(-1);
        metrics.webSocketDuration.with(route.name).observe(facts.durationMs / 1_000);
        metrics.webSocketCloses.with(closeCodeLabel(facts), facts.closedBy).add();
        this.#emit('close', facts);
      },
    });
    this.#emit('open', relay.facts());
    const session = new WebSocketSession({
      context: this.#context,
      forward,
      door: this.#arrival.door,
      relay,
      onProgress: () => this.#emit('progress', relay.facts()),
    });
    connections.becomeWebSocket(connection, session);
  }

  #emitRefusal(direction: 'in' | 'out', { opcode, messageBytes, payload }: RefusedFrame, why: Reason): void {
    const { requestId, listener, route, client } = this.#record;
    this.#context.emitter.message({
      requestId,
      listener,
      route,
      client: clientFacts(client),
      direction,
      opcode,
      bytes: messageBytes,
      verdict: 'deny',
      decidedBy: 'strictness',
      reason: why.code,
      reasonDetail: why.detail ?? '',
      excerpt: payloadExcerpt(payload),
    });
  }

  #emit(phase: 'open' | 'progress' | 'close', facts: RelayFacts): void {
    const { requestId, listener, route, client } = this.#record;
    this.#context.emitter.connection({
      phase,
      requestId,
      listener,
      route,
      client: clientFacts(client),
      reason: facts.reason?.code ?? '',
      reasonDetail: facts.reason?.detail ?? '',
      closeCode: facts.closeCode,
      closedBy: facts.closedBy,
      messagesIn: facts.messagesIn,
      messagesOut: facts.messagesOut,
      bytesIn: facts.bytesIn,
      bytesOut: facts.bytesOut,
      durationMs: Math.round(facts.durationMs),
    });
  }

  #onClientClose(): void {
    if (this.#isEnded) return;
    this.#call?.abort();
    this.#record.faultOf = 'client';
    this.#record.note({ kind: 'drop', reason: reason('CLIENT_CLOSED') }, 'connection');
    this.#end();
  }

  #onInternalError(cause: unknown): void {
    noteInternalError(this.#context, this.#record, { what: 'a handshake failed', cause });
    this.#refuse(denyFor(reason('INTERNAL')), 'internal');
  }

  #refuse(verdict: Exclude<Verdict, { kind: 'pass' }>, decidedBy: string): void {
    if (this.#isEnded) return;
    this.#record.note(verdict, decidedBy);
    const { stream } = this.#arrival.connection;
    if (verdict.kind === 'drop') stream.destroy();
    else {
      const answer = answerTo(verdict, this.#record.requestId, this.#request.accept);
      this.#record.status = answer.status;
      stream.end(rawRefusal(answer));
      stream.resume();
      this.#context.connections.linger(this.#arrival.connection);
    }
    this.#end();
  }

  #end(): void {
    this.#isEnded = true;
    this.#record.noteCall(this.#call);
    if (this.#record.status !== 101) this.#slot?.release();
    this.#context.metrics.activeRequests.add(-1);
    endExchange(this.#context, this.#record);
    // The connection may last for days, and its handshake is kept with it.
    if (this.#forward !== undefined) this.#forward.exchange.inspection = undefined;
  }
}

/** Peers choose codes from 3000 to 4999 freely, and a label must not be theirs to choose: only our own stand as they are. */
function closeCodeLabel({ closeCode }: RelayFacts): string {
  if (closeCode < 3_000 || OWN_CODES.has(closeCode)) return String(closeCode);
  return closeCode < 4_000 ? '3xxx' : '4xxx';
}

const OWN_CODES: ReadonlySet<number> = new Set(Object.values(CLOSE));

/** The gateway's own 101 says these. Flat list: a name stands at an even place, its value behind it. */
function isNotHandshake(_: string, index: number, fields: readonly string[]): boolean {
  return !(fields[index - (index % 2)] ?? '').startsWith('sec-websocket-');
}
