import type { CacheBudget, CacheMember } from './cache-budget.ts';
import { assertionsBetween, CATEGORY, CATEGORY_OF_BYTE, categoryAt } from './context.ts';
import { INSTRUCTION_WORDS, OPERATION, type Program } from './program.ts';
import { StateStore } from './state-store.ts';
import { ASSERTION } from './syntax/ast.ts';
import { int32At, uint8At } from './typed.ts';

/** What a search says instead of a place. */
export const NO_MATCH = -1;
/** The input makes states faster than it uses them; the caller takes the simulation instead. */
export const GAVE_UP = -2;

/**
 * How threads are kept. `preferred`: in order of preference, and a match ends all that are preferred less; the last
 * match seen is where the leftmost-first match ends. `all`: as a set, for "is there a match" and for the longest one.
 */
export type ThreadOrder = 'preferred' | 'all';

/*
 * An entry of the transition table says what one symbol does in one state:
 *   0             not computed yet
 *   above 0       the next state (where its row begins)
 *   DEAD          no thread is left
 *   below DEAD    a match ended in front of this symbol; -(2 * next row + 2), and row 0 is dead
 * Matches are seen one symbol late, because an assertion at the end of a match needs the byte behind it.
 */
const DEAD = -1;

/**
 * Fewer bytes than this per new state between two flushes, and building states costs more than simulating. Asked only
 * after so many new states in one search, because a short text that meets a full cache proves nothing.
 */
const BYTES_PER_STATE_MIN = 8;
const STATES_TO_JUDGE_MIN = 64;

/**
 * The automaton determinised while it runs: a state is made when an input first needs it, and one byte then costs
 * one table look-up. The cache is bounded by a budget; when it is full it starts again empty.
 */
export class LazyAutomaton implements CacheMember {
  /** Bytes read and instructions visited since construction: what a step budget counts. */
  steps = 0;
  /** How often the cache was full. */
  flushes = 0;
  readonly #program: Program;
  readonly #order: ThreadOrder;
  readonly #isBackward: boolean;
  readonly #classOf: Uint8Array;
  /** The symbols behind the classes of bytes: the end of the text, and a newline that is the last byte. */
  readonly #edge: number;
  readonly #lastNewline: number;
  readonly #stride: number;
  readonly #store: StateStore;
  readonly #visitedIn: Int32Array;
  readonly #stack: Int32Array;
  readonly #resolved: Int32Array;
  readonly #roots: Int32Array;
  readonly #starts: Int32Array = new Int32Array(10);
  #stoppedIn = 0;
  #epoch = 0;
  #flushedAt = 0;
  #statesSince = 0;

  constructor(program: Program, mode: { order: ThreadOrder; isBackward: boolean }, budget: CacheBudget) {
    const length = program.code.length / INSTRUCTION_WORDS;
    this.#program = program;
    this.#order = mode.order;
    this.#isBackward = mode.isBackward;
    this.#classOf = program.classOf;
    this.#edge = program.byteOf.length;
    this.#lastNewline = this.#edge + 1;
    this.#stride = this.#edge + 2;
    this.#store = new StateStore(this.#stride, budget, this);
    this.#visitedIn = new Int32Array(length);
    this.#stack = new Int32Array(length * 3 + 4);
    this.#resolved = new Int32Array(length);
    this.#roots = new Int32Array(length + 1);
  }

  /** Bytes held by the cache. */
  get cacheBytes(): number {
    return this.#store.bytes;
  }

  /** Forgets every state. Called by the budget when another automaton needs the room. */
  drop(): void {
    this.#store.drop();
    this.#starts.fill(0);
  }

  /** Where the first match ends that is complete, or `NO_MATCH` or `GAVE_UP`: enough to know that there is one. */
  firstEnd(text: string, from: number, to: number): number {
    let state = this.#start(text, from, false);
    if (state <= 0) return state === 0 ? GAVE_UP : NO_MATCH;
    const limit = this.#plainLimit(text, to);
    for (let index = from; index <= to; index++) {
      index = this.#follow(text, state, index, limit);
      const entry = this.#entry(this.#stoppedIn, this.#symbolAt(text, index), index - from);
      if (entry <= 0) {
        this.steps += index - from + 1;
        return entry === DEAD ? NO_MATCH : entry === 0 ? GAVE_UP : index;
      }
      state = entry;
    }
    this.steps += to - from + 1;
    return NO_MATCH;
  }

  /** Where the leftmost-first match (`preferred`) or the longest one (`all`) ends, or `NO_MATCH` or `GAVE_UP`. */
  lastEnd(text: string, [from, to]: readonly [number, number], isAnchored: boolean): number {
    let state = this.#start(text, from, isAnchored);
    if (state <= 0) return state === 0 ? GAVE_UP : NO_MATCH;
    let end = NO_MATCH;
    const limit = this.#plainLimit(text, to);
    let counted = from;
    for (let index = from; index <= to && state > 0; index++) {
      index = this.#follow(text, state, index, limit);
      const entry = this.#entry(this.#stoppedIn, this.#symbolAt(text, index), index - from);
      if (entry === 0) return GAVE_UP;
      if (entry < DEAD) end = index;
      state = entry < DEAD ? nextOfMatch(entry) : entry;
      this.steps += index - counted + 1;
      counted = index + 1;
    }
    return end;
  }

  /** For a backward automaton: the earliest begin of a match that ends at `end`, reading down to `from`. */
  firstBegin(text: string, from: number, end: number): number {
    let state = this.#startAt(categoryAt(text, end), true);
    let begin = state === 0 ? GAVE_UP : NO_MATCH;
    for (let index = end; index >= from && state > 0; index--) {
      const entry = this.#entry(state, this.#symbolAt(text, index - 1), end - index);
      if (entry === 0) return GAVE_UP;
      if (entry < DEAD) begin = index;
      state = entry < DEAD ? nextOfMatch(entry) : entry;
      this.steps++;
    }
    return begin;
  }

  /**
   * Follows known transitions from `from`; returns where one is unknown or says more, `limit` at the latest, and leaves
   * the state there in `#stoppedIn`. A method of its own because the loop is twice as fast when nothing in it can
   * replace the table.
   */
  #follow(text: string, state: number, from: number, limit: number): number {
    const table = this.#store.table;
    const classOf = this.#classOf;
    let current = state;
    for (let index = from; index < limit; index++) {
      const entry = int32At(table, current + uint8At(classOf, text.charCodeAt(index)));
      if (entry <= 0) {
        this.#stoppedIn = current;
        return index;
      }
      current = entry;
    }
    this.#stoppedIn = current;
    return Math.max(from, limit);
  }

  /** Up to here a byte's symbol is its class; behind it stands a byte (or an end) that is looked at with care. */
  #plainLimit(text: string, to: number): number {
    const isLastSpecial = (this.#program.assertions & ASSERTION.textEndOrLastNewline) !== 0;
    return isLastSpecial && to === text.length ? Math.max(to - 1, 0) : to;
  }

  #symbolAt(text: string, index: number): number {
    const category = categoryAt(text, index);
    if (category === CATEGORY.edge) return this.#edge;
    return category === CATEGORY.lastNewline ? this.#lastNewline : uint8At(this.#classOf, text.charCodeAt(index));
  }

  #entry(state: number, symbol: number, progress: number): number {
    const entry = int32At(this.#store.table, state + symbol);
    return entry === 0 ? this.#transition(state, symbol, progress) : entry;
  }

  #start(text: string, from: number, isAnchored: boolean): number {
    this.#flushedAt = 0;
    this.#statesSince = 0;
    return this.#startAt(this.#program.assertions === 0 ? CATEGORY.other : categoryAt(text, from - 1), isAnchored);
  }

  /** The state before the first symbol, given what stands on the other side; `DEAD` if nothing can begin. */
  #startAt(category: number, isAnchored: boolean): number {
    const known = int32At(this.#starts, category * 2 + (isAnchored ? 1 : 0));
    if (known !== 0) return known;
    this.#roots[0] = isAnchored ? this.#program.anchoredStart : this.#program.searchStart;
    let state = this.#intern(1, category);
    if (state === 0) {
      this.#flush(0);
      state = this.#intern(1, category);
    }
    this.#starts[category * 2 + (isAnchored ? 1 : 0)] = state;
    return state;
  }

  /** Computes, enters into the table and returns what `symbol` does in `state`; 0 to give up. */
  #transition(state: number, symbol: number, progress: number): number {
    const { code, sets, byteOf } = this.#program;
    const isByte = symbol < this.#edge;
    const byte = isByte ? uint8At(byteOf, symbol) : symbol === this.#lastNewline ? 0x0a : -1;
    const category = isByte ? uint8At(CATEGORY_OF_BYTE, byte) : byte < 0 ? CATEGORY.edge : CATEGORY.lastNewline;
    const threads = this.#resolve(state, category);
    let isMatch = false;
    let count = 0;
    this.#epoch++;
    for (let thread = 0; thread < threads; thread++) {
      const at = int32At(this.#resolved, thread) * INSTRUCTION_WORDS;
      if (int32At(code, at) === OPERATION.match) {
        isMatch = true;
        if (this.#order === 'preferred') break;
      } else if (byte >= 0) {
        const set = int32At(code, at + 2) + (byte >>> 5);
        const root = int32At(code, at + 1);
        const isRoot =
          ((int32At(sets, set) >>> (byte & 31)) & 1) === 1 && int32At(this.#visitedIn, root) !== this.#epoch;
        if (!isRoot) continue;
        this.#visitedIn[root] = this.#epoch;
        this.#roots[count++] = root;
      }
    }
    this.steps += threads;
    let next = this.#intern(count, category);
    const isFull = next === 0;
    if (isFull) {
      if (this.#isThrashing(progress)) return 0;
      this.#flush(progress);
      next = this.#intern(count, category);
      if (next === 0) return 0;
    }
    const entry = isMatch ? -(2 * Math.max(next, 0) + 2) : next;
    // After a flush the row of `state` is gone.
    if (!isFull) this.#store.table[state + symbol] = entry;
    return entry;
  }

  /** Fills `#resolved` with the threads of a state, with its assertions decided; returns their number. */
  #resolve(state: number, category: number): number {
    const store = this.#store;
    const row = state / this.#stride;
    const count = store.threadCount(row);
    const context = store.context(row);
    if (context < 0) {
      for (let thread = 0; thread < count; thread++) this.#resolved[thread] = store.thread(row, thread);
      return count;
    }
    const holding = this.#isBackward ? assertionsBetween(category, context) : assertionsBetween(context, category);
    for (let root = 0; root < count; root++) this.#roots[root] = store.thread(row, root);
    return this.#close(count, holding);
  }

  /**
   * Fills `#resolved` with every place that the first `count` of `#roots` lead to without a byte, in order of
   * preference. With `UNDECIDED` it stops at the first assertion and returns -1.
   */
  #close(count: number, holding: number): number {
    const { code } = this.#program;
    const stack = this.#stack;
    let closed = 0;
    let depth = 0;
    this.#epoch++;
    for (let root = count - 1; root >= 0; root--) stack[depth++] = int32At(this.#roots, root);
    while (depth > 0) {
      const place = int32At(stack, --depth);
      if (int32At(this.#visitedIn, place) === this.#epoch) continue;
      this.#visitedIn[place] = this.#epoch;
      this.steps++;
      const at = place * INSTRUCTION_WORDS;
      switch (int32At(code, at)) {
        case OPERATION.split:
          stack[depth++] = int32At(code, at + 2);
          stack[depth++] = int32At(code, at + 1);
          break;
        case OPERATION.save:
          stack[depth++] = int32At(code, at + 1);
          break;
        case OPERATION.assertion:
          if (holding === UNDECIDED) return -1;
          if ((holding & int32At(code, at + 2)) !== 0) stack[depth++] = int32At(code, at + 1);
          break;
        default:
          this.#resolved[closed++] = place;
      }
    }
    return closed;
  }

  /**
   * The row of the state that the first `count` of `#roots` are; `DEAD` for none, 0 if there is no room.
   *
   * Without an assertion in reach a state is the places that wait for a byte. With one it is its roots and what stood
   * before them: the way through empty loops depends on which assertions hold, so it must be walked anew.
   */
  #intern(count: number, category: number): number {
    if (count === 0) return DEAD;
    const closed = this.#close(count, UNDECIDED);
    if (closed === 0) return DEAD;
    const threads = closed > 0 ? this.#resolved : this.#roots;
    const length = closed > 0 ? closed : count;
    // A set has no order: sorted, equal sets are equal states.
    if (this.#order === 'all') sortFirst(threads, length);
    const statesBefore = this.#store.count;
    const row = this.#store.intern(threads, length, closed > 0 ? -1 : category);
    this.#statesSince += this.#store.count - statesBefore;
    return row * this.#stride;
  }

  #isThrashing(progress: number): boolean {
    if (this.#statesSince < STATES_TO_JUDGE_MIN) return false;
    return progress - this.#flushedAt < this.#statesSince * BYTES_PER_STATE_MIN;
  }

  #flush(progress: number): void {
    this.flushes++;
    this.#flushedAt = progress;
    this.#statesSince = 0;
    this.#store.clear();
    this.#starts.fill(0);
  }
}

const UNDECIDED = -1;

/** Sorts short lists in place, where a call of the built-in sort costs more than the sorting. */
function sortFirst(list: Int32Array, length: number): void {
  if (length > 24) {
    list.subarray(0, length).sort();
    return;
  }
  for (let sorted = 1; sorted < length; sorted++) {
    const value = int32At(list, sorted);
    let place = sorted;
    for (; place > 0 && int32At(list, place - 1) > value; place--) list[place] = int32At(list, place - 1);
    list[place] = value;
  }
}

function nextOfMatch(entry: number): number {
  return (-entry - 2) / 2;
}
