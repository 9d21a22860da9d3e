import { Buffer } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Interruption } from '../engine/outcome.ts';
import type { Transaction, TransactionHeader } from '../engine/transaction.ts';

interface ResponseInspection {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Bytes that are held back at most. */
  readonly bytesMax: number;
  /** Answers in the place of the application, whose header fields are gone by then. */
  readonly refuse: (interruption: Interruption) => void;
}

/**
 * Puts phases 3 and 4 between an application and its answer. The head is held back as long as the body is, so that a refusal
 * can still take its place.
 */
export function inspectResponse(transaction: Transaction, inspection: ResponseInspection): void {
  const { request, response } = inspection;
  const own = {
    writeHead: response.writeHead.bind(response),
    write: response.write.bind(response),
    end: response.end.bind(response),
    flushHeaders: response.flushHeaders.bind(response),
  };
  const restore = (): void => {
    for (const [name, value] of Object.entries(own)) replace(response, name, value);
  };
  const held = new HeldBody(inspection.bytesMax);
  let state: 'before' | 'held' | 'open' | 'refused' = 'before';

  const refuse = (interruption: Interruption): void => {
    state = 'refused';
    restore();
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    inspection.refuse(interruption);
    // Whatever the application still says, it says to nobody.
    for (const name of ['write', 'end', 'writeHead']) replace(response, name, () => response);
  };
  const judgeHead = (): void => {
    if (state !== 'before') return;
    const interruption = transaction.processResponseHeaders({
      status: response.statusCode,
      protocol: `HTTP/${request.httpVersion}`,
      headers: fieldsOf(response),
    });
    if (interruption !== undefined) refuse(interruption);
    else if (transaction.wantsResponseBody && isHoldable(response)) state = 'held';
    else release();
  };
  const release = (): void => {
    state = 'open';
    restore();
    own.writeHead(response.statusCode);
  };
  /** Phase 4, with everything there is or with more than may be held. */
  const judgeBody = (): void => {
    const interruption = transaction.processResponseBody(held.bytes);
    if (interruption !== undefined) return refuse(interruption);
    release();
    if (held.bytes !== undefined) own.write(held.bytes);
  };

  replace(response, 'writeHead', (...args: readonly unknown[]) => {
    takeHead(response, args);
    judgeHead();
    return response;
  });
  replace(response, 'flushHeaders', () => judgeHead());
  replace(response, 'write', (...args: readonly unknown[]) => {
    judgeHead();
    if (state !== 'held') return call(response, 'write', args);
    held.add(args);
    if (held.isOver) judgeBody();
    return true;
  });
  replace(response, 'end', (...args: readonly unknown[]) => {
    judgeHead();
    if (state !== 'held') return call(response, 'end', args);
    const callback = args.find((one) => typeof one === 'function');
    held.add(args.filter((one) => one !== callback));
    judgeBody();
    return call(response, 'end', callback === undefined ? [] : [callback]);
  });
}

/** What an application has written and nobody has sent. */
class HeldBody {
  readonly #chunks: Buffer[] = [];
  readonly #bytesMax: number;
  #size = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The arguments of `write`: a chunk, its encoding, a callback. */
  add([chunk, encoding, last]: readonly unknown[]): void {
    const callback = typeof encoding === 'function' ? encoding : last;
    if (typeof chunk === 'string') {
      const known = typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8';
      this.#push(Buffer.from(chunk, known));
    } else if (chunk instanceof Uint8Array) this.#push(Buffer.from(chunk));
    // It has been taken: waiting for the client would be waiting for the end of what is held.
    if (typeof callback === 'function') process.nextTick(callback);
  }

  get bytes(): Buffer | undefined {
    return this.#size === 0 ? undefined : Buffer.concat(this.#chunks);
  }

  get isOver(): boolean {
    return this.#size > this.#bytesMax;
  }

  #push(bytes: Buffer): void {
    this.#chunks.push(bytes);
    this.#size += bytes.length;
  }
}

/** Puts what `writeHead` was given where `setHeader` would have put it. */
function takeHead(response: ServerResponse, args: readonly unknown[]): void {
  const [status, second, third] = args;
  if (typeof status === 'number') response.statusCode = status;
  if (typeof second === 'string') response.statusMessage = second;
  const fields = typeof second === 'string' ? third : second;
  if (Array.isArray(fields)) {
    const flat: unknown[] = fields.flat();
    for (let index = 0; index + 1 < flat.length; index += 2)
      response.appendHeader(String(flat[index]), String(flat[index + 1]));
  } else if (typeof fields === 'object' && fields !== null) {
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) response.setHeader(name, Array.isArray(value) ? value.map(String) : String(value));
    }
  }
}

function fieldsOf(response: ServerResponse): readonly TransactionHeader[] {
  return Object.entries(response.getHeaders()).flatMap(([name, value]) =>
    [value].flat().map((one): TransactionHeader => [name, String(one)]),
  );
}

/** What goes on for as long as the connection does is not waited for, and what is encoded cannot be read. */
function isHoldable(response: ServerResponse): boolean {
  const type = String(response.getHeader('content-type') ?? '');
  return !/^\s*text\/event-stream\b/i.test(type) && response.getHeader('content-encoding') === undefined;
}

function replace(response: ServerResponse, name: string, value: unknown): void {
  Object.defineProperty(response, name, { value, writable: true, configurable: true });
}

/** What the method is now, which may be another than before. */
function call(response: ServerResponse, name: 'write' | 'end', args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(response, name);
  if (typeof method !== 'function') return response;
  const result: unknown = Reflect.apply(method, response, args);
  return result;
}
