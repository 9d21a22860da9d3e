/**
 * The time of a shared table in 32-bit words: ticks of a power of two of microseconds, modulo 2^32, and epochs of a fixed
 * number of ticks, which do not begin again.
 *
 * A word of 32 bits can be changed by compare-and-swap without an object in between; 64 bits would be a BigInt on the heap.
 * Differences of ticks are right while both times are nearer than 2^31 ticks, and epochs see to that: a bucket that was
 * left alone for longer is tidied before it is read.
 */
export class TickClock {
  readonly tickMicros: number;
  /** The time that was set last. */
  ticks = 0;
  epoch = 0;
  readonly #epochTicks: number;
  #nowMicros = -1;

  /** `tickMicros` and `epochTicks` are powers of two. */
  constructor(tickMicros: number, epochTicks: number) {
    this.tickMicros = tickMicros;
    this.#epochTicks = epochTicks;
  }

  /** `nowMicros`: from a clock that all threads share and that does not go back. Zero to 2^53. */
  set(nowMicros: number): void {
    if (nowMicros === this.#nowMicros) return;
    this.#nowMicros = nowMicros;
    const ticks = Math.floor(nowMicros / this.tickMicros);
    // Bitwise operators take numbers modulo 2^32.
    this.ticks = ticks | 0;
    this.epoch = Math.floor(ticks / this.#epochTicks) | 0;
  }
}

/** The finest tick in which `micros` are at most `ticksMax`. A power of two, at least one microsecond. */
export function tickFor(micros: number, ticksMax: number): number {
  return 2 ** Math.max(0, Math.ceil(Math.log2(micros / ticksMax)));
}
