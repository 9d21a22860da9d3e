import type { CacheBudget, CacheMember, Scratch } from './cache-budget.ts';
import { assertionsBetween, CATEGORY, CATEGORY_OF_BYTE } from './context.ts';
import { MatchStore } from './match-store.ts';
import { INSTRUCTION_WORDS, OPERATION, type Program } from './program.ts';
import { StateStore } from './state-store.ts';
import { float64At, int32At, uint8At } from './typed.ts';

/*
 * An entry of the transition table says what one symbol does in one state:
 *   0             not computed yet
 *   above 0       the next state (where its row begins)
 *   DEAD          no thread is left
 *   below DEAD    a match ended in front of this symbol; see `MatchStore`
 * Matches are seen one symbol late, because an assertion at the end of a match needs the byte behind it.
 */
export const DEAD = -1;

/**
 * How threads are kept. `preferred`: in order of preference, and a match ends all that are preferred less. `all`: as a
 * set, for "is there a match" and for the longest one. `search`: as `all`, and at every byte new threads begin. Those
 * are not part of the states, so that a state holds only what the text so far has begun and stays small.
 */
export type ThreadOrder = 'preferred' | 'all' | 'search';

export interface DeterminizerMode {
  readonly order: ThreadOrder;
  readonly isBackward: boolean;
}

/**
 * Fewer bytes than this per new state between two flushes, and building states costs more than simulating. Asked only
 * after so many new states in one search, because a short text that meets a full cache proves nothing.
 */
const BYTES_PER_STATE_MIN = 8;
const STATES_TO_JUDGE_MIN = 64;

/** Makes the states and transitions of a lazy automaton when they are first needed, within a budget of bytes. */
export class Determinizer implements CacheMember {
  /** Instructions visited since construction. */
  steps = 0;
  /** How often the cache was full. */
  flushes = 0;
  /** What `steps` may become: the search gives up where making states would take more. */
  stepsMax: number = Number.POSITIVE_INFINITY;
  /** Symbols behind the classes of bytes: an end of the text, and a newline that is the last byte. */
  readonly edge: number;
  readonly lastNewline: number;
  readonly #program: Program;
  readonly #mode: DeterminizerMode;
  readonly #stride: number;
  readonly #store: StateStore;
  readonly #budget: CacheBudget;
  readonly #scratch: Scratch;
  readonly #starts: Int32Array = new Int32Array(15);
  /** By context and symbol, what the threads that begin here become; made once and kept through flushes. */
  readonly #beginnings = new Map<number, Beginning>();
  readonly #matches: MatchStore = new MatchStore();
  /** Holds the beginnings in the budget, apart from the states: they survive a flush. */
  readonly #beginningsHolder: CacheMember = { drop: () => this.#forgetBeginnings() };
  #beginningBytes = 0;
  /** States made since `start`. */
  #statesMade = 0;
  #flushedAt = 0;
  #madeAtFlush = 0;

  constructor(program: Program, mode: DeterminizerMode, budget: CacheBudget) {
    this.#program = program;
    this.#mode = mode;
    this.edge = program.byteOf.length;
    this.lastNewline = this.edge + 1;
    this.#stride = this.edge + 2;
    this.#store = new StateStore(this.#stride, budget, this);
    this.#budget = budget;
    this.#scratch = budget.scratch;
    this.#scratch.fit(program.code.length / INSTRUCTION_WORDS);
  }

  /** Entries by row and symbol. A new array after growth: hold it no longer than until the next transition is made. */
  get table(): Int32Array {
    return this.#store.table;
  }

  /** Forgets every state. Called by the budget when another automaton needs the room. */
  drop(): void {
    this.#store.drop();
    this.#forget();
  }

  /** The state before the first symbol, given what stands on the other side; `DEAD` if nothing can begin; 0 to give up. */
  start(category: number, isAnchored: boolean): number {
    this.#flushedAt = 0;
    this.#madeAtFlush = 0;
    this.#statesMade = 0;
    const context = this.#program.assertions === 0 ? CATEGORY.other : category;
    const slot = context * 2 + (isAnchored ? 1 : 0);
    const known = int32At(this.#starts, slot);
    if (known !== 0) return known;
    let state = this.#internStart(context, isAnchored);
    if (state === 0) {
      this.#flush(0);
      state = this.#internStart(context, isAnchored);
    }
    this.#starts[slot] = state;
    return state;
  }

  /**
   * Of a search: the state in the middle of a text, behind a byte of the category, where nothing is under way; 0 to give up.
   */
  inside(category: number): number {
    const context = this.#program.assertions === 0 ? CATEGORY.other : category;
    const slot = INSIDE_SLOTS + context;
    const known = int32At(this.#starts, slot);
    if (known !== 0) return known;
    const state = this.#intern(0, context);
    this.#starts[slot] = state;
    return state;
  }

  /** The entry for `symbol` in `state`, made if it is unknown; 0 to give up. `progress` is how many bytes were read. */
  entry(state: number, symbol: number, progress: number): number {
    const known = int32At(this.#store.table, state + symbol);
    return known === 0 ? this.#transition(state, symbol, progress) : known;
  }

  /** What entries below `DEAD` stand for. */
  get matches(): MatchStore {
    return this.#matches;
  }

  #internStart(context: number, isAnchored: boolean): number {
    const { anchoredStart, searchStart, onceStart } = this.#program;
    const start = isAnchored ? anchoredStart : this.#mode.order === 'search' ? onceStart : searchStart;
    this.#scratch.roots[0] = start;
    return this.#intern(start < 0 ? 0 : 1, context);
  }

  #transition(state: number, symbol: number, progress: number): number {
    const byte = this.#byteOf(symbol);
    const category = this.#categoryOf(symbol, byte);
    const row = state / this.#stride;
    const context = contextOf(this.#store.context(row));
    const threads = this.#resolve(row, category);
    this.#scratch.epoch++;
    const members: number[] = [];
    let count = this.#step(threads, byte, members);
    if (this.#mode.order === 'search') count = this.#begin(context * this.#stride + symbol, count, members);
    const behind = this.#program.assertions === 0 ? CATEGORY.other : category;
    let next = this.#intern(count, behind);
    const isFull = next === 0;
    if (isFull) {
      if (this.#isThrashing(progress)) return 0;
      this.#flush(progress);
      next = this.#intern(count, behind);
      if (next === 0) return 0;
    }
    const entry = members.length === 0 ? next : this.#matches.entry(next, members);
    // After a flush the row of `state` is gone.
    if (!isFull) this.#store.table[state + symbol] = entry;
    return this.steps > this.stepsMax ? 0 : entry;
  }

  /** Moves the first `threads` of `#resolved` over a byte (-1 for an end) into `#roots`; returns how many there are. */
  #step(threads: number, byte: number, members: number[]): number {
    const { code, sets } = this.#program;
    let count = 0;
    this.steps += threads;
    for (let thread = 0; thread < threads; thread++) {
      const at = int32At(this.#scratch.resolved, thread) * INSTRUCTION_WORDS;
      if (int32At(code, at) === OPERATION.match) {
        const member = int32At(code, at + 2);
        if (!members.includes(member)) members.push(member);
        if (this.#mode.order === 'preferred') break;
      } else if (byte >= 0) {
        const set = int32At(code, at + 2) + (byte >>> 5);
        const root = int32At(code, at + 1);
        const isNew =
          ((int32At(sets, set) >>> (byte & 31)) & 1) === 1 &&
          float64At(this.#scratch.visitedIn, root) !== this.#scratch.epoch;
        if (!isNew) continue;
        this.#scratch.visitedIn[root] = this.#scratch.epoch;
        this.#scratch.roots[count++] = root;
      }
    }
    return count;
  }

  /** Adds to `#roots` what the threads that begin in front of the symbol become; returns how many there are then. */
  #begin(key: number, count: number, members: number[]): number {
    const { roots, members: begun } = this.#beginnings.get(key) ?? this.#beginning(key, count);
    for (const member of begun) if (!members.includes(member)) members.push(member);
    let total = count;
    this.steps += roots.length;
    for (let index = 0; index < roots.length; index++) {
      const root = int32At(roots, index);
      if (float64At(this.#scratch.visitedIn, root) === this.#scratch.epoch) continue;
      this.#scratch.visitedIn[root] = this.#scratch.epoch;
      this.#scratch.roots[total++] = root;
    }
    return total;
  }

  #beginning(key: number, count: number): Beginning {
    const context = Math.trunc(key / this.#stride);
    const symbol = key % this.#stride;
    const byte = this.#byteOf(symbol);
    const already = this.#scratch.roots.slice(0, count);
    const members: number[] = [];
    let stepped = 0;
    if (this.#program.repeatedStart >= 0) {
      this.#scratch.roots[0] = this.#program.repeatedStart;
      const threads = this.#close(1, this.#holding(context, this.#categoryOf(symbol, byte)));
      this.#scratch.epoch++;
      stepped = this.#step(threads, byte, members);
    }
    const beginning = { roots: this.#scratch.roots.slice(0, stepped), members };
    const bytes = this.#beginningBytes + beginning.roots.byteLength + BEGINNING_BYTES;
    // Nothing is taken for it: that could be the very states this transition is made for.
    if (this.#budget.holdIfFree(this.#beginningsHolder, bytes)) {
      this.#beginningBytes = bytes;
      this.#beginnings.set(key, beginning);
    }
    // Back to where the caller stood: what it has gathered, and that it was visited.
    this.#scratch.epoch++;
    this.#scratch.roots.set(already);
    for (const root of already) this.#scratch.visitedIn[root] = this.#scratch.epoch;
    return beginning;
  }

  /** Fills `#resolved` with the threads of a state, with its assertions decided; returns their number. */
  #resolve(row: number, category: number): number {
    const store = this.#store;
    const count = store.threadCount(row);
    const context = store.context(row);
    const target = context < 0 ? this.#scratch.resolved : this.#scratch.roots;
    for (let index = 0; index < count; index++) target[index] = store.thread(row, index);
    return context < 0 ? count : this.#close(count, this.#holding(context, category));
  }

  #holding(context: number, category: number): number {
    return this.#mode.isBackward ? assertionsBetween(category, context) : assertionsBetween(context, category);
  }

  /**
   * Fills `#resolved` with every place that the first `count` of `#roots` lead to without a byte, in order of
   * preference. With `UNDECIDED` it stops at the first assertion and returns -1.
   */
  #close(count: number, holding: number): number {
    const { code } = this.#program;
    const stack = this.#scratch.stack;
    let closed = 0;
    let depth = 0;
    this.#scratch.epoch++;
    for (let root = count - 1; root >= 0; root--) stack[depth++] = int32At(this.#scratch.roots, root);
    while (depth > 0) {
      const place = int32At(stack, --depth);
      if (float64At(this.#scratch.visitedIn, place) === this.#scratch.epoch) continue;
      this.#scratch.visitedIn[place] = this.#scratch.epoch;
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
          this.#scratch.resolved[closed++] = place;
      }
    }
    return closed;
  }

  /**
   * The row of the state that the first `count` of `#roots` are; `DEAD` for none, 0 if there is no room.
   *
   * Without an assertion in reach a state is the places that wait for a byte. With one it is its roots: the way
   * through empty loops depends on which assertions hold, so it must be walked anew. What was read before is part of
   * it where an assertion asks, now or in a thread that begins here.
   */
  #intern(count: number, category: number): number {
    const isSearch = this.#mode.order === 'search' && this.#program.repeatedStart >= 0;
    const closed = this.#close(count, UNDECIDED);
    if (closed === 0 && !isSearch) return DEAD;
    const threads = closed >= 0 ? this.#scratch.resolved : this.#scratch.roots;
    const length = closed >= 0 ? closed : count;
    // A set has no order: sorted, equal sets are equal states.
    if (this.#mode.order !== 'preferred') sortFirst(threads, length);
    const context = closed < 0 ? category : -1 - (isSearch ? category : CATEGORY.other);
    const statesBefore = this.#store.count;
    const row = this.#store.intern(threads, length, context);
    this.#statesMade += this.#store.count - statesBefore;
    return row * this.#stride;
  }

  #byteOf(symbol: number): number {
    return symbol < this.edge ? uint8At(this.#program.byteOf, symbol) : symbol === this.lastNewline ? 0x0a : -1;
  }

  #categoryOf(symbol: number, byte: number): number {
    if (symbol < this.edge) return uint8At(CATEGORY_OF_BYTE, byte);
    return byte < 0 ? CATEGORY.edge : CATEGORY.lastNewline;
  }

  #isThrashing(progress: number): boolean {
    const made = this.#statesMade - this.#madeAtFlush;
    return made >= STATES_TO_JUDGE_MIN && progress - this.#flushedAt < made * BYTES_PER_STATE_MIN;
  }

  #flush(progress: number): void {
    this.flushes++;
    this.#flushedAt = progress;
    this.#madeAtFlush = this.#statesMade;
    this.#store.clear();
    this.#forget();
  }

  #forget(): void {
    this.#starts.fill(0);
    this.#matches.clear();
  }

  #forgetBeginnings(): void {
    this.#beginnings.clear();
    this.#beginningBytes = 0;
    this.#budget.hold(this.#beginningsHolder, 0);
  }
}

/** Where the states of `inside` stand among the starts. */
const INSIDE_SLOTS = 10;

interface Beginning {
  readonly roots: Int32Array;
  readonly members: readonly number[];
}

/** What a beginning takes besides its roots. */
const BEGINNING_BYTES = 128;

const UNDECIDED = -1;

/** What was read before a state, whichever way it is written down: as itself, or as its complement if closed. */
function contextOf(written: number): number {
  return written < 0 ? -1 - written : written;
}

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
