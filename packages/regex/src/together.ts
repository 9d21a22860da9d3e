import { LazyAutomaton } from './automaton.ts';
import type { CacheBudget } from './cache-budget.ts';
import { combinePrograms } from './program.ts';
import type { RegexSetImage } from './set-image.ts';

/**
 * So many bytes must have been read for each state made. Making one takes a look at every pattern that is under way,
 * so an input that always needs new states soon finds the account empty, and the patterns are run one by one until it
 * has recovered. Ordinary traffic needs hardly a new state after a while.
 */
const BYTES_PER_STATE = 8;
/** What the account holds at most, and at the beginning: enough to learn the first few hundred requests at once. */
const CREDIT_MAX = 8192 * BYTES_PER_STATE;
/** States that one text may make, besides one for every `BYTES_PER_STATE` of its bytes. */
const STATES_PER_TEXT = 256;

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
    const allowed = Math.min(this.#credit, STATES_PER_TEXT * BYTES_PER_STATE + text.length) / BYTES_PER_STATE;
    this.#credit = Math.min(CREDIT_MAX, this.#credit + text.length);
    if (allowed < 1) return false;
    const isDecided = this.#automaton.allMembers(text, { membersMax: this.#count, statesMax: allowed, found: matched });
    this.#credit -= this.#automaton.statesMade * BYTES_PER_STATE;
    return isDecided;
  }
}
