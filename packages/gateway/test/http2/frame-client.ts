import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { FLAG, FRAME } from '../../src/http2/frames.ts';

/** A frame as it came. */
export interface ReceivedFrame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** An HTTP/2 client that writes its frames by hand, and so can do what no client does. */
export class FrameClient {
  readonly frames: ReceivedFrame[] = [];
  readonly socket: TLSSocket;
  /** Answers PING and SETTINGS, as a client has to. */
  isPolite = true;
  #rest: Buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#isClosed = true;
    });
  }

  /** Connects and says nothing yet. */
  static async connect(port: number): Promise<FrameClient> {
    const socket = connect({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
    const client = new FrameClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  /** Connects and says what every client says first. Responses come without a compression table, so that they can be read. */
  static async open(port: number, settings: readonly (readonly [number, number])[] = []): Promise<FrameClient> {
    const client = await FrameClient.connect(port);
    client.write(Buffer.from(PREFACE, 'latin1'), settingsFrame([[1, 0], ...settings]));
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  write(...parts: readonly Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(parts));
  }

  /** Statuses in the order of their responses, as `stream: status`. */
  get statuses(): readonly string[] {
    return this.frames
      .filter(({ type }) => type === FRAME.HEADERS)
      .map(({ stream, payload }) => `${stream}: ${statusOf(payload)}`);
  }

  /** Error codes of resets, as `stream: code`. */
  get resets(): readonly string[] {
    return this.frames
      .filter(({ type }) => type === FRAME.RST_STREAM)
      .map(({ stream, payload }) => `${stream}: ${payload.readUInt32BE(0)}`);
  }

  /** Error codes of GOAWAY frames. */
  get goaways(): readonly number[] {
    return this.frames.filter(({ type }) => type === FRAME.GOAWAY).map(({ payload }) => payload.readUInt32BE(4));
  }

  bodyOf(stream: number): string {
    const pieces = this.frames.filter((frame) => frame.type === FRAME.DATA && frame.stream === stream);
    return Buffer.concat(pieces.map(({ payload }) => payload)).toString('latin1');
  }

  close(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 9) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < 9 + length) return;
      const [type = 0, flags = 0] = this.#rest.subarray(3, 5);
      const stream = this.#rest.readUInt32BE(5) & 0x7fffffff;
      const payload = Buffer.from(this.#rest.subarray(9, 9 + length));
      this.#rest = this.#rest.subarray(9 + length);
      this.frames.push({ type, flags, stream, payload });
      if (this.isPolite && (flags & FLAG.ACK) === 0 && (type === FRAME.PING || type === FRAME.SETTINGS)) {
        this.write(frame(type, FLAG.ACK, 0, type === FRAME.PING ? payload : Buffer.alloc(0)));
      }
    }
  }
}

export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

export function settingsFrame(settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return frame(FRAME.SETTINGS, 0, 0, payload);
}

/** Header fields as literals without indexing and without Huffman coding (RFC 7541 §6.2.2), exactly as given. */
export function block(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7), bytes]);
}

/** RFC 7541 §5.1. */
export function integer(value: number, prefixBits: number, first = 0): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([first | value]);
  const bytes = [first | max];
  let left = value - max;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) + 128);
  return Buffer.from([...bytes, left]);
}

export type Fields = readonly (readonly [string, string])[];

/** The pseudo-header fields of a GET. */
export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'a.example'],
  [':path', '/a'],
];

export const POST: Fields = [[':method', 'POST'], ...GET.slice(1)];

/** A whole header section in one frame. */
export function headers(stream: number, fields: Fields, flags: number = FLAG.END_STREAM): Buffer {
  return frame(FRAME.HEADERS, flags | FLAG.END_HEADERS, stream, block(fields));
}

export function data(stream: number, body: string, flags = 0): Buffer {
  return frame(FRAME.DATA, flags, stream, Buffer.from(body, 'latin1'));
}

export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** RFC 7541 Appendix A, 8 to 14. */
const INDEXED_STATUSES = ['200', '204', '206', '304', '400', '404', '500'];

/** The status is the first field of every response. */
function statusOf(payload: Buffer): string {
  let at = 0;
  // Changes of the table's size (RFC 7541 §6.3).
  while (((payload[at] ?? 0) & 0xe0) === 0x20) at += 1;
  const first = payload[at] ?? 0;
  if ((first & 0x80) !== 0) return INDEXED_STATUSES[(first & 0x7f) - 8] ?? `index ${first & 0x7f}`;
  const length = payload[at + 1] ?? 0;
  const value = payload.subarray(at + 2, at + 2 + (length & 0x7f));
  return (length & 0x80) === 0 ? value.toString('latin1') : digits(value);
}

/** RFC 7541 Appendix B: 0 to 2 have five bits, the other digits six. */
function digits(bytes: Buffer): string {
  let bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  let found = '';
  while (bits.length >= 5 && found.length < 3) {
    const five = Number.parseInt(bits.slice(0, 5), 2);
    const isShort = five < 3;
    found += isShort ? five : Number.parseInt(bits.slice(0, 6), 2) - 0x19 + 3;
    bits = bits.slice(isShort ? 5 : 6);
  }
  return found;
}
