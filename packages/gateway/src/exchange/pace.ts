import type { RequestLimits } from '@sallyport/kernel';
import type { OutboundResponse } from '../transport/port.ts';

/** How fast a request's body comes: when it began to flow, and how long we ourselves held it up. */
export class BodyPace {
  #sinceMs = -1;
  #pausedMs = 0;
  #pausedSinceMs = -1;

  /** The client has been let send. */
  get hasBegun(): boolean {
    return this.#sinceMs >= 0;
  }

  get isPaused(): boolean {
    return this.#pausedSinceMs >= 0;
  }

  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  pause(nowMs: number): void {
    this.#pausedSinceMs = nowMs;
  }

  resume(nowMs: number): void {
    if (this.isPaused) this.#pausedMs += nowMs - this.#pausedSinceMs;
    this.#pausedSinceMs = -1;
  }

  isTooSlow(nowMs: number, bytes: number, { bodyGraceMs, bodyBytesPerSecondMin }: RequestLimits): boolean {
    if (!this.hasBegun || this.isPaused) return false;
    const elapsedMs = nowMs - this.#sinceMs - this.#pausedMs;
    return elapsedMs > bodyGraceMs && (bytes / elapsedMs) * 1_000 < bodyBytesPerSecondMin;
  }
}

/** How fast a client takes its response. */
export class ReaderPace {
  #takenBefore = 0;
  #sinceMs = 0;

  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** Bytes wait for the client, and none of them left for `stallMs`. */
  isStalled(nowMs: number, response: OutboundResponse, stallMs: number): boolean {
    const { takenBytes } = response;
    if (!response.headersSent || response.waitingBytes === 0 || takenBytes !== this.#takenBefore) {
      this.#takenBefore = takenBytes;
      this.#sinceMs = nowMs;
      return false;
    }
    return nowMs - this.#sinceMs > stallMs;
  }
}
