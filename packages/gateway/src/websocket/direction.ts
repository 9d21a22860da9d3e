import type { Duplex } from 'node:stream';
import type { Reason, WebSocketLimits } from '@sallyport/kernel';
import { type FrameRefusal, NO_STATUS, type RefusedFrame } from './close.ts';
import { type FramePiece, FrameReader, OPCODE } from './frames.ts';
import { maskInPlace, newKey, rotateKey } from './mask.ts';

/** Is told of every message. Called inside the data path, before the relay's constructor returns too: it never throws. */
export interface MessageObserver {
  /** One was passed on whole. `in`: from the client to the upstream. `bytes` are those of the payload. */
  onMessage(direction: 'in' | 'out', bytes: number): void;
  /** One was not passed on. It ends its connection, so each direction has at most one. */
  onRefusal(direction: 'in' | 'out', refused: RefusedFrame, why: Reason): void;
}

export interface DirectionOptions {
  readonly name: 'in' | 'out';
  readonly source: Duplex;
  readonly target: Duplex;
  readonly limits: WebSocketLimits;
  readonly observer: MessageObserver;
}

/** `closed`: the source sent its close frame, and it was passed on. `refused`: see `refusal`. */
export type CarryOutcome = 'carried' | 'closed' | 'refused';

/**
 * What a write costs beyond its bytes: the chunk's Buffer and the stream's record of it. A peer that sends seven bytes at a
 * time towards a slow reader would otherwise fill memory that no byte count sees (the class of CVE-2026-48779).
 */
export const WRITE_OVERHEAD_BYTES = 512;

/**
 * One direction of a relayed connection: frames read from `source`, judged, and written to `target` with back-pressure.
 *
 * A frame that is allowed leaves as the bytes it came as: both sides write minimal headers, so only the masking differs, and
 * towards the upstream a new key goes in the place of the client's. Nothing is copied, and one chunk read is one chunk
 * written. A judge of whole messages belongs where a piece is about to be added to the bytes that leave.
 */
export class Direction {
  readonly #name: 'in' | 'out';
  readonly #source: Duplex;
  readonly #target: Duplex;
  readonly #reader: FrameReader;
  readonly #observer: MessageObserver;
  readonly #waitingBytesMax: number;
  readonly #onWritten: () => void;

  #state: 'carrying' | 'finishing' | 'finished' = 'carrying';
  /** The gateway's own close frame, waiting for the end of a frame that has partly left. */
  #lastFrame: Buffer | undefined;
  #isMidFrame = false;
  #isPaused = false;
  #isCorked = false;
  /** Masking key of the frame that is leaving, as it stands for its next byte. */
  #key = 0;
  #hasClosed = false;
  #closeCode = NO_STATUS;
  #messages = 0;
  #bytes = 0;
  #bytesRead = 0;
  #writesWaiting = 0;
  #writesDone = 0;

  constructor(options: DirectionOptions) {
    this.#name = options.name;
    this.#source = options.source;
    this.#target = options.target;
    this.#observer = options.observer;
    this.#waitingBytesMax = options.limits.bufferBytesMax;
    this.#reader = new FrameReader({ from: options.name === 'in' ? 'client' : 'server', limits: options.limits });
    this.#onWritten = (): void => this.#written();
  }

  /** Messages passed on whole. */
  get messages(): number {
    return this.#messages;
  }

  /** Their payload bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Everything that came from the source, frames or not. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Writes the target has taken. */
  get writesDone(): number {
    return this.#writesDone;
  }

  /** What waits for the target, with `WRITE_OVERHEAD_BYTES` for each write. */
  get waitingBytes(): number {
    return this.#target.writableLength + this.#writesWaiting * WRITE_OVERHEAD_BYTES;
  }

  /** True while the target has bytes to take. */
  get isWaiting(): boolean {
    return this.#writesWaiting > 0;
  }

  /** True while the source is paused because the target is slow. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** True while the bytes written end inside a frame, so that no other frame may follow them. */
  get isMidFrame(): boolean {
    return this.#isMidFrame;
  }

  /** Nothing more will be written to the target. */
  get isFinished(): boolean {
    return this.#state === 'finished';
  }

  /** The source has sent its close frame. */
  get hasClosed(): boolean {
    return this.#hasClosed;
  }

  /** The code in the source's close frame; 1005 when it held none or has not come. */
  get closeCode(): number {
    return this.#closeCode;
  }

  get refusal(): FrameRefusal | undefined {
    return this.#reader.refusal;
  }

  get refused(): RefusedFrame | undefined {
    return this.#reader.refused;
  }

  /** Once a second. */
  renewControlBudget(): void {
    this.#reader.renewControlBudget();
  }

  /**
   * Passes on what `chunk` holds; changes it in place. After another outcome than `carried` it must not be called again.
   * Longer than most: it is the loop every relayed byte goes through, and its state is in local variables.
   */
  carry(chunk: Buffer): CarryOutcome {
    const reader = this.#reader;
    this.#bytesRead += chunk.length;
    reader.feed(chunk);
    // The bytes that leave together: pieces that follow one another in memory.
    let bytes = chunk;
    let start = 0;
    let end = 0;
    let step = reader.next();
    for (; step === 'piece'; step = reader.next()) {
      const piece = reader.piece;
      const isClose = piece.opcode === OPCODE.close;
      if (isClose) this.#readClose(piece);
      if (this.#state !== 'finished') {
        if (this.#name === 'in') this.#mask(piece);
        if (piece.bytes !== bytes || piece.start !== end) {
          this.#cork();
          this.#write(bytes, start, end);
          bytes = piece.bytes;
          start = piece.start;
        }
        end = piece.end;
        this.#isMidFrame = !piece.isFrameEnd;
        if (piece.isMessageEnd) this.#count(piece.messageBytes);
        if (isClose) this.#state = 'finished';
        else if (this.#state === 'finishing' && piece.isFrameEnd) {
          this.#write(bytes, start, end);
          start = end;
          this.#writeLastFrame();
        }
      }
      if (isClose) break;
    }
    this.#write(bytes, start, end);
    this.#uncork();
    if (step === 'more') {
      this.#pauseIfFull();
      return 'carried';
    }
    this.#resume();
    return step === 'piece' ? 'closed' : 'refused';
  }

  /** Nothing more is carried; `frame`, a close frame, is the last thing written: after the frame in progress if there is one. */
  finish(frame: Buffer): void {
    if (this.#state !== 'carrying') return;
    this.#lastFrame = frame;
    this.#state = 'finishing';
    if (!this.#isMidFrame) this.#writeLastFrame();
  }

  /** Nothing more is carried and nothing more written. */
  abandon(): void {
    this.#state = 'finished';
    this.#lastFrame = undefined;
    this.#resume();
  }

  #readClose(piece: FramePiece): void {
    this.#hasClosed = true;
    if (piece.end > piece.payloadStart) this.#closeCode = piece.view.getUint16(piece.payloadStart);
  }

  #mask(piece: FramePiece): void {
    if (piece.payloadStart > piece.start) {
      this.#key = newKey();
      piece.view.setInt32(piece.payloadStart - 4, this.#key, true);
    }
    maskInPlace(piece.view, piece.payloadStart, piece.end, this.#key);
    this.#key = rotateKey(this.#key, piece.end - piece.payloadStart);
  }

  #count(bytes: number): void {
    this.#messages += 1;
    this.#bytes += bytes;
    this.#observer.onMessage(this.#name, bytes);
  }

  /** Writes that belong to one chunk leave in one system call. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#target.cork();
  }

  #uncork(): void {
    if (!this.#isCorked) return;
    this.#isCorked = false;
    this.#target.uncork();
  }

  #write(bytes: Buffer, start: number, end: number): void {
    if (start === end) return;
    this.#send(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
  }

  #send(bytes: Buffer): void {
    // A target that is gone says so by its own event; until then there is nobody to write to.
    if (!this.#target.writable) return;
    this.#writesWaiting += 1;
    this.#target.write(bytes, this.#onWritten);
  }

  #writeLastFrame(): void {
    if (this.#lastFrame !== undefined) this.#send(this.#lastFrame);
    this.abandon();
  }

  #written(): void {
    this.#writesWaiting -= 1;
    this.#writesDone += 1;
    // Half, so that a source is not paused and resumed with every frame.
    if (this.#isPaused && this.waitingBytes <= this.#waitingBytesMax / 2) this.#resume();
  }

  #pauseIfFull(): void {
    if (this.#state === 'finished' || this.#isPaused || this.waitingBytes <= this.#waitingBytesMax) return;
    this.#isPaused = true;
    this.#source.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#source.resume();
  }
}
