import { CATEGORY_OF_BYTE } from './context.ts';
import { DEAD, type Determinizer } from './determinizer.ts';
import { int32At, uint8At } from './typed.ts';

/** What the lanes found out. */
export const LANES = {
  /** A match ends in what was read. */
  match: -1,
  /** States were forgotten while they were needed, or could not be made: the text must be read in one go. */
  lost: 0,
} as const;

/**
 * A long text read at four places at once. One byte of an automaton costs the time of a look-up that has to wait for the
 * one before it; look-ups of four places wait for nobody, and take together little more than one.
 *
 * Every place but the first begins with nothing under way. What was under way there is followed on from the end of the
 * part before, beside what began with nothing, until both are in one state: from there on they are the same. Threads that
 * are under way only add to what begins anew, so where that never happens nothing is lost but time.
 */
export class Lanes {
  /** Look-ups made one after the other since construction; those made side by side count as one. */
  steps = 0;
  readonly #states: Determinizer;
  readonly #classOf: Uint8Array;
  readonly #current = new Int32Array(LANES_COUNT);

  /** `states` keep threads in the order `search`. */
  constructor(states: Determinizer, classOf: Uint8Array) {
    this.#states = states;
    this.#classOf = classOf;
  }

  /** How many of so many bytes `read` can read. */
  static lengthOf(bytes: number): number {
    return bytes - (bytes % LANES_COUNT);
  }

  /**
   * Reads the first `length` bytes (see `lengthOf`) from the state `start` on: gives the state behind them, or what
   * `LANES` says.
   */
  read(bytes: Uint8Array, start: number, length: number): number {
    const each = length / LANES_COUNT;
    const current = this.#current;
    current[0] = start;
    for (let lane = 1; lane < LANES_COUNT; lane++) current[lane] = this.#inside(bytes, lane * each);
    if (current.includes(LANES.lost)) return LANES.lost;
    for (let index = 0; index < each; index++) {
      index = this.#followFour(bytes, index, each);
      if (index === each) break;
      for (let lane = 0; lane < LANES_COUNT; lane++) {
        const next = this.#entry(bytes, { lane, at: lane * each + index, progress: LANES_COUNT * index });
        if (next <= 0) return next;
      }
    }
    this.steps += each * STEPS_PER_ROUND;
    return this.#join(bytes, each);
  }

  /** Follows what was under way at the end of each part into the next one. */
  #join(bytes: Uint8Array, each: number): number {
    const ends = this.#current.slice();
    let state = int32At(ends, 0);
    for (let lane = 1; lane < LANES_COUNT; lane++) {
      const from = lane * each;
      this.#current[0] = state;
      this.#current[1] = this.#inside(bytes, from);
      const met = this.#followTwo(bytes, from, from + each);
      if (met < 0) return met === MATCHED ? LANES.match : LANES.lost;
      state = met < from + each ? int32At(ends, lane) : int32At(this.#current, 0);
    }
    return state;
  }

  /** Follows two lanes until they are in one state; returns where that is, `to` where it is nowhere before. */
  #followTwo(bytes: Uint8Array, from: number, to: number): number {
    const current = this.#current;
    let index = from;
    while (index < to) {
      const before = index;
      index = this.#followPair(bytes, index, to);
      this.steps += index - before + 1;
      if (index === to || int32At(current, 0) === int32At(current, 1)) return index;
      for (let lane = 0; lane < 2; lane++) {
        const next = this.#entry(bytes, { lane, at: index, progress: to });
        if (next <= 0) return next === LANES.match ? MATCHED : LOST;
      }
      index += 1;
    }
    return index;
  }

  /** The state behind the byte at `at` of a lane, which becomes its state; or what `LANES` says. */
  #entry(bytes: Uint8Array, { lane, at, progress }: { lane: number; at: number; progress: number }): number {
    const { flushes } = this.#states;
    const symbol = uint8At(this.#classOf, uint8At(bytes, at));
    const entry = this.#states.entry(int32At(this.#current, lane), symbol, progress);
    if (entry < DEAD) return LANES.match;
    // A flush has taken the states of all other lanes.
    if (entry <= 0 || this.#states.flushes !== flushes) return LANES.lost;
    this.#current[lane] = entry;
    return entry;
  }

  #inside(bytes: Uint8Array, at: number): number {
    const { flushes } = this.#states;
    const state = this.#states.inside(uint8At(CATEGORY_OF_BYTE, uint8At(bytes, at - 1)));
    return state < 0 || this.#states.flushes !== flushes ? LANES.lost : state;
  }

  /**
   * Follows known transitions of all lanes from byte `from` of each; returns where one is unknown or says more, `each` at
   * the latest. Without calls, as every loop over a text.
   */
  #followFour(bytes: Uint8Array, from: number, each: number): number {
    const { table } = this.#states;
    const classOf = this.#classOf;
    const current = this.#current;
    let [first, second, third, fourth] = [
      int32At(current, 0),
      int32At(current, 1),
      int32At(current, 2),
      int32At(current, 3),
    ];
    let index = from;
    for (; index < each; index++) {
      const one = int32At(table, first + uint8At(classOf, uint8At(bytes, index)));
      const two = int32At(table, second + uint8At(classOf, uint8At(bytes, each + index)));
      const three = int32At(table, third + uint8At(classOf, uint8At(bytes, 2 * each + index)));
      const four = int32At(table, fourth + uint8At(classOf, uint8At(bytes, 3 * each + index)));
      // Negative when one of them is not above zero.
      if (((one - 1) | (two - 1) | (three - 1) | (four - 1)) < 0) break;
      first = one;
      second = two;
      third = three;
      fourth = four;
    }
    current[0] = first;
    current[1] = second;
    current[2] = third;
    current[3] = fourth;
    return index;
  }

  /** As `#followFour`, for two lanes in the same bytes, and until both are in the same state. */
  #followPair(bytes: Uint8Array, from: number, to: number): number {
    const { table } = this.#states;
    const classOf = this.#classOf;
    let first = int32At(this.#current, 0);
    let second = int32At(this.#current, 1);
    let index = from;
    for (; index < to && first !== second; index++) {
      const symbol = uint8At(classOf, uint8At(bytes, index));
      const one = int32At(table, first + symbol);
      const two = int32At(table, second + symbol);
      if (((one - 1) | (two - 1)) < 0) break;
      first = one;
      second = two;
    }
    this.#current[0] = first;
    this.#current[1] = second;
    return index;
  }
}

const LANES_COUNT = 4;

/** A round of four look-ups side by side takes a little longer than one look-up alone. */
const STEPS_PER_ROUND = 1.5;

/** What `#followTwo` says instead of a place. */
const MATCHED = -1;
const LOST = -2;
