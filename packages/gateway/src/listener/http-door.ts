import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Reason, reason } from '@sallyport/kernel';
import { ExchangeRecord } from '../emit/record.ts';
import type { Arrival, Door, GatewayContext } from '../exchange/context.ts';
import { bearWitness, endExchange } from '../exchange/inspected.ts';
import { beginWebSocket } from '../exchange/websocket-exchange.ts';
import { type ReadLeniently, readLeniently, witnessOf } from '../inspection/witness.ts';
import { denyFor, rawRefusal, refusalResponse } from '../respond/refusal.ts';
import type { RawHead } from '../transport/port.ts';
import type { Connection } from './connection-table.ts';
import { Lane } from './lane.ts';
import { LeanRequest } from './lean-request.ts';
import { LeanResponse } from './lean-response.ts';
import { http } from './node-http.ts';

/**
 * HTTP/1.1 on the connections of one listener. `node:http` parses and never listens; its own deadlines are off, because the
 * connection table judges them with more knowledge.
 */
export class HttpDoor {
  readonly #context: GatewayContext;
  readonly #door: Door;
  readonly #server: Server<typeof LeanRequest, typeof LeanResponse>;
  readonly #lanes = new WeakMap<Duplex, Lane>();

  constructor(context: GatewayContext, door: Door, headerBytesMax: number) {
    this.#context = context;
    this.#door = door;
    this.#server = http.createServer({
      IncomingMessage: LeanRequest,
      ServerResponse: LeanResponse,
      insecureHTTPParser: false,
      // A request without a body needs no stream for it.
      optimizeEmptyRequests: true,
      maxHeaderSize: headerBytesMax,
      // Missing and repeated fields are refused by our own strictness, with a reason and an event.
      requireHostHeader: false,
      headersTimeout: 0,
      requestTimeout: 0,
      keepAliveTimeout: 0,
      // A WebSocket handshake with a method or body it cannot have stays a request, and is refused as one. So does one
      // behind an unanswered request: taking it would take the connection, its back-pressure included, from that answer.
      shouldUpgradeCallback: (request) =>
        request.method === 'GET' &&
        (request.headers.upgrade ?? '').toLowerCase() === 'websocket' &&
        this.#lanes.get(request.socket)?.current === undefined,
    });
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = 0;
    this.#server.on('request', (request, response) => this.#onRequest(request, response));
    this.#server.on('checkContinue', (request, response) => this.#onRequest(request, response));
    this.#server.on('checkExpectation', (request, response) => this.#onRequest(request, response));
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
    this.#server.on('connect', (request, socket) =>
      this.#refuseRaw(socket, reason('METHOD_UNSUPPORTED', request.method), request),
    );
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket));
  }

  /** Takes over a connection whose handshakes are done. */
  serve(connection: Connection): void {
    const lane = new Lane(this.#context, { door: this.#door, connection });
    this.#lanes.set(connection.stream, lane);
    connection.stream.on('close', () => lane.onClose());
    this.#context.connections.expectHead(connection);
    this.#server.emit('connection', connection.stream);
  }

  /** Answers a connection that has no response object, records why, and closes it. */
  refuse(
    arrival: Arrival,
    why: Reason,
    how: { isAnswered: boolean; read?: (clientIp: string) => ReadLeniently },
  ): void {
    const { clock, ids } = this.#context;
    const { isAnswered, read } = how;
    const record = new ExchangeRecord(
      { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() },
      this.#door.name,
      arrival.connection.client,
    );
    const verdict = denyFor(why);
    record.requestId = ids.requestId();
    record.verdict = 'deny';
    record.decidedBy = 'strictness';
    record.reason = why.code;
    record.reasonDetail = why.detail ?? '';
    record.faultOf = 'client';
    const { stream } = arrival.connection;
    if (isAnswered && stream.writable) {
      record.status = verdict.status;
      stream.end(rawRefusal(refusalResponse(verdict, record.requestId, undefined)));
      // What the client still sends is read and thrown away until its deadline, so that it sees the answer.
      stream.resume();
      this.#context.connections.linger(arrival.connection);
    } else stream.destroy();
    if (read !== undefined) bearWitness(this.#context, record, { arrival, read });
    endExchange(this.#context, record);
  }

  #onRequest(request: LeanRequest, response: LeanResponse): void {
    const lane = this.#lanes.get(request.socket);
    if (lane === undefined) return void request.socket.destroy();
    try {
      const tooDeep = lane.push(request, response);
      if (tooDeep !== undefined) this.refuse(lane.arrival, tooDeep, { isAnswered: false });
    } catch (cause) {
      this.#onInternalError(request.socket, cause);
    }
  }

  #onUpgrade(request: LeanRequest, socket: Duplex, head: Buffer): void {
    const lane = this.#lanes.get(socket);
    if (lane === undefined) return void socket.destroy();
    if (lane.isClosing) return void socket.resume();
    try {
      beginWebSocket(this.#context, lane.arrival, { request, head });
    } catch (cause) {
      this.#onInternalError(socket, cause);
    }
  }

  #onClientError(error: Error, socket: Duplex): void {
    const lane = this.#lanes.get(socket);
    const why = reasonOf(error);
    if (lane === undefined || why === undefined) return void socket.destroy();
    if (lane.isClosing) return;
    const packet = packetOf(error);
    const read = packet && ((ip: string): ReadLeniently => readLeniently(packet.bytes, packet.errorAt, ip));
    const how = read === undefined ? ANSWERED : { isAnswered: true, read };
    lane.onMalformed(why, () => this.refuse(lane.arrival, why, how));
  }

  #refuseRaw(socket: Duplex, why: Reason, request: RawHead): void {
    const lane = this.#lanes.get(socket);
    if (lane === undefined) return void socket.destroy();
    if (lane.isClosing) return void socket.resume();
    const read = (ip: string): ReadLeniently => ({ request: witnessOf(request, ip), body: undefined });
    lane.spoil(() => this.refuse(lane.arrival, why, { isAnswered: true, read }));
  }

  /** The boundary of one connection: what goes wrong inside it ends it, is counted, and goes no further (R0.5). */
  #onInternalError(socket: Duplex | Socket, cause: unknown): void {
    this.#context.metrics.internalErrors.add();
    this.#context.log.error('a connection failed', { listener: this.#door.name, error: cause });
    socket.destroy();
  }
}

/** What the parser's complaint means; undefined when the client simply went away. */
function reasonOf(error: Error): Reason | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'HPE_HEADER_OVERFLOW') return reason('HEADERS_TOO_LARGE');
  if (code === 'HPE_INVALID_EOF_STATE' || !code.startsWith('HPE_')) return undefined;
  return reason('MALFORMED_REQUEST', code);
}

const ANSWERED = { isAnswered: true } as const;

/** What the parser was reading when it gave up, and where in it. */
function packetOf(error: Error): { readonly bytes: Uint8Array; readonly errorAt: number } | undefined {
  const packet = 'rawPacket' in error ? error.rawPacket : undefined;
  const errorAt = 'bytesParsed' in error && typeof error.bytesParsed === 'number' ? error.bytesParsed : 0;
  return packet instanceof Uint8Array ? { bytes: packet, errorAt } : undefined;
}
