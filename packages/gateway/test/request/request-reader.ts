/** One request as it came over the wire, before anybody interpreted more than its framing. */
export interface WireRequest {
  /** Request line and header section as they came, with the empty line. */
  readonly head: string;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  /** In their order; names as they came. */
  readonly fields: readonly WireField[];
  readonly framing: 'none' | 'length' | 'chunked';
  readonly body: Buffer;
}

export interface WireField {
  readonly name: string;
  readonly value: string;
}

/** What follows the requests that were read. */
export type Rest = 'nothing' | 'incomplete' | { readonly fault: string };

/** The values of a field, by its name in lower case. */
export function valuesOf(request: WireRequest, name: string): readonly string[] {
  return request.fields.filter((field) => field.name.toLowerCase() === name).map(({ value }) => value);
}

/**
 * Reads requests by the letter of RFC 9112 and nothing else, so that it can be asked where a request ends: the second
 * opinion about framing. It shares no code with the gateway. What the grammar does not allow is a fault, and nothing is
 * read behind one. What a request means (its target, its Host) is none of its business.
 */
export class RequestReader {
  readonly #onRequest: (request: WireRequest) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #head: Head | undefined;
  #fault = '';

  constructor(onRequest: (request: WireRequest) => void) {
    this.#onRequest = onRequest;
  }

  get rest(): Rest {
    if (this.#fault !== '') return { fault: this.#fault };
    return this.#head === undefined && this.#bytes.length === 0 ? 'nothing' : 'incomplete';
  }

  /** The head of a request whose body has not come to its end. */
  get openHead(): string {
    return this.#head?.text ?? '';
  }

  feed(chunk: Buffer): void {
    if (this.#fault !== '') return;
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    try {
      while (this.#readOne());
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      this.#fault = cause.message;
    }
  }

  /** False when more bytes are needed. */
  #readOne(): boolean {
    this.#head ??= this.#readHead();
    if (this.#head === undefined) return false;
    const body = readBody(this.#head, this.#bytes);
    if (body === undefined) return false;
    const { text, method, target, version, fields, framing } = this.#head;
    this.#head = undefined;
    this.#bytes = this.#bytes.subarray(body.end);
    this.#onRequest({ head: text, method, target, version, fields, framing, body: body.bytes });
    return this.#bytes.length > 0;
  }

  #readHead(): Head | undefined {
    // RFC 9112 §2.2: empty lines before a request line are ignored; parsers ignore their halves, too.
    while (this.#bytes[0] === CR || this.#bytes[0] === LF) this.#bytes = this.#bytes.subarray(1);
    if (this.#bytes.length === 0) return undefined;
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end === -1) return undefined;
    const text = this.#bytes.toString('latin1', 0, end + 4);
    this.#bytes = this.#bytes.subarray(end + 4);
    return headOf(text);
  }
}

/** Everything in `bytes`, and what is behind it. */
export function readRequests(bytes: Buffer): { readonly requests: readonly WireRequest[]; readonly rest: Rest } {
  const requests: WireRequest[] = [];
  const reader = new RequestReader((request) => requests.push(request));
  reader.feed(bytes);
  return { requests, rest: reader.rest };
}

const CR = 0x0d;
const LF = 0x0a;

class Fault extends Error {}

interface Head {
  readonly text: string;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly WireField[];
  readonly framing: WireRequest['framing'];
  readonly length: number;
}

const TCHAR = "!#$%&'*+.^_`|~0-9A-Za-z-";
const TOKEN = `[${TCHAR}]+`;
// RFC 9112 §3 lets recipients take several spaces for one, and the parser of Node takes RTSP for HTTP; nobody reads where
// a request ends differently for either.
const REQUEST_LINE = new RegExp(`^(${TOKEN}) +([\\x21-\\x7e\\x80-\\xff]+) +((?:HTTP|RTSP|ICE)/1\\.[01])$`);
const FIELD_LINE = new RegExp(
  `^(${TOKEN}):[ \\t]*((?:[\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)?)[ \\t]*$`,
);
const QUOTED = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"';
// RFC 9112 §7.1.1: extensions that are not understood are ignored. Not even their grammar matters, as long as it cannot hide
// where the line ends.
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]{1,13})(?:[ \\t]*;(?:[=; \\t${TCHAR}]|${QUOTED})*)?$`);

function headOf(text: string): Head {
  const [requestLine = '', ...lines] = text.slice(0, -4).split('\r\n');
  const line = REQUEST_LINE.exec(requestLine);
  if (line === null) throw new Fault('request line');
  const [, method = '', target = '', version = ''] = line;
  const fields = lines.map(fieldOf);
  return { text, method, target, version, fields, ...framingOf(fields, version) };
}

function fieldOf(line: string): WireField {
  const match = FIELD_LINE.exec(line);
  if (match === null) throw new Fault('field line');
  return { name: match[1] ?? '', value: match[2] ?? '' };
}

/** RFC 9112 §6, without the choices that it leaves to recipients: whatever allows two readings is a fault. */
function framingOf(fields: readonly WireField[], version: string): { framing: WireRequest['framing']; length: number } {
  const lengths = fields.filter(({ name }) => name.toLowerCase() === 'content-length');
  const codings = fields.filter(({ name }) => name.toLowerCase() === 'transfer-encoding');
  if (codings.length > 0) {
    if (codings.length > 1 || lengths.length > 0 || version.endsWith('/1.0')) throw new Fault('framing');
    if (codings[0]?.value.toLowerCase() !== 'chunked') throw new Fault('transfer coding');
    return { framing: 'chunked', length: 0 };
  }
  if (lengths.length === 0) return { framing: 'none', length: 0 };
  const value = lengths[0]?.value ?? '';
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(value)) throw new Fault('content length');
  return { framing: 'length', length: Number(value) };
}

/** Undefined when it has not come to its end. */
function readBody(head: Head, bytes: Buffer): { readonly bytes: Buffer; readonly end: number } | undefined {
  if (head.framing === 'chunked') return readChunks(bytes);
  if (bytes.length < head.length) return undefined;
  return { bytes: bytes.subarray(0, head.length), end: head.length };
}

function readChunks(bytes: Buffer): { readonly bytes: Buffer; readonly end: number } | undefined {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const line = CHUNK_LINE.exec(bytes.toString('latin1', at, lineEnd));
    if (line === null) throw new Fault('chunk line');
    const size = Number.parseInt(line[1] ?? '', 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (bytes.length < at + size + 2) return undefined;
    if (bytes.toString('latin1', at + size, at + size + 2) !== '\r\n') throw new Fault('chunk end');
    chunks.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const line = bytes.toString('latin1', at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { bytes: Buffer.concat(chunks), end: at };
    fieldOf(line);
  }
}
