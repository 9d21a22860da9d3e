import { RegexError } from './errors.ts';
import { REGEX_LIMITS } from './limits.ts';
import { int32At, uint8At } from './typed.ts';

/**
 * All literals of a set as one Aho-Corasick automaton. The states near the root, where nearly every byte of ordinary
 * text leads, have their failure transitions filled in and cost one look-up; the many behind them know only their
 * children, and are a twentieth of the size. Literals are compared without (ASCII) case. Plain data.
 *
 * States are numbered breadth first, so that the children of one are neighbours. A *place* is a state as the loop that
 * reads text keeps it: where the row begins for a state that has one, and `rows` further than the rest of the number
 * for one that has none.
 */
export interface LiteralImage {
  /** The class of every byte; both cases of a letter share one, and all bytes of no literal are class 0. */
  readonly classOf: Uint8Array;
  readonly stride: number;
  /** Next place by row and class; negative when the state ends a literal (the place is then its complement). */
  readonly table: Int32Array;
  /** By state: the state of its longest proper suffix. */
  readonly failure: Int32Array;
  /** By state: its first child; the last one stands before the first child of the next state. */
  readonly firstChild: Int32Array;
  /** By state: the class of the byte that leads to it. */
  readonly symbol: Uint8Array;
  /** By state: the first literal that ends here, -1 for none. */
  readonly firstEnding: Int32Array;
  /** By literal: the next one that ends wherever this one does (its longest proper suffix that is a literal), or -1. */
  readonly suffix: Int32Array;
  readonly lengths: Int32Array;
}

/** Builds the automaton of distinct folded literals, none empty. Throws `RegexError` (`TOO_LARGE`). */
export function compileLiterals(literals: readonly string[]): LiteralImage {
  const classOf = classesOf(literals);
  const stride = Math.max(...classOf) + 1;
  const trie = new Trie();
  for (const [id, literal] of literals.entries()) {
    let state = 0;
    for (let index = 0; index < literal.length; index++) {
      state = trie.child(state, uint8At(classOf, literal.charCodeAt(index)));
    }
    trie.endOf[state] = id;
  }
  const numbered = numberedBreadthFirst(trie);
  const { suffix, firstEnding, failure } = failuresOf(numbered, literals.length);
  const shape = { ...numbered, failure, firstEnding, stride };
  return {
    classOf,
    stride,
    table: rowsOf(shape),
    failure,
    firstChild: numbered.firstChild,
    symbol: numbered.symbol,
    firstEnding,
    suffix,
    lengths: Int32Array.from(literals, ({ length }) => length),
  };
}

/** Follows the automaton behind the states that have rows, and tells what ends at a place. */
export class LiteralWalker {
  readonly #image: LiteralImage;
  readonly #rows: number;
  /** What a place without a row is more than its state. */
  readonly #offset: number;

  constructor(image: LiteralImage) {
    this.#image = image;
    this.#rows = image.table.length / image.stride;
    this.#offset = image.table.length - this.#rows;
  }

  /** The place behind `symbol` for a place without a row; negative as in the table. Follows failures, so amortised. */
  behind(place: number, symbol: number): number {
    const { table, stride, failure, firstChild, symbol: symbols, firstEnding } = this.#image;
    let state = place - this.#offset;
    while (state >= this.#rows) {
      const end = int32At(firstChild, state + 1);
      for (let child = int32At(firstChild, state); child < end; child++) {
        if (uint8At(symbols, child) !== symbol) continue;
        const next = child + this.#offset;
        return int32At(firstEnding, child) < 0 ? next : ~next;
      }
      state = int32At(failure, state);
    }
    return int32At(table, state * stride + symbol);
  }

  /** The first literal that ends at the place, -1 for none. */
  ending(place: number): number {
    const { table, stride, firstEnding } = this.#image;
    return int32At(firstEnding, place < table.length ? place / stride : place - this.#offset);
  }
}

/** The form in which literals are compared: ASCII letters in lower case, everything else as it is. */
export function folded(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** States that have a row: two megabytes at most, even with all bytes in the literals. */
const ROWS_MAX = 2048;

/** States in the order in which they were made, each with a list of its children. */
class Trie {
  /** By state the literal that ends there, or -1. */
  readonly endOf: number[] = [-1];
  readonly symbols: number[] = [0];
  readonly youngest: number[] = [-1];
  readonly olderSibling: number[] = [-1];

  child(state: number, symbol: number): number {
    let child = this.youngest[state] ?? -1;
    for (; child >= 0; child = this.olderSibling[child] ?? -1) if (this.symbols[child] === symbol) return child;
    const made = this.endOf.length;
    if (made >= REGEX_LIMITS.literalStatesMax) {
      throw new RegexError('TOO_LARGE', -1, `the literals need more than ${REGEX_LIMITS.literalStatesMax} states`);
    }
    this.endOf.push(-1);
    this.symbols.push(symbol);
    this.youngest.push(-1);
    this.olderSibling.push(this.youngest[state] ?? -1);
    this.youngest[state] = made;
    return made;
  }
}

interface Numbered {
  readonly firstChild: Int32Array;
  readonly symbol: Uint8Array;
  readonly endOf: Int32Array;
}

function numberedBreadthFirst(trie: Trie): Numbered {
  const count = trie.endOf.length;
  const order = new Int32Array(count);
  const firstChild = new Int32Array(count + 1);
  let tail = 1;
  for (let state = 0; state < count; state++) {
    firstChild[state] = tail;
    let child = trie.youngest[int32At(order, state)] ?? -1;
    for (; child >= 0; child = trie.olderSibling[child] ?? -1) order[tail++] = child;
  }
  firstChild[count] = tail;
  return {
    firstChild,
    symbol: Uint8Array.from(order, (old) => trie.symbols[old] ?? 0),
    endOf: Int32Array.from(order, (old) => trie.endOf[old] ?? -1),
  };
}

/** Aho and Corasick 1975: breadth first, so that the failure of a state is complete before the state itself. */
function failuresOf(
  { firstChild, symbol, endOf }: Numbered,
  count: number,
): { suffix: Int32Array; firstEnding: Int32Array; failure: Int32Array } {
  const suffix = new Int32Array(count).fill(-1);
  const firstEnding = Int32Array.from(endOf);
  const failure = new Int32Array(endOf.length);
  const childOf = (state: number, wanted: number): number => {
    const end = int32At(firstChild, state + 1);
    for (let child = int32At(firstChild, state); child < end; child++) {
      if (uint8At(symbol, child) === wanted) return child;
    }
    return -1;
  };
  for (let state = 0; state < endOf.length; state++) {
    const inherited = state === 0 ? -1 : int32At(firstEnding, int32At(failure, state));
    const own = int32At(endOf, state);
    if (own >= 0) suffix[own] = inherited;
    else firstEnding[state] = inherited;
    for (let child = int32At(firstChild, state); child < int32At(firstChild, state + 1); child++) {
      let fallback = state;
      let found = -1;
      while (fallback !== 0 && found < 0) {
        fallback = int32At(failure, fallback);
        found = childOf(fallback, uint8At(symbol, child));
      }
      failure[child] = Math.max(found, 0);
    }
  }
  return { suffix, firstEnding, failure };
}

/** The rows of the first states. */
function rowsOf({
  firstChild,
  symbol,
  failure,
  firstEnding,
  stride,
}: Numbered & Pick<LiteralImage, 'failure' | 'firstEnding' | 'stride'>): Int32Array {
  const rows = Math.min(firstEnding.length, ROWS_MAX);
  const table = new Int32Array(rows * stride);
  for (let state = 0; state < rows; state++) {
    const row = state * stride;
    // The failure of a state stands before it, so it has a row too.
    const fallback = int32At(failure, state) * stride;
    if (state > 0) table.copyWithin(row, fallback, fallback + stride);
    for (let child = int32At(firstChild, state); child < int32At(firstChild, state + 1); child++) {
      const place = child < rows ? child * stride : child - rows + table.length;
      // The sign says "look at what ends here" without a second look-up in the loop that reads the text.
      table[row + uint8At(symbol, child)] = int32At(firstEnding, child) < 0 ? place : ~place;
    }
  }
  return table;
}

function classesOf(literals: readonly string[]): Uint8Array {
  const classOf = new Uint8Array(256);
  let count = 0;
  for (const literal of literals) {
    for (let index = 0; index < literal.length; index++) {
      const byte = literal.charCodeAt(index);
      if (uint8At(classOf, byte) === 0) classOf[byte] = ++count;
    }
  }
  for (let upper = 0x41; upper <= 0x5a; upper++) classOf[upper] = uint8At(classOf, upper | 0x20);
  return classOf;
}
