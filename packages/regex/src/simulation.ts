import { assertionsBetween, categoryAt } from './context.ts';
import { INSTRUCTION_WORDS, OPERATION, type Program } from './program.ts';
import { int32At } from './typed.ts';

/** What to search, and where; assertions see the text outside `from` and `to` as well. */
export interface Window {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  /** A match must begin at `from`. */
  readonly isAnchored: boolean;
  /** A match must end at `to`. Only for a simulation without slots: it changes which match is preferred. */
  readonly mustEndAtTo?: boolean;
}

/** Threads in order of preference, without duplicates, each with its own slots. */
interface ThreadList {
  readonly places: Int32Array;
  readonly slots: Int32Array;
  count: number;
}

/**
 * The simulation of the automaton thread by thread: slower than the lazy automaton, but it needs memory only for the
 * program, knows captures, and no input makes it worse than (length of the text) times (length of the program).
 */
export class Simulation {
  /** Instructions visited since construction. */
  steps = 0;
  readonly #program: Program;
  readonly #slotCount: number;
  readonly #stack: Int32Array;
  /** For every instruction the step in which it was last visited; steps are numbered, so nothing is cleared. */
  readonly #visitedIn: Float64Array;
  readonly #working: Int32Array;
  readonly #best: Int32Array;
  #current: ThreadList;
  #following: ThreadList;
  #epoch = 0;

  /** `slotCount` is 0 to learn only whether there is a match, else two for each group including group 0. */
  constructor(program: Program, slotCount: number) {
    const length = program.code.length / INSTRUCTION_WORDS;
    this.#program = program;
    this.#slotCount = slotCount;
    // Every instruction is visited once per step and pushes at most one place and one slot to restore (three words).
    this.#stack = new Int32Array(length * 4 + 8);
    this.#visitedIn = new Float64Array(length);
    this.#working = new Int32Array(slotCount);
    this.#best = new Int32Array(slotCount);
    this.#current = newList(length, slotCount);
    this.#following = newList(length, slotCount);
  }

  /** The slots of the leftmost match, preferred first; undefined without a match. Valid until the next call. */
  run({ text, from, to, isAnchored, mustEndAtTo = false }: Window): Int32Array | undefined {
    let hasMatched = false;
    this.#current.count = 0;
    this.#epoch++;
    for (let index = from; index <= to; index++) {
      const list = this.#current;
      if (!hasMatched && (index === from || !isAnchored)) {
        const holding = assertionsBetween(categoryAt(text, index - 1), categoryAt(text, index));
        this.#working.fill(-1);
        if (this.#slotCount > 0) this.#working[0] = index;
        this.#add(list, this.#program.anchoredStart, index, holding);
      }
      if (list.count === 0 && (isAnchored || hasMatched)) break;
      // Threads are never cut where no match may be seen yet.
      const found = this.#step(text, [index, to], mustEndAtTo && index < to);
      if (found < 0) continue;
      hasMatched = true;
      if (this.#slotCount === 0) break;
      // The step has swapped the lists, but the slots of the thread still lie where they were.
      for (let slot = 0; slot < this.#slotCount; slot++) {
        this.#best[slot] = int32At(list.slots, found * this.#slotCount + slot);
      }
      this.#best[1] = index;
    }
    return hasMatched ? this.#best : undefined;
  }

  /** Moves every thread over the byte at `index`; returns the thread that matched before it, or -1. */
  #step(text: string, [index, to]: readonly [number, number], ignoresMatch: boolean): number {
    const { code, sets } = this.#program;
    const list = this.#current;
    const following = this.#following;
    const byte = index < to ? text.charCodeAt(index) : -1;
    const holding = assertionsBetween(categoryAt(text, index), categoryAt(text, index + 1));
    let found = -1;
    following.count = 0;
    this.#epoch++;
    this.steps += list.count + 1;
    for (let thread = 0; thread < list.count; thread++) {
      const at = int32At(list.places, thread) * INSTRUCTION_WORDS;
      if (int32At(code, at) === OPERATION.match) {
        if (ignoresMatch) continue;
        found = thread;
        break;
      }
      if (byte < 0) continue;
      const set = int32At(code, at + 2) + (byte >>> 5);
      if (((int32At(sets, set) >>> (byte & 31)) & 1) === 0) continue;
      for (let slot = 0; slot < this.#slotCount; slot++) {
        this.#working[slot] = int32At(list.slots, thread * this.#slotCount + slot);
      }
      this.#add(following, int32At(code, at + 1), index + 1, holding);
    }
    this.#current = following;
    this.#following = list;
    return found;
  }

  /** Adds every place that can be reached from `start` without a byte. A hot loop with its own stack, hence one piece. */
  #add(list: ThreadList, start: number, index: number, holding: number): void {
    const { code } = this.#program;
    const stack = this.#stack;
    const working = this.#working;
    let depth = 0;
    stack[depth++] = start;
    while (depth > 0) {
      const place = int32At(stack, --depth);
      if (place < 0) {
        // The way through a group has been followed to its end: what came before the group is restored.
        working[-place - 1] = int32At(stack, --depth);
        continue;
      }
      if (this.#visitedIn[place] === this.#epoch) continue;
      this.#visitedIn[place] = this.#epoch;
      this.steps++;
      const at = place * INSTRUCTION_WORDS;
      const next = int32At(code, at + 1);
      const argument = int32At(code, at + 2);
      switch (int32At(code, at)) {
        case OPERATION.split:
          stack[depth++] = argument;
          stack[depth++] = next;
          break;
        case OPERATION.assertion:
          if ((holding & argument) !== 0) stack[depth++] = next;
          break;
        case OPERATION.save:
          if (argument < this.#slotCount) {
            stack[depth++] = int32At(working, argument);
            stack[depth++] = -argument - 1;
            working[argument] = index;
          }
          stack[depth++] = next;
          break;
        default:
          list.places[list.count] = place;
          for (let slot = 0; slot < this.#slotCount; slot++) {
            list.slots[list.count * this.#slotCount + slot] = int32At(working, slot);
          }
          list.count++;
      }
    }
  }
}

function newList(length: number, slotCount: number): ThreadList {
  return { places: new Int32Array(length), slots: new Int32Array(length * slotCount), count: 0 };
}
