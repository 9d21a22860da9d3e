import { type IncomingHttpHeaders, IncomingMessage } from 'node:http';

/**
 * A request whose `headers` hold only what `node:http` itself and the exchange ask for.
 *
 * `node:http` reads `headers.expect` of every request, and its own getter then builds an object with every field, although
 * the gateway judges `rawHeaders`. That costs more than all stages together. What is not listed here is not there: judge
 * `rawHeaders` or a `HeaderList` instead.
 */
export class LeanRequest extends IncomingMessage {
  #lean: IncomingHttpHeaders | undefined;

  lean(): IncomingHttpHeaders {
    this.#lean ??= pick(this.rawHeaders);
    return this.#lean;
  }
}

// TypeScript knows `headers` as a property; `node:http` defines it as an accessor, and so does this.
Object.defineProperty(LeanRequest.prototype, 'headers', {
  get(this: LeanRequest): IncomingHttpHeaders {
    return this.lean();
  },
});

/** Asked for by `node:http` (expect, te, upgrade, connection) and by the exchange (the others). Lengths are told apart first. */
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
