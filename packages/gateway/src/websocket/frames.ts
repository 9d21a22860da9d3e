import { isUtf8 } from 'node:buffer';
import type { WebSocketLimits } from '@sallyport/kernel';
import {
  CLOSE,
  CONTROL_BYTES_MAX,
  type FrameRefusal,
  isWireCloseCode,
  REFUSED_BYTES_MAX,
  type RefusedFrame,
} from './close.ts';
import { maskInPlace, rotateKey } from './mask.ts';
import { Utf8Validator } from './utf8.ts';

/** `more`: the chunk is used up. `piece`: `FrameReader.piece` holds the next bytes. `refused`: nothing more will come. */
export type FrameStep = 'more' | 'piece' | 'refused';

/**
 * Some bytes of one frame that may be passed on: a control frame whole, a data frame in as many pieces as it arrived in,
 * usually one. `[start, end)` are its bytes as they came, but unmasked; `[payloadStart, end)` are those of its payload.
 */
export interface FramePiece {
  readonly bytes: Buffer;
  /** A view of `bytes`, for reading and changing them in place. */
  readonly view: DataView;
  readonly start: number;
  /** Greater than `start` when the piece begins with the frame's header. */
  readonly payloadStart: number;
  readonly end: number;
  readonly opcode: number;
  readonly isFrameEnd: boolean;
  /** True with the last piece of a data message. */
  readonly isMessageEnd: boolean;
  /** Payload bytes of the message up to and with this frame; 0 for control frames. */
  readonly messageBytes: number;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameReaderOptions {
  /** Whose frames are read: those of a client are masked, those of a server are not (RFC 6455 §5.1). */
  readonly from: 'client' | 'server';
  readonly limits: Pick<WebSocketLimits, 'messageBytesMax' | 'fragmentsMax'>;
}

/**
 * Pings and pongs a peer may send between two calls of `renewControlBudget` (once a second).
 *
 * A ping of six bytes costs us a read and two writes and obliges its receiver to answer, so a flood of them is cheap to
 * send and dear to carry. The upstream gets more: it answers the pings of two seconds at once when it was late.
 */
export const CONTROL_FRAMES_MAX = { client: 64, server: 256 } as const;

/**
 * Reads the frames of one direction (RFC 6455 §5) and lets nothing through that another reader could understand
 * differently: what it hands out can be forwarded byte by byte.
 *
 * Limits are judged when a header is complete, before a byte of its payload is kept or passed on. Of the peer's bytes it
 * keeps at most an incomplete header or control frame: 131 bytes.
 *
 *     reader.feed(chunk);
 *     while ((step = reader.next()) === 'piece') use(reader.piece);
 */
export class FrameReader {
  readonly #isMasked: boolean;
  readonly #limits: FrameReaderOptions['limits'];
  readonly #controlFramesMax: number;
  readonly #utf8 = new Utf8Validator();
  readonly #piece: Mutable<FramePiece> = {
    bytes: EMPTY,
    view: EMPTY_VIEW,
    start: 0,
    payloadStart: 0,
    end: 0,
    opcode: 0,
    isFrameEnd: true,
    isMessageEnd: false,
    messageBytes: 0,
  };

  #chunk: Buffer = EMPTY;
  #view: DataView = EMPTY_VIEW;
  #position = 0;
  /** A header or control frame that the end of a chunk has cut: its first `#heldBytes` bytes. */
  #held: Buffer | undefined;
  #heldView: DataView = EMPTY_VIEW;
  #heldBytes = 0;

  /** Payload bytes of the current data frame that have not come yet. */
  #remaining = 0;
  #key = 0;
  #opcode = 0;
  #isFinal = true;

  /** `text` or `binary` while a message is unfinished, else 0. */
  #messageOpcode = 0;
  #messageBytes = 0;
  #fragments = 0;
  #controlFrames = 0;
  #refusal: FrameRefusal | undefined;
  #refused: RefusedFrame | undefined;

  constructor(options: FrameReaderOptions) {
    this.#isMasked = options.from === 'client';
    this.#limits = options.limits;
    this.#controlFramesMax = CONTROL_FRAMES_MAX[options.from];
  }

  /** What `next` found last. The same object each time, valid until the next call. */
  get piece(): FramePiece {
    return this.#piece;
  }

  /** Defined after `refused`. */
  get refusal(): FrameRefusal | undefined {
    return this.#refusal;
  }

  /** What `refusal` is about; defined with it. */
  get refused(): RefusedFrame | undefined {
    return this.#refused;
  }

  /** The next bytes of the stream. The reader changes them in place. The chunk before must have been read to its end. */
  feed(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#view = viewOf(chunk);
    this.#position = 0;
  }

  next(): FrameStep {
    if (this.#refusal !== undefined) return 'refused';
    const start = this.#position;
    const end = this.#chunk.length;
    if (start === end) return this.#release();
    if (this.#remaining > 0) {
      return this.#continue(start, Math.min(end, start + this.#remaining));
    }
    if (this.#held !== undefined) return this.#nextHeld();
    const needed = this.#unitBytes(this.#view, start, end - start);
    if (this.#isRefused()) return 'refused';
    if (needed > end - start) return this.#hold(start, end);
    return this.#unit(this.#chunk, this.#view, start, end);
  }

  /** Called once a second: pings and pongs are counted from one call to the next. */
  renewControlBudget(): void {
    this.#controlFrames = 0;
  }

  /** An idle connection must not keep the memory of its last chunk. */
  #release(): FrameStep {
    this.#chunk = EMPTY;
    this.#view = EMPTY_VIEW;
    this.#position = 0;
    this.#piece.bytes = EMPTY;
    this.#piece.view = EMPTY_VIEW;
    return 'more';
  }

  #hold(start: number, end: number): FrameStep {
    this.#held = Buffer.alloc(UNIT_BYTES_MAX);
    this.#heldView = viewOf(this.#held);
    this.#heldBytes = this.#chunk.copy(this.#held, 0, start, end);
    this.#position = end;
    return this.#release();
  }

  /** Fills the held bytes up to one whole header or control frame. They get memory of their own: they may wait in a socket. */
  #nextHeld(): FrameStep {
    const held = this.#held ?? EMPTY;
    for (;;) {
      const needed = this.#unitBytes(this.#heldView, 0, this.#heldBytes);
      if (this.#isRefused()) return 'refused';
      if (needed <= this.#heldBytes) break;
      const end = Math.min(this.#chunk.length, this.#position + needed - this.#heldBytes);
      if (end === this.#position) return this.#release();
      this.#heldBytes += this.#chunk.copy(held, this.#heldBytes, this.#position, end);
      this.#position = end;
    }
    this.#held = undefined;
    const rest = this.#position;
    const step = this.#unit(held, this.#heldView, 0, this.#heldBytes);
    this.#position = rest;
    return step;
  }

  /**
   * How many bytes from `at` on have to be there before `#unit` can judge them: a data frame's header, or a whole control
   * frame. Refuses by the first two bytes what they already show to be wrong.
   */
  #unitBytes(view: DataView, at: number, available: number): number {
    if (available < 2) return 2;
    const first = view.getUint8(at);
    const second = view.getUint8(at + 1);
    const opcode = first & 0x0f;
    if ((first & 0x70) !== 0) return this.#refuse(REFUSAL.reservedBits, opcode);
    if (((second & 0x80) !== 0) !== this.#isMasked) return this.#refuse(REFUSAL.masking, opcode);
    const length = second & 0x7f;
    const keyBytes = this.#isMasked ? 4 : 0;
    if (opcode >= OPCODE.close) {
      if (opcode > OPCODE.pong) return this.#refuse(REFUSAL.opcode, opcode);
      if ((first & 0x80) === 0) return this.#refuse(REFUSAL.controlFragmented, opcode);
      if (length > CONTROL_BYTES_MAX) return this.#refuse(REFUSAL.controlTooLong, opcode);
      return 2 + keyBytes + length;
    }
    if (opcode > OPCODE.binary) return this.#refuse(REFUSAL.opcode, opcode);
    if (opcode === OPCODE.continuation && this.#messageOpcode === 0) return this.#refuse(REFUSAL.continuation, opcode);
    if (opcode !== OPCODE.continuation && this.#messageOpcode !== 0) return this.#refuse(REFUSAL.interleaved, opcode);
    if (length < 126) return 2 + keyBytes;
    return (length === 126 ? 4 : 10) + keyBytes;
  }

  /** One unit is complete at `at`; `limit` is where the bytes end. */
  #unit(bytes: Buffer, view: DataView, at: number, limit: number): FrameStep {
    const first = view.getUint8(at);
    let payloadAt = at + 2;
    let length = view.getUint8(at + 1) & 0x7f;
    if (length === 126) {
      length = view.getUint16(payloadAt);
      payloadAt += 2;
      if (length < 126) this.#refuse(REFUSAL.lengthNotMinimal, first & 0x0f);
    } else if (length === 127) {
      const high = view.getUint32(payloadAt);
      // Up to 2^63 as a float is exact enough for the comparison with a limit.
      length = high * 0x1_0000_0000 + view.getUint32(payloadAt + 4);
      payloadAt += 8;
      if (high >= 0x8000_0000) this.#refuse(REFUSAL.lengthHighBit, first & 0x0f);
      else if (length < 0x1_0000) this.#refuse(REFUSAL.lengthNotMinimal, first & 0x0f);
    }
    if (this.#isRefused()) return 'refused';
    if (this.#isMasked) {
      this.#key = view.getInt32(payloadAt, true);
      payloadAt += 4;
    }
    const piece = this.#piece;
    piece.bytes = bytes;
    piece.view = view;
    piece.start = at;
    piece.payloadStart = payloadAt;
    piece.opcode = first & 0x0f;
    if (piece.opcode >= OPCODE.close) {
      piece.end = payloadAt + length;
      return this.#control();
    }
    this.#startData(piece.opcode, length, (first & 0x80) !== 0);
    if (this.#isRefused()) return 'refused';
    piece.end = Math.min(limit, payloadAt + length);
    return this.#take();
  }

  /** More payload of a frame whose header came in an earlier piece. */
  #continue(start: number, end: number): FrameStep {
    const piece = this.#piece;
    piece.bytes = this.#chunk;
    piece.view = this.#view;
    piece.start = start;
    piece.payloadStart = start;
    piece.end = end;
    piece.opcode = this.#opcode;
    return this.#take();
  }

  #startData(opcode: number, length: number, isFinal: boolean): void {
    if (opcode !== OPCODE.continuation) {
      this.#messageOpcode = opcode;
      this.#messageBytes = 0;
      this.#fragments = 0;
    }
    this.#opcode = opcode;
    this.#isFinal = isFinal;
    this.#remaining = length;
    this.#messageBytes += length;
    this.#fragments += 1;
    if (this.#messageBytes > this.#limits.messageBytesMax) this.#refuse(REFUSAL.tooBig, opcode, this.#messageBytes);
    // Empty or tiny fragments cost a header each and need never end: they are limited by number, not by size.
    else if (this.#fragments > this.#limits.fragmentsMax) this.#refuse(REFUSAL.fragments, opcode, this.#messageBytes);
  }

  /** The bytes in `#piece` belong to the current data frame: unmasks them, judges text, completes the piece. */
  #take(): FrameStep {
    const piece = this.#piece;
    const { bytes, view, payloadStart, end } = piece;
    const length = end - payloadStart;
    this.#position = end;
    if (this.#isMasked && length > 0) {
      maskInPlace(view, payloadStart, end, this.#key);
      this.#key = rotateKey(this.#key, length);
    }
    this.#remaining -= length;
    piece.isFrameEnd = this.#remaining === 0;
    piece.isMessageEnd = piece.isFrameEnd && this.#isFinal;
    piece.messageBytes = this.#messageBytes;
    if (this.#messageOpcode === OPCODE.text) {
      if (!this.#utf8.push(bytes, view, payloadStart, end)) this.#refusePiece(REFUSAL.textNotUtf8, this.#messageBytes);
      else if (piece.isMessageEnd && !this.#utf8.isComplete) this.#refusePiece(REFUSAL.textNotUtf8, this.#messageBytes);
      if (this.#isRefused()) return 'refused';
    }
    if (piece.isMessageEnd) this.#messageOpcode = 0;
    return 'piece';
  }

  /** The bytes in `#piece` are a whole control frame. */
  #control(): FrameStep {
    const piece = this.#piece;
    this.#position = piece.end;
    piece.isFrameEnd = true;
    piece.isMessageEnd = false;
    piece.messageBytes = 0;
    if (this.#isMasked) maskInPlace(piece.view, piece.payloadStart, piece.end, this.#key);
    if (piece.opcode === OPCODE.close) this.#judgeClose(piece.bytes, piece.view, piece.payloadStart, piece.end);
    else {
      this.#controlFrames += 1;
      if (this.#controlFrames > this.#controlFramesMax)
        this.#refusePiece(REFUSAL.controlFlood, piece.end - piece.payloadStart);
    }
    return this.#isRefused() ? 'refused' : 'piece';
  }

  #judgeClose(bytes: Buffer, view: DataView, start: number, end: number): void {
    if (start === end) return;
    if (end - start === 1) this.#refusePiece(REFUSAL.closeLength, end - start);
    else if (!isWireCloseCode(view.getUint16(start))) this.#refusePiece(REFUSAL.closeCode, end - start);
    else if (!isUtf8(bytes.subarray(start + 2, end))) this.#refusePiece(REFUSAL.closeText, end - start);
  }

  /** By the header alone, which is all that was read of the frame. */
  #refuse(refusal: FrameRefusal, opcode: number, messageBytes = 0): number {
    this.#refusal = refusal;
    this.#refused = { opcode, messageBytes, payload: EMPTY };
    this.#release();
    return 0;
  }

  /** By the payload in `#piece`. The chunk is not kept for it. */
  #refusePiece(refusal: FrameRefusal, messageBytes: number): void {
    const { bytes, payloadStart, end, opcode } = this.#piece;
    const payload = Buffer.from(bytes.subarray(payloadStart, Math.min(end, payloadStart + REFUSED_BYTES_MAX)));
    this.#refuse(refusal, opcode);
    this.#refused = { opcode, messageBytes, payload };
  }

  #isRefused(): boolean {
    return this.#refusal !== undefined;
  }
}

/** Every way a frame can be wrong, with the rule it breaks. */
const REFUSAL = {
  reservedBits: invalid('reserved bits are set'), // RFC 6455 §5.2: no extension is ever negotiated.
  opcode: invalid('unknown opcode'), // §5.2
  masking: invalid('wrong masking'), // §5.1
  controlFragmented: invalid('control frame is fragmented'), // §5.5
  controlTooLong: invalid('control frame is too long'), // §5.5
  lengthNotMinimal: invalid('length is not minimal'), // §5.2
  lengthHighBit: invalid('length has its high bit set'), // §5.2
  continuation: invalid('continuation without a start'), // §5.4
  interleaved: invalid('new message inside a message'), // §5.4
  closeLength: invalid('close payload of one byte'), // §5.5.1
  closeCode: invalid('close code must not be sent'), // §7.4
  closeText: { closeCode: CLOSE.invalidPayload, code: 'FRAME_INVALID', detail: 'close reason is not UTF-8' }, // §5.5.1
  textNotUtf8: { closeCode: CLOSE.invalidPayload, code: 'FRAME_INVALID', detail: 'text is not UTF-8' }, // §8.1
  tooBig: { closeCode: CLOSE.messageTooBig, code: 'MESSAGE_TOO_BIG', detail: 'message is too big' }, // §7.4.1
  fragments: { closeCode: CLOSE.policyViolation, code: 'FRAME_INVALID', detail: 'too many fragments' },
  controlFlood: { closeCode: CLOSE.policyViolation, code: 'FRAME_INVALID', detail: 'too many control frames' },
} as const satisfies Record<string, FrameRefusal>;

function invalid(detail: string): FrameRefusal {
  return { closeCode: CLOSE.protocolError, code: 'FRAME_INVALID', detail };
}

/** Largest header or control frame: 2 bytes, a masking key, 125 bytes of payload. */
const UNIT_BYTES_MAX = 2 + 4 + CONTROL_BYTES_MAX;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

const EMPTY = Buffer.alloc(0);
const EMPTY_VIEW = viewOf(EMPTY);

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
