import { LazyAutomaton } from './automaton.ts';
import type { CacheBudget } from './cache-budget.ts';
import { combinePrograms } from './program.ts';
import type { RegexSetImage } from './set-image.ts';
import { int32At } from './typed.ts';

/** Fewer candidates than this are run one by one. */
const CANDIDATES_MIN = 2;

/** Patterns that the prefilter rarely rules out, as one automaton: one pass for all of them. */
export class Together {
  /** Bits of the members it knows. */
  readonly #members: Int32Array;
  readonly #automaton: LazyAutomaton;
  readonly #wanted: Int32Array;
  readonly #found: Int32Array;

  constructor(image: RegexSetImage, members: readonly number[], budget: CacheBudget) {
    const { words } = image.prefilter;
    const parts = members.flatMap((member) => {
      const regex = image.members[member];
      return regex?.kind === 'regex' ? [{ program: regex.program, member }] : [];
    });
    this.#automaton = new LazyAutomaton(
      combinePrograms(parts),
      { order: 'search', isBackward: false, givesUpEarly: true },
      budget,
    );
    this.#members = new Int32Array(words);
    this.#wanted = new Int32Array(words);
    this.#found = new Int32Array(words);
    for (const { member } of parts) {
      this.#members[member >>> 5] = int32At(this.#members, member >>> 5) | (1 << (member & 31));
    }
  }

  get steps(): number {
    return this.#automaton.steps;
  }

  /**
   * Decides those of `candidates` that it knows: takes them out and puts those that match into `matched`. Does nothing
   * when they are too few, or when the text makes the automaton give up.
   */
  decide(text: string, candidates: Int32Array, matched: Int32Array): void {
    let missing = 0;
    for (let word = 0; word < candidates.length; word++) {
      const wanted = int32At(candidates, word) & int32At(this.#members, word);
      this.#wanted[word] = wanted;
      // Bits that nobody asks for count as found, so that they are not waited for.
      this.#found[word] = ~wanted;
      missing += bitCount(wanted);
    }
    if (missing < CANDIDATES_MIN || !this.#automaton.allMembers(text, missing, this.#found)) return;
    for (let word = 0; word < candidates.length; word++) {
      const wanted = int32At(this.#wanted, word);
      candidates[word] = int32At(candidates, word) & ~wanted;
      matched[word] = int32At(matched, word) | (wanted & int32At(this.#found, word));
    }
  }
}

/** Bits that are set in 32 (Hacker's Delight 5-1). */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
