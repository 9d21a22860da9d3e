import type { IncomingHttpHeaders } from 'node:http';
import type { BodyReceiver, InboundRequest } from '../transport/port.ts';
import { http } from './node-http.ts';

/**
 * An HTTP/1.1 request, as an exchange sees it. Its `headers` only what `node:http` and this class ask for.
 *
 * `node:http` reads `headers.expect` of every request, and its own getter then builds an object with every field, although
 * the gateway judges `rawHeaders`. That costs more than all stages together. What is not listed here is not there: judge
 * `rawHeaders` or a `HeaderList` instead.
 */
export class LeanRequest extends http.IncomingMessage implements InboundRequest {
  #lean: IncomingHttpHeaders | undefined;

  lean(): IncomingHttpHeaders {
    this.#lean ??= pick(this.rawHeaders);
    return this.#lean;
  }

  get accept(): string | undefined {
    return this.lean().accept;
  }

  get isBodyMissing(): boolean {
    if (this.complete) return false;
    const headers = this.lean();
    return headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  }

  /**
   * Requests after which the parser and others disagree about what follows, so that nothing may follow.
   *
   * With an upgrade that was asked for and not taken, the parser loses what came behind the request in the same packet and
   * goes on with the next: an attacker who cuts the packets would choose what counts as a request. In HTTP/1.0 a connection
   * persists only where `Connection` says so (RFC 9112 §9.3); the parser also listens to `Proxy-Connection`.
   */
  get isLastOfConnection(): boolean {
    const headers = this.lean();
    const { connection = '', upgrade } = headers;
    if (this.httpVersionMinor === 0 && !/\bkeep-alive\b/i.test(connection)) return true;
    return upgrade !== undefined && /upgrade/i.test(`${connection},${String(headers['proxy-connection'])}`);
  }

  receive(receiver: BodyReceiver): void {
    this.on('data', (chunk: Buffer) => receiver.onBody(chunk));
    this.on('end', () => receiver.onBodyEnd());
  }

  handOverRead(): void {
    // What is read comes as 'data' as well.
    while (this.read() !== null) continue;
  }
}

// TypeScript knows `headers` as a property; `node:http` defines it as an accessor, and so does this.
Object.defineProperty(LeanRequest.prototype, 'headers', {
  get(this: LeanRequest): IncomingHttpHeaders {
    return this.lean();
  },
});

/** Asked for by `node:http` (expect, te, upgrade, connection) and by `LeanRequest` (the others). Lengths are told apart first. */
const WANTED: ReadonlySet<string> = new Set([
  'te',
  'accept',
  'expect',
  'upgrade',
  'connection',
  'content-length',
  'proxy-connection',
  'transfer-encoding',
]);
const LENGTHS: ReadonlySet<number> = new Set([...WANTED].map((name) => name.length));

/** Repeated fields are joined, as `node:http` does for lists; those that are none are refused before anybody asks. */
function pick(rawHeaders: readonly string[]): IncomingHttpHeaders {
  const found: IncomingHttpHeaders = {};
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const rawName = rawHeaders[index] ?? '';
    if (!LENGTHS.has(rawName.length)) continue;
    const name = rawName.toLowerCase();
    if (!WANTED.has(name)) continue;
    const before = found[name];
    const value = rawHeaders[index + 1] ?? '';
    found[name] = before === undefined ? value : `${String(before)}, ${value}`;
  }
  return found;
}
