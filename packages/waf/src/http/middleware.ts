import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Interruption } from '../engine/outcome.ts';
import type { Transaction, TransactionHeader } from '../engine/transaction.ts';
import type { Waf } from '../engine/waf.ts';
import { readBody } from './request-body.ts';
import { inspectResponse } from './response.ts';

/**
 * Lets bodies that are larger than `requestBodyBytesMax` through, looked at up to there. Who sends enough harmless bytes in
 * front of an attack is not seen any more; a symbol, because such a thing should not come from a file.
 */
export const INSPECT_BEGINNING_ONLY: unique symbol = Symbol('inspect only the beginning of larger bodies');

export interface WafMiddlewareOptions {
  readonly waf: Waf;
  /** Bytes of a request body that are kept and looked at. Integer, at least 1. Default 1,048,576. */
  readonly requestBodyBytesMax?: number;
  /** What becomes of a larger body. Default: refused with 413. */
  readonly largerBodies?: typeof INSPECT_BEGINNING_ONLY;
  /**
   * Whether answers are looked at too. Their bodies are held back until they are complete or larger than
   * `responseBodyBytesMax`, and only those of a type that the rules want to see (`SecResponseBodyMimeType`), never event
   * streams and never encoded ones. Default: `none`.
   */
  readonly responses?: 'inspect' | 'none';
  /** Bytes of an answer that are held back. Integer, at least 1. Default 524,288. */
  readonly responseBodyBytesMax?: number;
  /** The client's address, for those who stand behind a proxy that they trust. Default: the other end of the connection. */
  readonly clientIp?: (request: IncomingMessage) => string;
  /** Told of every exchange when it is over: the place for logs. `explain(transaction)` says what happened. */
  readonly onEnd?: (transaction: Transaction, request: IncomingMessage) => void;
}

/** Goes in front of a handler of `node:http` and of frameworks that take such functions. */
export type WafMiddleware = (request: IncomingMessage, response: ServerResponse, next: () => void) => void;

/**
 * A middleware that looks at requests, and at answers if it shall, before the application does. What the rules refuse is
 * answered here and `next` is not called; what passes reaches `next` with its body unread, the same bytes that were judged.
 * Upgrades do not come through middlewares and are not looked at.
 *
 * A body that is compressed is refused with 415: rules cannot read it, and the application might.
 */
export function wafMiddleware(options: WafMiddlewareOptions): WafMiddleware {
  const { waf, requestBodyBytesMax = REQUEST_BODY_BYTES_MAX } = options;
  return (request, response, next) => {
    const transaction = waf.transaction(randomUUID());
    response.once('close', () => {
      transaction.processLogging();
      options.onEnd?.(transaction, request);
    });
    const refusal = judgeHead(transaction, request, options);
    if (refusal !== undefined) return refuse(response, refusal);
    if (isEncoded(request)) return answer(response, 415, 'The body may not be encoded.\n');
    readBody(request, requestBodyBytesMax, (body) => {
      if (body.kind === 'gone') return;
      if (body.kind === 'larger' && options.largerBodies !== INSPECT_BEGINNING_ONLY) {
        return answer(response, 413, 'The body is too large.\n');
      }
      const interruption = transaction.processRequestBody(body.bytes);
      if (interruption !== undefined) return refuse(response, interruption);
      // The same bytes that were judged, in front of what may still come.
      if (body.bytes !== undefined) request.unshift(body.bytes);
      if (options.responses === 'inspect') {
        const bytesMax = options.responseBodyBytesMax ?? RESPONSE_BODY_BYTES_MAX;
        inspectResponse(transaction, { request, response, bytesMax, refuse: (one) => refuse(response, one) });
      }
      next();
    });
  };
}

/** Memory that one request may hold. */
const REQUEST_BODY_BYTES_MAX = 1_048_576;

/** As ModSecurity recommends. */
const RESPONSE_BODY_BYTES_MAX = 524_288;

/** Phase 1. */
function judgeHead(
  transaction: Transaction,
  request: IncomingMessage,
  { clientIp }: WafMiddlewareOptions,
): Interruption | undefined {
  const { socket, method = '', url = '', httpVersion } = request;
  transaction.processConnection({
    clientIp: clientIp?.(request) ?? plainAddress(socket.remoteAddress),
    clientPort: socket.remotePort ?? 0,
    serverIp: plainAddress(socket.localAddress),
    serverPort: socket.localPort ?? 0,
  });
  transaction.processUri({ method, target: url, protocol: `HTTP/${httpVersion}` });
  return transaction.processRequestHeaders(pairsOf(request.rawHeaders));
}

/** An IPv4 client of a socket for both families is the client it is. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.)/, '');
}

function pairsOf(raw: readonly string[]): readonly TransactionHeader[] {
  const pairs: TransactionHeader[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? '']);
  return pairs;
}

function isEncoded({ headers }: IncomingMessage): boolean {
  const encoding = headers['content-encoding'];
  return encoding !== undefined && !/^\s*(?:identity)?\s*$/i.test(encoding);
}

function refuse(response: ServerResponse, { kind, status, location }: Interruption): void {
  if (kind === 'drop') {
    response.destroy();
    return;
  }
  if (kind === 'redirect' && location !== undefined) response.setHeader('Location', location);
  answer(response, status, kind === 'redirect' ? '' : 'The request was refused.\n');
}

/** Ends the connection as well: what is left of the request's body is not worth reading. */
function answer(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('Content-Length', String(Buffer.byteLength(text)));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Connection', 'close');
  response.end(text);
}
