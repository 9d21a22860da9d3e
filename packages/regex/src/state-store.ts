import type { CacheBudget, CacheMember } from './cache-budget.ts';
import { int32At } from './typed.ts';

/** Rows that a store begins with; doubled while the budget allows it. */
const ROWS_MIN = 16;
const BYTES_PER_WORD = 4;
/** Words of bookkeeping per row: where its threads begin, its context, its hash, and two hash slots. */
const WORDS_PER_ROW = 5;

/** The states of one lazy automaton: interned lists of threads and the rows of the transition table. Row 0 is unused. */
export class StateStore {
  /** Entries by row and symbol. A new array after growth: hold it no longer than until the next intern. */
  table: Int32Array = EMPTY_TABLE;
  /** Rows in use, the unused row 0 included. */
  count = 1;
  readonly #stride: number;
  readonly #budget: CacheBudget;
  readonly #owner: CacheMember;
  #pool: Int32Array = EMPTY_TABLE;
  #begins: Int32Array = EMPTY_TABLE;
  #contexts: Int32Array = EMPTY_TABLE;
  #hashes: Int32Array = EMPTY_TABLE;
  #slots: Int32Array = EMPTY_TABLE;

  constructor(stride: number, budget: CacheBudget, owner: CacheMember) {
    this.#stride = stride;
    this.#budget = budget;
    this.#owner = owner;
  }

  get bytes(): number {
    return this.#bytesFor(this.#contexts.length, this.#pool.length);
  }

  threadCount(row: number): number {
    return int32At(this.#begins, row + 1) - int32At(this.#begins, row);
  }

  thread(row: number, index: number): number {
    return int32At(this.#pool, int32At(this.#begins, row) + index);
  }

  /** The category of what was read before, or -1 if no thread asks for it. */
  context(row: number): number {
    return int32At(this.#contexts, row);
  }

  /** The row of the state with these threads and context, made if it is new; 0 if there is no room for it. */
  intern(threads: Int32Array, count: number, context: number): number {
    const hash = hashOf(threads, count, context);
    const known = this.#find(threads, { count, context, hash });
    if (known > 0) return known;
    const begin = this.count > 1 ? int32At(this.#begins, this.count) : 0;
    if (!this.#reserve(this.count + 1, begin + count)) return 0;
    const row = this.count++;
    for (let index = 0; index < count; index++) this.#pool[begin + index] = int32At(threads, index);
    this.#begins[row] = begin;
    this.#begins[row + 1] = begin + count;
    this.#contexts[row] = context;
    this.#hashes[row] = hash;
    this.#enter(row);
    return row;
  }

  /** Forgets every state but keeps the memory. */
  clear(): void {
    this.table.fill(0, 0, this.count * this.#stride);
    this.#slots.fill(0);
    this.count = 1;
  }

  /** Forgets every state and gives the memory back. */
  drop(): void {
    this.table = EMPTY_TABLE;
    this.#pool = EMPTY_TABLE;
    this.#begins = EMPTY_TABLE;
    this.#contexts = EMPTY_TABLE;
    this.#hashes = EMPTY_TABLE;
    this.#slots = EMPTY_TABLE;
    this.count = 1;
    this.#budget.hold(this.#owner, 0);
  }

  #find(threads: Int32Array, wanted: { count: number; context: number; hash: number }): number {
    const mask = this.#slots.length - 1;
    if (mask < 0) return 0;
    for (let slot = wanted.hash & mask; ; slot = (slot + 1) & mask) {
      const row = int32At(this.#slots, slot);
      if (row === 0) return 0;
      const isCandidate = int32At(this.#hashes, row) === wanted.hash && this.context(row) === wanted.context;
      if (isCandidate && this.#isSame(row, threads, wanted.count)) return row;
    }
  }

  #isSame(row: number, threads: Int32Array, count: number): boolean {
    if (this.threadCount(row) !== count) return false;
    for (let index = 0; index < count; index++) {
      if (this.thread(row, index) !== int32At(threads, index)) return false;
    }
    return true;
  }

  #enter(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = int32At(this.#hashes, row) & mask;
    while (int32At(this.#slots, slot) !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row;
  }

  /** Makes room for so many rows and pool words, within the budget. */
  #reserve(rows: number, words: number): boolean {
    const capacity = this.#contexts.length;
    if (rows <= capacity && words <= this.#pool.length) return true;
    const rowsWanted = rows <= capacity ? capacity : Math.max(ROWS_MIN, capacity * 2);
    const wordsWanted = words <= this.#pool.length ? this.#pool.length : Math.max(words, this.#pool.length * 2, 256);
    if (!this.#budget.hold(this.#owner, this.#bytesFor(rowsWanted, wordsWanted))) return false;
    if (wordsWanted !== this.#pool.length) this.#pool = resized(this.#pool, wordsWanted);
    if (rowsWanted !== capacity) this.#growRows(rowsWanted);
    return true;
  }

  #growRows(rows: number): void {
    this.table = resized(this.table, rows * this.#stride);
    this.#begins = resized(this.#begins, rows + 1);
    this.#contexts = resized(this.#contexts, rows);
    this.#hashes = resized(this.#hashes, rows);
    this.#slots = new Int32Array(rows * 2);
    for (let row = 1; row < this.count; row++) this.#enter(row);
  }

  #bytesFor(rows: number, words: number): number {
    return (rows * (this.#stride + WORDS_PER_ROW) + words) * BYTES_PER_WORD;
  }
}

const EMPTY_TABLE: Int32Array = new Int32Array(0);

function resized(array: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(length);
  larger.set(array);
  return larger;
}

/** FNV-1a over the words, with a last mix so that the low bits depend on all of them. */
function hashOf(threads: Int32Array, count: number, context: number): number {
  let hash = 0x811c9dc5 ^ context;
  for (let index = 0; index < count; index++) hash = Math.imul(hash ^ int32At(threads, index), 0x01000193);
  return hash ^ (hash >>> 15);
}
