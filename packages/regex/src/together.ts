import { LazyAutomaton } from './automaton.ts';
import type { CacheBudget } from './cache-budget.ts';
import { combinePrograms } from './program.ts';
import type { RegexSetImage } from './set-image.ts';

/**
 * Instructions that may be visited to make states, from an account to which every byte read adds one. Making a state takes a
 * look at every pattern that is under way, so an input that always needs new states soon finds the account empty, and the
 * patterns are run one by one until it has recovered. Ordinary traffic needs hardly a new state after a while.
 *
 * This is what the account holds at most, and at the beginning: enough to learn the first few hundred requests at once.
 */
const CREDIT_MAX = 16_777_216;
/**
 * What one text may take of it, besides one for each of its bytes, which is about what running the patterns one by one would
 * cost. A text that learns something of use needs less; one that needs more is made so that every byte leads to a state of its own.
 */
const MAKING_PER_TEXT = 65_536;

/** Several patterns of a set as one automaton: one pass says which of them match. */
export class Together {
  readonly #automaton: LazyAutomaton;
  readonly #count: number;
  #credit = CREDIT_MAX;

  /** `members` are numbers of patterns, not of phrase lists. */
  constructor(image: RegexSetImage, members: readonly number[], budget: CacheBudget) {
    const parts = members.flatMap((member) => {
      const regex = image.members[member];
      return regex?.kind === 'regex' ? [{ program: regex.program, member }] : [];
    });
    this.#count = parts.length;
    this.#automaton = new LazyAutomaton(combinePrograms(parts), { order: 'search', isBackward: false }, budget);
  }

  /** Sets the bits of the members that match in `matched`; false if the text is not for it, and no bit says anything. */
  decide(text: string, matched: Int32Array): boolean {
    const makingMax = Math.min(this.#credit, MAKING_PER_TEXT + text.length);
    this.#credit = Math.min(CREDIT_MAX, this.#credit + text.length);
    if (makingMax <= 0) return false;
    const before = this.#automaton.making;
    const isDecided = this.#automaton.allMembers(text, { membersMax: this.#count, makingMax, found: matched });
    this.#credit -= this.#automaton.making - before;
    return isDecided;
  }
}
