import { type Http2Limits, type Reason, reason } from '@sallyport/kernel';
import { Allowance } from './allowance.ts';
import { FLAG, FRAME, type Frame } from './frames.ts';

/** How a client has left a stream, as its frames say. */
export type ClientEnd = 'open' | 'ended' | 'reset';

/**
 * Judges the frames of one connection before the codec sees them: what costs a client nothing and us something may happen so
 * often and no more. `onFrame` answers why the connection has to end, or undefined.
 *
 * It also remembers how clients leave their streams: a body that was broken off by RST_STREAM must never be taken for a whole
 * one, whatever error code came with it.
 */
export class FloodGuard {
  readonly #headerBytesMax: number;
  readonly #marksMax: number;
  readonly #resets: Allowance;
  readonly #control: Allowance;
  readonly #smallData: Allowance;
  readonly #windowUpdates: Allowance;
  readonly #marks = new Map<number, ClientEnd>();
  #lastStream = 0;
  /** Of the header section that is coming in. */
  #blockBytes = 0;
  #continuations = 0;
  #blockSinceMs = -1;
  #isClosing = false;

  constructor(limits: Http2Limits, headerBytesMax: number, nowMs: number) {
    this.#headerBytesMax = headerBytesMax;
    // Streams that are refused are forgotten as soon as that is said.
    this.#marksMax = limits.streamsMax + MARKS_BEYOND_STREAMS;
    this.#resets = new Allowance(limits.resets, nowMs);
    this.#control = new Allowance(limits.controlFrames, nowMs);
    this.#smallData = new Allowance(SMALL_DATA_RATE, nowMs);
    this.#windowUpdates = new Allowance(WINDOW_UPDATE_RATE, nowMs);
  }

  /** When the header section began that is not complete yet; -1 without one. */
  get blockSinceMs(): number {
    return this.#blockSinceMs;
  }

  endOf(stream: number): ClientEnd | undefined {
    return this.#marks.get(stream);
  }

  /** The stream is over. */
  forget(stream: number): void {
    this.#marks.delete(stream);
  }

  /** Streams that are opened from now on will be ignored. */
  close(): void {
    this.#isClosing = true;
  }

  // Flat: one case per type of frame (RFC 9113 §6).
  onFrame(frame: Frame, nowMs: number): Reason | undefined {
    switch (frame.type) {
      case FRAME.DATA:
        return this.#onData(frame, nowMs);
      case FRAME.HEADERS:
        return this.#onHeaders(frame, nowMs);
      case FRAME.CONTINUATION:
        this.#continuations += 1;
        if (this.#continuations > CONTINUATIONS_MAX) return reason('HTTP2_FLOOD', 'CONTINUATION');
        return this.#onBlock(frame, nowMs);
      case FRAME.RST_STREAM:
        if (this.#marks.has(frame.stream)) this.#marks.set(frame.stream, 'reset');
        return this.#resets.spend(nowMs) ? undefined : reason('HTTP2_RAPID_RESET', 'RST_STREAM received');
      case FRAME.WINDOW_UPDATE:
        return this.#windowUpdates.spend(nowMs) ? undefined : reason('HTTP2_FLOOD', 'WINDOW_UPDATE');
      default:
        return this.#control.spend(nowMs) ? undefined : reason('HTTP2_FLOOD', NAMES[frame.type] ?? 'unknown type');
    }
  }

  /** We have sent a piece of a response, which a client acknowledges by window updates. */
  onDataSent(): void {
    this.#windowUpdates.grant(WINDOW_UPDATES_PER_DATA);
  }

  /**
   * We have reset a stream because of what its client did: as with resets of its own, the work begun for it was for nothing
   * ("made you reset", CVE-2025-8671).
   */
  onResetProvoked(nowMs: number): Reason | undefined {
    return this.#resets.spend(nowMs) ? undefined : reason('HTTP2_RAPID_RESET', 'RST_STREAM provoked');
  }

  #onData({ length, flags, stream, detail }: Frame, nowMs: number): Reason | undefined {
    const isEnd = (flags & FLAG.END_STREAM) !== 0;
    if (isEnd) this.#markEnded(stream);
    const overhead = (flags & FLAG.PADDED) === 0 ? 0 : detail + 1;
    if (isEnd || length - overhead >= SMALL_DATA_BYTES) return undefined;
    return this.#smallData.spend(nowMs) ? undefined : reason('HTTP2_FLOOD', 'small DATA');
  }

  #onHeaders(frame: Frame, nowMs: number): Reason | undefined {
    const { stream, flags } = frame;
    if (stream > this.#lastStream) {
      this.#lastStream = stream;
      if (!this.#isClosing) this.#marks.set(stream, 'open');
      if (this.#marks.size > this.#marksMax) return reason('HTTP2_FLOOD', 'HEADERS');
    }
    if ((flags & FLAG.END_STREAM) !== 0) this.#markEnded(stream);
    this.#continuations = 0;
    this.#blockBytes = 0;
    return this.#onBlock(frame, nowMs);
  }

  #onBlock({ length, flags }: Frame, nowMs: number): Reason | undefined {
    this.#blockBytes += length;
    if (this.#blockBytes > this.#headerBytesMax) return reason('HEADERS_TOO_LARGE', `${this.#headerBytesMax} bytes`);
    if ((flags & FLAG.END_HEADERS) !== 0) this.#blockSinceMs = -1;
    else if (this.#blockSinceMs < 0) this.#blockSinceMs = nowMs;
    return undefined;
  }

  #markEnded(stream: number): void {
    if (this.#marks.get(stream) === 'open') this.#marks.set(stream, 'ended');
  }
}

/** Most CONTINUATION frames of one header section (CVE-2024-27316): a few of 16 KiB hold more than any section may. */
export const CONTINUATIONS_MAX = 8;

/** A DATA frame with fewer bytes of body, and more to come, costs more than it brings. */
const SMALL_DATA_BYTES = 64;
const SMALL_DATA_RATE = { burst: 1_000, perSecond: 200 };

/** Beyond those that answer DATA of ours. */
const WINDOW_UPDATE_RATE = { burst: 1_000, perSecond: 50 };
/** A client acknowledges a piece on its stream and on the connection, and some do so by halves. */
const WINDOW_UPDATES_PER_DATA = 4;

/** Streams whose refusal is still on its way. */
const MARKS_BEYOND_STREAMS = 1_000;

const NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(FRAME).map(([name, type]) => [type, name]),
);
