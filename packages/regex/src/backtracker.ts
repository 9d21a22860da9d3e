import { assertionsBetween, categoryAt } from './context.ts';
import { REGEX_LIMITS } from './limits.ts';
import { INSTRUCTION_WORDS, OPERATION, type Program } from './program.ts';
import { int32At } from './typed.ts';

/**
 * Finds the captures of a match whose place is known, by backtracking that never visits a pair of instruction and
 * position twice: at most (length of the program) times (length of the match) steps, and fast on the short matches
 * that captures are usually wanted for.
 */
export class Backtracker {
  /** Pairs of instruction and position visited since construction. */
  steps = 0;
  readonly #program: Program;
  readonly #length: number;
  readonly #visited: Int32Array;
  #stack: Int32Array;

  constructor(program: Program) {
    this.#program = program;
    this.#length = program.code.length / INSTRUCTION_WORDS;
    this.#visited = new Int32Array(REGEX_LIMITS.backtrackBitsMax / 32);
    this.#stack = new Int32Array(256);
  }

  /** True if a span of `length` bytes fits into the table of visited pairs. */
  fits(length: number): boolean {
    return this.#length * (length + 1) <= REGEX_LIMITS.backtrackBitsMax;
  }

  /**
   * Fills `slots` with the preferred match that begins at `from` and ends at or before `to`; false without one.
   * One hot state machine with its own stack of (place, position) and (slot to restore, old value), hence one piece.
   */
  run(text: string, [from, to]: readonly [number, number], slots: Int32Array): boolean {
    const { code } = this.#program;
    const span = to - from + 1;
    this.#visited.fill(0, 0, ((this.#length * span) >>> 5) + 1);
    slots.fill(-1);
    let depth = this.#push(0, this.#program.anchoredStart, from);
    while (depth > 0) {
      let index = int32At(this.#stack, --depth);
      let place = int32At(this.#stack, --depth);
      if (place < 0) {
        slots[-place - 1] = index;
        continue;
      }
      while (place >= 0 && this.#isFirstVisit(place * span + index - from)) {
        this.steps++;
        const at = place * INSTRUCTION_WORDS;
        const next = int32At(code, at + 1);
        const argument = int32At(code, at + 2);
        place = next;
        switch (int32At(code, at)) {
          case OPERATION.bytes:
            place = index < to && this.#isIn(argument, text.charCodeAt(index)) ? next : -1;
            index++;
            break;
          case OPERATION.split:
            depth = this.#push(depth, argument, index);
            break;
          case OPERATION.assertion:
            place =
              (assertionsBetween(categoryAt(text, index - 1), categoryAt(text, index)) & argument) !== 0 ? next : -1;
            break;
          case OPERATION.save:
            depth = this.#push(depth, -argument - 1, int32At(slots, argument));
            slots[argument] = index;
            break;
          default:
            slots[0] = from;
            slots[1] = index;
            return true;
        }
      }
    }
    return false;
  }

  #isIn(set: number, byte: number): boolean {
    return ((int32At(this.#program.sets, set + (byte >>> 5)) >>> (byte & 31)) & 1) === 1;
  }

  #isFirstVisit(pair: number): boolean {
    const word = int32At(this.#visited, pair >>> 5);
    this.#visited[pair >>> 5] = word | (1 << (pair & 31));
    return ((word >>> (pair & 31)) & 1) === 0;
  }

  #push(depth: number, place: number, index: number): number {
    if (depth + 2 > this.#stack.length) {
      // Bounded by the visited table: every pair pushes at most once.
      const larger = new Int32Array(this.#stack.length * 2);
      larger.set(this.#stack);
      this.#stack = larger;
    }
    this.#stack[depth] = place;
    this.#stack[depth + 1] = index;
    return depth + 2;
  }
}
