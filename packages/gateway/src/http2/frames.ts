/** Frame types of RFC 9113 §6. */
export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

/** Flags of RFC 9113 §6, as far as they matter here. */
export const FLAG = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8 } as const;

/** Error codes of RFC 9113 §7, as far as they matter here. */
export const ERROR_CODE = {
  NO_ERROR: 0x0,
  INTERNAL_ERROR: 0x2,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  ENHANCE_YOUR_CALM: 0xb,
} as const;

/** A frame's header (RFC 9113 §4.1), and the little of its payload that says what it does. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  /** Of the payload, in bytes. */
  readonly length: number;
  readonly stream: number;
  /** Of RST_STREAM and GOAWAY: the error code. Of padded DATA: how much is padding. 0 otherwise. */
  readonly detail: number;
}

/**
 * Follows the frames in a stream of bytes without keeping them: it learns where each begins, and skips the rest. What a
 * frame means is not checked, that is the business of the codec which gets the same bytes.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** The frame at hand; valid during the callback. */
  readonly #frame = { type: 0, flags: 0, length: 0, stream: 0, detail: 0 };
  readonly #scratch = new Uint8Array(HEADER_BYTES + PEEK_BYTES_MAX);
  /** Bytes in the scratch buffer. */
  #held = 0;
  /** Bytes that are passed over: what is left of a payload, or the client's preface. */
  #skip: number;

  /** `prefaceBytes` come before the first frame. `onFrame` is given an object that is used again. */
  constructor(prefaceBytes: number, onFrame: (frame: Frame) => void) {
    this.#skip = prefaceBytes;
    this.#onFrame = onFrame;
  }

  /** The next byte is the first of a frame. */
  get isBetweenFrames(): boolean {
    return this.#held === 0 && this.#skip === 0;
  }

  read(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
      } else at += this.#take(chunk, at);
    }
  }

  /** Takes one byte after the other until the frame is known; most frames are whole and have nothing to peek at. */
  #take(chunk: Uint8Array, at: number): number {
    if (this.#held === 0 && chunk.length - at >= HEADER_BYTES + PEEK_BYTES_MAX) {
      const peeked = this.#parse(chunk, at);
      this.#skip = this.#frame.length - peeked;
      this.#onFrame(this.#frame);
      return HEADER_BYTES + peeked;
    }
    this.#scratch[this.#held] = chunk[at] ?? 0;
    this.#held += 1;
    if (this.#held < HEADER_BYTES) return 1;
    const peeked = this.#parse(this.#scratch, 0);
    if (this.#held < HEADER_BYTES + peeked) return 1;
    this.#held = 0;
    this.#skip = this.#frame.length - peeked;
    this.#onFrame(this.#frame);
    return 1;
  }

  /** Answers how many bytes of the payload belong to what is known of the frame. */
  #parse(bytes: Uint8Array, at: number): number {
    const byte = (index: number): number => bytes[at + index] ?? 0;
    const frame = this.#frame;
    frame.length = byte(0) * 65_536 + byte(1) * 256 + byte(2);
    frame.type = byte(3);
    frame.flags = byte(4);
    frame.stream = (byte(5) & 0x7f) * 16_777_216 + byte(6) * 65_536 + byte(7) * 256 + byte(8);
    const peeked = Math.min(frame.length, peekBytes(frame));
    frame.detail = peeked === 1 ? byte(HEADER_BYTES) : 0;
    // The code is the last word of what is looked at: RST_STREAM has nothing else, GOAWAY a stream before it.
    if (peeked >= 4)
      for (let index = peeked - 4; index < peeked; index += 1) {
        frame.detail = frame.detail * 256 + byte(HEADER_BYTES + index);
      }
    return peeked;
  }
}

const HEADER_BYTES = 9;
const PEEK_BYTES_MAX = 8;

function peekBytes({ type, flags }: Frame): number {
  if (type === FRAME.RST_STREAM) return 4;
  if (type === FRAME.GOAWAY) return 8;
  return type === FRAME.DATA && (flags & FLAG.PADDED) !== 0 ? 1 : 0;
}

/** A GOAWAY without a reason (RFC 9113 §6.8). */
export function goawayFrame(lastStream: number): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + 8);
  frame[2] = 8;
  frame[3] = FRAME.GOAWAY;
  frame.writeUInt32BE(lastStream, HEADER_BYTES);
  return frame;
}
