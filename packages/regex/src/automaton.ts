import type { CacheBudget } from './cache-budget.ts';
import { CATEGORY, categoryAt } from './context.ts';
import { DEAD, Determinizer, type DeterminizerMode } from './determinizer.ts';
import { LANES, Lanes } from './lanes.ts';
import type { Program } from './program.ts';
import { ASSERTION } from './syntax/ast.ts';
import { float64At, int32At, uint8At } from './typed.ts';

/** What a search says instead of a place. */
export const NO_MATCH = -1;
/** The input makes states faster than it uses them; the caller takes the simulation instead. */
export const GAVE_UP = -2;

/** What to find out about a program of several members. */
export interface MembersWanted {
  readonly membersMax: number;
  /** Instructions that may be visited to make states. */
  readonly makingMax: number;
  readonly found: Int32Array;
}

/**
 * The automaton determinised while it runs: a state is made when an input first needs it, and one byte then costs
 * one table look-up. The cache is bounded by a budget; when it is full it starts again empty.
 */
export class LazyAutomaton {
  readonly #states: Determinizer;
  readonly #classOf: Uint8Array;
  readonly #isLastNewlineSpecial: boolean;
  readonly #beginsAnywhere: boolean;
  readonly #budget: CacheBudget;
  /** Made for the first long text. */
  #lanes: Lanes | undefined;
  #stoppedIn = 0;
  /** Where the search has seen a match. */
  #matchedAt = NO_MATCH;
  /** Searches of `allMembers` so far. */
  #search = 0;
  #bytes = 0;
  #counted = 0;

  constructor(program: Program, mode: DeterminizerMode, budget: CacheBudget) {
    this.#states = new Determinizer(program, mode, budget);
    this.#budget = budget;
    this.#classOf = program.classOf;
    this.#beginsAnywhere = program.repeatedStart >= 0;
    this.#isLastNewlineSpecial = (program.assertions & ASSERTION.textEndOrLastNewline) !== 0;
  }

  /** Bytes read and instructions visited since construction: what a step budget counts. */
  get steps(): number {
    return this.#bytes + this.#states.steps;
  }

  /** Instructions visited since construction to make states: the part of `steps` that is no byte read. */
  get making(): number {
    return this.#states.steps;
  }

  /** How often the cache was full. */
  get flushes(): number {
    return this.#states.flushes;
  }

  /** True if there is a match anywhere in the text; undefined after giving up. For the order `search`. */
  hasMatch(text: string): boolean | undefined {
    const bytes = this.#budget.textBytes.of(text);
    const start = this.#states.start(CATEGORY.edge, false);
    if (text.length < LANES_LENGTH_MIN || !this.#beginsAnywhere || start <= 0) return this.#endsBehind(text, start, 0);
    const lanes = (this.#lanes ??= new Lanes(this.#states, this.#classOf));
    const before = lanes.steps;
    const length = Lanes.lengthOf(this.#plainLimit(text, text.length));
    const state = lanes.read(bytes, start, length);
    this.#count(lanes.steps - before);
    if (state === LANES.match) return true;
    if (state === LANES.lost) return this.#endsBehind(text, this.#states.start(CATEGORY.edge, false), 0);
    return this.#endsBehind(text, state, length);
  }

  /** As `hasMatch`, in the state in which the text is at `from`. */
  #endsBehind(text: string, begin: number, from: number): boolean | undefined {
    const bytes = this.#budget.textBytes.of(text);
    const limit = this.#plainLimit(text, text.length);
    let state = begin;
    let index = from;
    for (; index <= text.length && state > 0; index++) {
      index = this.#follow(bytes, state, index, limit);
      state = this.#states.entry(this.#stoppedIn, this.#symbolAt(text, index), index);
    }
    this.#count(index - from);
    return state === 0 ? undefined : state < DEAD;
  }

  /** Where the leftmost-first match (`preferred`) or the longest one (`all`) ends, or `NO_MATCH` or `GAVE_UP`. */
  lastEnd(text: string, [from, to]: readonly [number, number], isAnchored: boolean): number {
    const bytes = this.#budget.textBytes.of(text);
    let state = this.#states.start(categoryAt(text, from - 1), isAnchored);
    const limit = this.#plainLimit(text, to);
    this.#matchedAt = NO_MATCH;
    let index = from;
    for (; index <= to && state > 0; index++) {
      index = this.#followMatches(bytes, state, index, limit);
      state = this.#states.entry(this.#stoppedIn, this.#symbolAt(text, index), index - from);
      if (state >= DEAD) continue;
      this.#matchedAt = index;
      state = this.#states.matches.nextOf(state);
    }
    this.#count(index - from);
    return state === 0 ? GAVE_UP : this.#matchedAt;
  }

  /**
   * For a program of several members: sets the bits of those that match in `found`, until `membersMax` were set; false
   * after giving up (at the latest when making states has taken `makingMax`), and then `found` is not complete.
   */
  allMembers(text: string, { membersMax, makingMax, found }: MembersWanted): boolean {
    let state = this.#states.start(CATEGORY.edge, false);
    const { matches } = this.#states;
    this.#states.stepsMax = this.#states.steps + makingMax;
    const bytes = this.#budget.textBytes.of(text);
    const limit = this.#plainLimit(text, text.length);
    let missing = membersMax;
    let index = 0;
    this.#search++;
    for (; index <= text.length && state > 0 && missing > 0; index++) {
      index = this.#followNoted(bytes, state, index, limit);
      state = this.#states.entry(this.#stoppedIn, this.#symbolAt(text, index), index);
      if (state >= DEAD) continue;
      for (const member of matches.membersOf(state)) {
        const word = int32At(found, member >>> 5);
        found[member >>> 5] = word | (1 << (member & 31));
        missing -= int32At(found, member >>> 5) === word ? 0 : 1;
      }
      matches.note(state, this.#search);
      state = matches.nextOf(state);
    }
    this.#count(index);
    return state !== 0;
  }

  /** For a backward automaton: the earliest begin of a match that ends at `end`, reading down to `from`. */
  firstBegin(text: string, from: number, end: number): number {
    const bytes = this.#budget.textBytes.of(text);
    let state = this.#states.start(categoryAt(text, end), true);
    this.#matchedAt = NO_MATCH;
    const isPlain = !(this.#isLastNewlineSpecial && end === text.length);
    let index = end;
    for (; index >= from && state > 0; index--) {
      if (isPlain || index < end) index = this.#followBack(bytes, state, index, from);
      else this.#stoppedIn = state;
      state = this.#states.entry(this.#stoppedIn, this.#symbolAt(text, index - 1), end - index);
      if (state >= DEAD) continue;
      this.#matchedAt = index;
      state = this.#states.matches.nextOf(state);
    }
    this.#count(end - index);
    return state === 0 ? GAVE_UP : this.#matchedAt;
  }

  /** Adds the bytes read and the work of the states to what all automata together have done. */
  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.work += bytes + this.#states.steps - this.#counted;
    this.#counted = this.#states.steps;
  }

  /**
   * Follows known transitions from `from`; returns where one is unknown or says more, `limit` at the latest, and leaves
   * the state there in `#stoppedIn`. A method of its own because the loop is twice as fast when nothing in it can
   * replace the table.
   */
  #follow(bytes: Uint8Array, state: number, from: number, limit: number): number {
    const { table } = this.#states;
    const classOf = this.#classOf;
    let current = state;
    for (let index = from; index < limit; index++) {
      const entry = int32At(table, current + uint8At(classOf, uint8At(bytes, index)));
      if (entry <= 0) {
        this.#stoppedIn = current;
        return index;
      }
      current = entry;
    }
    this.#stoppedIn = current;
    return Math.max(from, limit);
  }

  /** As `#follow`, and on through matches: `#matchedAt` is left where the last of them ends. */
  #followMatches(bytes: Uint8Array, state: number, from: number, limit: number): number {
    const { table } = this.#states;
    const { next } = this.#states.matches;
    const classOf = this.#classOf;
    let current = state;
    let matchedAt = this.#matchedAt;
    let index = from;
    for (; index < limit; index++) {
      const entry = int32At(table, current + uint8At(classOf, uint8At(bytes, index)));
      const behind = entry < DEAD ? int32At(next, -entry - 2) : entry;
      if (behind <= 0) break;
      if (entry < DEAD) matchedAt = index;
      current = behind;
    }
    this.#matchedAt = matchedAt;
    this.#stoppedIn = current;
    return index;
  }

  /** As `#follow`, and on through matches that this search has noted. */
  #followNoted(bytes: Uint8Array, state: number, from: number, limit: number): number {
    const { table } = this.#states;
    const { next, notedIn } = this.#states.matches;
    const classOf = this.#classOf;
    const search = this.#search;
    let current = state;
    let index = from;
    for (; index < limit; index++) {
      const entry = int32At(table, current + uint8At(classOf, uint8At(bytes, index)));
      const isNoted = entry < DEAD && float64At(notedIn, -entry - 2) === search;
      const behind = isNoted ? int32At(next, -entry - 2) : entry;
      if (behind <= 0) break;
      current = behind;
    }
    this.#stoppedIn = current;
    return index;
  }

  /** As `#followMatches`, from the byte before `from` down to the one at `limit`. */
  #followBack(bytes: Uint8Array, state: number, from: number, limit: number): number {
    const { table } = this.#states;
    const { next } = this.#states.matches;
    const classOf = this.#classOf;
    let current = state;
    let matchedAt = this.#matchedAt;
    let index = from;
    for (; index > limit; index--) {
      const entry = int32At(table, current + uint8At(classOf, uint8At(bytes, index - 1)));
      const behind = entry < DEAD ? int32At(next, -entry - 2) : entry;
      if (behind <= 0) break;
      if (entry < DEAD) matchedAt = index;
      current = behind;
    }
    this.#matchedAt = matchedAt;
    this.#stoppedIn = current;
    return index;
  }

  /** Up to here a byte's symbol is its class; behind it stands a byte (or an end) that is looked at with care. */
  #plainLimit(text: string, to: number): number {
    return this.#isLastNewlineSpecial && to === text.length ? Math.max(to - 1, 0) : to;
  }

  #symbolAt(text: string, index: number): number {
    const category = categoryAt(text, index);
    if (category === CATEGORY.edge) return this.#states.edge;
    if (category === CATEGORY.lastNewline) return this.#states.lastNewline;
    return uint8At(this.#classOf, text.charCodeAt(index));
  }
}

/** Bytes of a text from which on it pays to read it at several places at once. */
const LANES_LENGTH_MIN = 512;
