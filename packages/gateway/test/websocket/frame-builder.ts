/** Writes frames as a test wants them, right or wrong; independent of the code under test. */
export interface FrameOptions {
  /** Default 2, binary. */
  readonly opcode?: number;
  readonly isFinal?: boolean;
  /** The three reserved bits as a number, 0 to 7. */
  readonly reserved?: number;
  /** Default: masked with `KEY`, as a client sends. `undefined` given: not masked. */
  readonly key?: Buffer | undefined;
  /** How the length is written. Default: the shortest form. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** The length that is written; default: that of the payload. */
  readonly length?: bigint;
}

const KEY: Buffer = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** One frame with `payload`. */
export function frame(payload: string | Uint8Array | readonly number[], options: FrameOptions = {}): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  const key = 'key' in options ? options.key : KEY;
  const length = options.length ?? BigInt(body.length);
  const lengthBytes = options.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8);
  const first = ((options.isFinal ?? true) ? 0x80 : 0) | ((options.reserved ?? 0) << 4) | (options.opcode ?? 2);
  const mask = key === undefined ? 0 : 0x80;
  const parts: Buffer[] = [
    Buffer.from([first, mask | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127)]),
  ];
  const extended = Buffer.alloc(lengthBytes);
  if (lengthBytes === 2) extended.writeUInt16BE(Number(length));
  if (lengthBytes === 8) extended.writeBigUInt64BE(length);
  parts.push(extended);
  if (key !== undefined) parts.push(key);
  parts.push(key === undefined ? body : Buffer.from(body.map((byte, index) => byte ^ (key[index % 4] ?? 0))));
  return Buffer.concat(parts);
}

/** A close frame. Without a code its payload is empty. */
export function close(code?: number, text = '', options: FrameOptions = {}): Buffer {
  if (code === undefined) return frame('', { ...options, opcode: 8 });
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return frame(Buffer.concat([head, Buffer.from(text)]), { ...options, opcode: 8 });
}

export interface SeenFrame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly isMasked: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
}

export interface SeenStream {
  readonly frames: readonly SeenFrame[];
  /** What is wrong with the first bytes that are no frame; undefined when all is well. */
  readonly error: string | undefined;
  /** Bytes behind the last whole frame: the beginning of one that has not ended. */
  readonly rest: number;
}

/**
 * A second reader of frames: plain, slow, strict and written apart from the product's, so that what one of them
 * misunderstands the other one shows. Reads a whole stream at once.
 */
export function readStream(bytes: Buffer, from: 'client' | 'server'): SeenStream {
  const frames: SeenFrame[] = [];
  let open = -1;
  let text: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const head = readHead(bytes, at, from);
    if (typeof head === 'string') return { frames, error: head, rest: bytes.length - at };
    if (head === undefined || head.end > bytes.length) return { frames, error: undefined, rest: bytes.length - at };
    if (frames.at(-1)?.opcode === 8) return { frames, error: 'bytes after the close frame', rest: 0 };
    const payload = Buffer.from(
      bytes.subarray(head.payloadAt, head.end).map((byte, index) => byte ^ (head.key?.[index % 4] ?? 0)),
    );
    if (head.opcode === 0 && open === -1) return { frames, error: 'continuation of nothing', rest: 0 };
    if ((head.opcode === 1 || head.opcode === 2) && open !== -1) return { frames, error: 'interleaved', rest: 0 };
    if (head.opcode < 8) {
      if (head.opcode !== 0) open = head.opcode;
      if (open === 1) text.push(payload);
      if (head.isFinal && open === 1 && !isText(Buffer.concat(text))) return { frames, error: 'text', rest: 0 };
      if (head.isFinal) {
        open = -1;
        text = [];
      }
    }
    frames.push({ opcode: head.opcode, isFinal: head.isFinal, isMasked: head.key !== undefined, payload });
    at = head.end;
  }
  return { frames, error: undefined, rest: 0 };
}

interface Head {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly key: Buffer | undefined;
  readonly payloadAt: number;
  readonly end: number;
}

/** Undefined: not yet whole. A text: what is wrong. */
function readHead(bytes: Buffer, at: number, from: 'client' | 'server'): Head | string | undefined {
  if (bytes.length - at < 2) return undefined;
  const first = bytes.readUInt8(at);
  const second = bytes.readUInt8(at + 1);
  const opcode = first & 15;
  const short = second & 127;
  if ((first & 0x70) !== 0) return 'reserved bits';
  if (![0, 1, 2, 8, 9, 10].includes(opcode)) return 'opcode';
  if (second >= 128 !== (from === 'client')) return 'mask';
  if (opcode >= 8 && (first < 128 || short > 125)) return 'control frame';
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const payloadAt = at + 2 + lengthBytes + (second >= 128 ? 4 : 0);
  if (bytes.length < payloadAt) return undefined;
  let length = BigInt(short);
  if (lengthBytes === 2) length = BigInt(bytes.readUInt16BE(at + 2));
  if (lengthBytes === 8) length = bytes.readBigUInt64BE(at + 2);
  if ((lengthBytes === 2 && length < 126n) || (lengthBytes === 8 && length < 65_536n)) return 'length form';
  if (length >= 1n << 63n) return 'length sign';
  const key = second >= 128 ? bytes.subarray(payloadAt - 4, payloadAt) : undefined;
  return { opcode, isFinal: first >= 128, key, payloadAt, end: payloadAt + Number(length) };
}

/** By the platform's decoder, which the product does not use. */
export function isText(bytes: Buffer): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
