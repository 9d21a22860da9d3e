import type * as Http2 from 'node:http2';
import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { type Client, type Http2Limits, type Reason, type ReasonCode, reason } from '@sallyport/kernel';
import { ExchangeRecord } from '../emit/record.ts';
import type { Arrival, GatewayContext } from '../exchange/context.ts';
import { HttpExchange } from '../exchange/http-exchange.ts';
import type { Dismissal, Multiplex } from '../listener/connection-table.ts';
import { HEADER_FIELDS_MAX } from '../request/head.ts';
import { FloodGuard } from './flood-guard.ts';
import { ERROR_CODE, FLAG, FRAME, type Frame, goawayFrame } from './frames.ts';
import { StreamRequest } from './stream-request.ts';
import { StreamResponse } from './stream-response.ts';
import { type FrameWatcher, Wire } from './wire.ts';

export interface Http2Options {
  readonly limits: Http2Limits;
  /** Largest header section, in bytes. */
  readonly headerBytesMax: number;
  /** Longest time from the first to the last byte of a header section. */
  readonly headerMs: number;
}

/** One request under way. */
interface Carried {
  readonly exchange: HttpExchange;
  readonly response: StreamResponse;
  /** The codec has reset the stream, with this error code. */
  resetCode: number | undefined;
}

/**
 * One HTTP/2 connection: each of its streams is an exchange of its own.
 *
 * `node:http2` speaks the protocol. Where it ends a stream or the connection itself it tells nobody why, so the frames in both
 * directions are watched (`Wire`): what it refuses gets its reason and its event here, and floods are ended before it sees them.
 */
export class Http2Connection implements Multiplex, FrameWatcher {
  readonly #context: GatewayContext;
  readonly #arrival: Arrival;
  readonly #options: Http2Options;
  readonly #guard: FloodGuard;
  readonly #wire: Wire;
  readonly #session: ServerHttp2Session;
  /** Streams that have not closed, by their number. Their exchanges may be over. */
  readonly #carried = new Map<number, Carried>();
  /** Exchanges that are not over. */
  #exchanges = 0;
  /** Streams that the codec has reset and that nobody has accounted for yet, with the error code. */
  readonly #unseenResets = new Map<number, number>();
  /** Why the connection ends before its time. */
  #failure: Reason | undefined;
  #drainSinceMs = -1;
  #isEnding = false;
  /** Accounting for a client that reads nothing. */
  #takenBefore = 0;
  #takenSinceMs: number;

  constructor(context: GatewayContext, arrival: Arrival, options: Http2Options) {
    this.#context = context;
    this.#arrival = arrival;
    this.#options = options;
    const nowMs = context.clock.monotonicMs();
    this.#takenSinceMs = nowMs;
    this.#guard = new FloodGuard(options.limits, options.headerBytesMax, nowMs);
    this.#wire = new Wire(arrival.connection.stream, this);
    this.#session = http2Codec().performServerHandshake(this.#wire, {
      settings: {
        maxConcurrentStreams: options.limits.streamsMax,
        maxHeaderListSize: options.headerBytesMax,
        initialWindowSize: WINDOW_BYTES,
      },
      // The pseudo-header fields are counted as well; one more is refused by our own strictness, with an event.
      maxHeaderListPairs: HEADER_FIELDS_MAX + PSEUDO_FIELDS_MAX + 1,
      // Which fields may occur once is judged by our own strictness; for responses it is the service's business.
      strictSingleValueFields: false,
    });
    this.#session.on('stream', (stream, _headers, _flags, rawHeaders) => this.#onStream(stream, rawHeaders));
    this.#session.on('error', ignoreSessionError);
    this.#session.on('close', () => this.#onSessionClose());
  }

  // Multiplex: what the connection table asks.

  /** Behind a tunnel the connection is everybody's; each exchange knows its own client. */
  get client(): Client | undefined {
    return this.#arrival.connection.client;
  }

  sweep(nowMs: number): void {
    for (const { exchange } of this.#carried.values()) exchange.sweep(nowMs);
    const { blockSinceMs } = this.#guard;
    if (blockSinceMs >= 0 && nowMs - blockSinceMs > this.#options.headerMs)
      this.#fail(reason('HEADER_TIMEOUT', 'HTTP/2'));
    if (this.#isClientDeaf(nowMs)) this.#fail(reason('RESPONSE_STALLED', 'HTTP/2 connection'));
    if (this.#arrival.door.isRetired || this.#drainSinceMs >= 0) this.drain();
  }

  onShutdown(): void {
    this.dismiss('DRAINING');
  }

  dismiss(code: Dismissal): void {
    for (const { exchange } of this.#carried.values()) exchange.dismiss(code);
    this.#end(ERROR_CODE.NO_ERROR);
  }

  dismissWhere(code: Dismissal, isMeant: (client: Client) => boolean): number {
    const { client } = this.#arrival.connection;
    if (client !== undefined && isMeant(client)) {
      this.dismiss(code);
      return 1;
    }
    let count = 0;
    for (const { exchange } of this.#carried.values()) {
      if (exchange.client === undefined || !isMeant(exchange.client)) continue;
      exchange.dismiss(code);
      count += 1;
    }
    return count;
  }

  /**
   * Says that nothing new should come, and ends when what is in progress is over (RFC 9113 §6.8): first a GOAWAY that refuses
   * nothing, because requests may be on their way; after a round trip, or a second without an answer, the last one.
   */
  drain(): void {
    const session = this.#session;
    if (this.#isEnding || session.destroyed) return;
    const nowMs = this.#context.clock.monotonicMs();
    if (this.#drainSinceMs < 0) {
      this.#drainSinceMs = nowMs;
      // A GOAWAY of the codec's own would make it ignore every new stream at once.
      this.#wire.interject(goawayFrame(STREAM_ID_MAX));
      session.ping(() => this.#endGracefully());
    } else if (nowMs - this.#drainSinceMs > DRAIN_ROUND_TRIP_MS) this.#endGracefully();
  }

  expire(why: Reason): void {
    const isEvicted = why.code !== 'CONNECTION_IDLE' && why.code !== 'HEADER_TIMEOUT';
    if (isEvicted) this.#record(why);
    // A client that opened a connection and asked for nothing is counted and not recorded.
    if (why.code === 'HEADER_TIMEOUT') this.#context.metrics.connectionsRefused.with(this.#name, why.code).add();
    this.#end(ERROR_CODE.NO_ERROR);
    // Somebody else gets its place now, and the table forgets it: nobody would end it if its client did not.
    if (isEvicted) setImmediate(() => this.#arrival.connection.socket.destroy());
  }

  // FrameWatcher: what the wire sees.

  onFrameReceived(frame: Frame): boolean {
    const why = this.#guard.onFrame(frame, this.#context.clock.monotonicMs());
    if (why === undefined) return true;
    this.#fail(why);
    return false;
  }

  onFrameSent({ type, flags, stream, detail }: Frame): void {
    if (type === FRAME.DATA) this.#guard.onDataSent();
    if (type === FRAME.DATA || type === FRAME.HEADERS) {
      if ((flags & FLAG.END_STREAM) !== 0) this.#carried.get(stream)?.response.onLastFrame();
    } else if (type === FRAME.RST_STREAM) this.#onResetSent(stream, detail);
    else if (type === FRAME.GOAWAY && detail !== ERROR_CODE.NO_ERROR) this.#onCodecGaveUp(detail);
  }

  // Streams.

  #onStream(stream: ServerHttp2Stream, rawHeaders: readonly string[]): void {
    const { id } = stream;
    if (id === undefined) return void stream.destroy();
    stream.on('error', ignoreStreamError);
    const request = new StreamRequest(stream, rawHeaders, () => this.#guard.endOf(id));
    const resetCode = this.#unseenResets.get(id);
    if (resetCode !== undefined || stream.destroyed || stream.closed) {
      this.#unseenResets.delete(id);
      this.#guard.forget(id);
      const why = resetCode === undefined ? undefined : malformed(resetCode);
      // The end of the whole connection would be the better reason, and may be on its way.
      setImmediate(() => this.#recordUnseen(why ?? this.#failure ?? reason('CLIENT_CLOSED'), request.method));
      return;
    }
    const response = new StreamResponse(stream, request.method === 'HEAD');
    const message = { request, response, malformed: undefined };
    const exchange = new HttpExchange(this.#context, this.#arrival, message, () => this.#onExchangeEnd());
    this.#carried.set(id, { exchange, response, resetCode: undefined });
    this.#exchanges += 1;
    if (this.#exchanges === 1) this.#context.connections.beginExchange(this.#arrival.connection, this);
    stream.on('close', () => this.#onStreamClose(id));
    exchange.begin();
  }

  /** Comes before the exchange hears of it: why the codec closed the stream is the better reason. */
  #onStreamClose(id: number): void {
    this.#guard.forget(id);
    const carried = this.#carried.get(id);
    this.#carried.delete(id);
    if (carried === undefined || carried.response.writableFinished) return;
    if (carried.resetCode !== undefined) carried.exchange.onBroken(malformed(carried.resetCode));
    else if (this.#failure !== undefined) carried.exchange.onBroken(this.#failure);
  }

  #onExchangeEnd(): void {
    this.#exchanges -= 1;
    if (this.#exchanges > 0 || this.#isEnding || this.#session.destroyed) return;
    this.#context.connections.becomeIdle(this.#arrival.connection);
  }

  #onResetSent(id: number, code: number): void {
    const carried = this.#carried.get(id);
    if (carried?.response.isCut || OUR_RESETS.has(code) || this.#failure !== undefined || this.#isEnding) return;
    // The codec is in the middle of writing: what ends the connection waits for it, and streams say themselves that they close.
    if (carried !== undefined) carried.resetCode = code;
    else if (this.#guard.endOf(id) !== undefined) {
      this.#unseenResets.set(id, code);
      setImmediate(() => this.#accountForReset(id));
    }
    this.#countError('stream', malformed(code).code);
    const flood = this.#guard.onResetProvoked(this.#context.clock.monotonicMs());
    if (flood === undefined) return;
    this.#wire.deafen();
    setImmediate(() => this.#fail(flood));
  }

  /** The codec refused a stream before it was one. */
  #accountForReset(id: number): void {
    const code = this.#unseenResets.get(id);
    this.#unseenResets.delete(id);
    this.#guard.forget(id);
    if (code !== undefined) this.#recordUnseen(malformed(code), '');
  }

  // The end of the connection.

  /** The client broke the protocol's rules, or its limits: it is told, and what it had in progress ends with that reason. */
  #fail(why: Reason): void {
    if (this.#failure !== undefined || this.#session.destroyed) return;
    this.#record(why);
    this.#end(ERROR_CODE.ENHANCE_YOUR_CALM);
  }

  /** The codec has ended the connection, which it does with its last frame. */
  #onCodecGaveUp(code: number): void {
    if (this.#failure !== undefined || this.#isEnding) return;
    const isFlood = code === ERROR_CODE.ENHANCE_YOUR_CALM;
    this.#record(reason(isFlood ? 'HTTP2_FLOOD' : 'HTTP2_PROTOCOL_ERROR', `codec: ${nameOf(code)}`));
  }

  #record(why: Reason): void {
    this.#failure = why;
    const { connection } = this.#arrival;
    const durationMs = this.#context.clock.monotonicMs() - connection.acceptedMs;
    const peer = connection.client?.peer ?? '';
    this.#countError('connection', why.code);
    const refused = { listener: this.#name, peer, client: connection.client, durationMs };
    this.#context.emitter.refusedConnection(refused, why);
  }

  /** A request that was never one to judge still has its event. */
  #recordUnseen(why: Reason, method: string): void {
    const { clock, ids, emitter } = this.#context;
    const { client } = this.#arrival.connection;
    const record = new ExchangeRecord({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }, this.#name, client);
    record.requestId = ids.requestId();
    record.method = method;
    record.httpVersion = '2';
    record.verdict = 'drop';
    record.decidedBy = why.code === 'CLIENT_CLOSED' ? 'connection' : 'strictness';
    record.reason = why.code;
    record.reasonDetail = why.detail ?? '';
    record.faultOf = 'client';
    emitter.exchange(record);
  }

  #endGracefully(): void {
    if (this.#isEnding || this.#session.destroyed) return;
    this.#isEnding = true;
    this.#guard.close();
    this.#session.close();
  }

  #end(code: number): void {
    if (this.#session.destroyed) return;
    this.#isEnding = true;
    this.#wire.deafen();
    if (code === ERROR_CODE.NO_ERROR) this.#session.destroy();
    else this.#session.destroy(new Error(nameOf(code)), code);
    this.#context.connections.linger(this.#arrival.connection);
  }

  /** The codec is done with the connection, whose last bytes may still be on their way. */
  #onSessionClose(): void {
    this.#wire.deafen();
    for (const { exchange } of this.#carried.values()) exchange.onClose();
    const { connection } = this.#arrival;
    if (!connection.stream.destroyed && connection.phase !== 'linger') this.#context.connections.linger(connection);
  }

  /** Bytes wait for the socket and none of them has left for too long; whether streams may send is another question. */
  #isClientDeaf(nowMs: number): boolean {
    const { stream } = this.#arrival.connection;
    const taken = stream.bytesWritten - stream.writableLength;
    if (stream.writableLength === 0 || taken !== this.#takenBefore) {
      this.#takenBefore = taken;
      this.#takenSinceMs = nowMs;
    }
    return nowMs - this.#takenSinceMs > WIRE_STALL_MS;
  }

  get #name(): string {
    return this.#arrival.door.name;
  }

  #countError(scope: 'stream' | 'connection', code: ReasonCode): void {
    this.#context.metrics.http2Errors.with(this.#name, scope, code).add();
  }
}

/** What one stream may send before its body is wanted, and at any time what lies unread of it (RFC 9113 §6.9.2). */
const WINDOW_BYTES = 65_535;

const PSEUDO_FIELDS_MAX = 4;

/**
 * `node:http2`. It brings twenty modules, some of them for terminals and folders, which take each worker fifteen milliseconds: whoever
 * offers HTTP/2 loads it, before there is a connection.
 */
export function http2Codec(): typeof Http2 {
  return process.getBuiltinModule('node:http2');
}

/** RFC 9113 §5.1.1. In a GOAWAY: every stream is still welcome. */
const STREAM_ID_MAX = 2 ** 31 - 1;

/** Longest wait for the client to have seen the first GOAWAY. */
const DRAIN_ROUND_TRIP_MS = 1_000;

/** Longest time in which a client takes nothing at all of what waits for its connection. */
const WIRE_STALL_MS = 30_000;

/** Codes that say nothing about the client: no error, our own way to cut, and what everybody is told when a connection goes away. */
const OUR_RESETS: ReadonlySet<number> = new Set([ERROR_CODE.NO_ERROR, ERROR_CODE.INTERNAL_ERROR, ERROR_CODE.CANCEL]);

/** What the codec's reset of a stream means. */
function malformed(code: number): Reason {
  switch (code) {
    case ERROR_CODE.REFUSED_STREAM:
      return reason('HTTP2_STREAMS_TOO_MANY');
    case ERROR_CODE.ENHANCE_YOUR_CALM:
      return reason('HEADERS_TOO_LARGE', 'HTTP/2');
    default:
      return reason('MALFORMED_REQUEST', `HTTP/2 ${nameOf(code)}`);
  }
}

function nameOf(code: number): string {
  return ERROR_NAMES[code] ?? `error ${code}`;
}

/** RFC 9113 §7, by number. */
const ERROR_NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** Streams and sessions end with errors every day; 'close' follows and does the work. */
function ignoreStreamError(): void {
  return;
}

function ignoreSessionError(): void {
  return;
}
