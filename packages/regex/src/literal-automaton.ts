import { RegexError } from './errors.ts';
import { REGEX_LIMITS } from './limits.ts';
import { int32At, uint8At } from './typed.ts';

/**
 * All literals of a set as one Aho-Corasick automaton with its failure transitions filled in, so that every byte costs
 * one look-up. Literals are compared without (ASCII) case. Plain data.
 */
export interface LiteralImage {
  /** The class of every byte; both cases of a letter share one, and all bytes of no literal are class 0. */
  readonly classOf: Uint8Array;
  readonly stride: number;
  /** Next row by row and class; negative when the state ends a literal (the row is then its complement). */
  readonly table: Int32Array;
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
  const trie = new Trie(stride);
  for (const [id, literal] of literals.entries()) {
    trie.add(
      id,
      Array.from(literal, (byte) => uint8At(classOf, byte.charCodeAt(0))),
    );
  }
  const complete = trie.table.slice(0, trie.endOf.length * stride);
  const { suffix, firstEnding } = fillFailures(complete, trie.endOf, { count: literals.length, stride });
  // The sign says "look at what ends here" without a second look-up in the loop that reads the text.
  const table = complete.map((row) => (int32At(firstEnding, row / stride) >= 0 ? ~row : row));
  return { classOf, stride, table, firstEnding, suffix, lengths: Int32Array.from(literals, ({ length }) => length) };
}

/** The form in which literals are compared: ASCII letters in lower case, everything else as it is. */
export function folded(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

class Trie {
  table: Int32Array<ArrayBuffer>;
  /** By state the literal that ends there, or -1. */
  readonly endOf: number[] = [-1];
  readonly #stride: number;

  constructor(stride: number) {
    this.#stride = stride;
    this.table = new Int32Array(STATES_MIN * stride);
  }

  add(id: number, symbols: readonly number[]): void {
    let row = 0;
    for (const symbol of symbols) row = this.#child(row + symbol);
    this.endOf[row / this.#stride] = id;
  }

  #child(at: number): number {
    const known = int32At(this.table, at);
    if (known !== 0) return known;
    const state = this.endOf.length;
    if (state >= REGEX_LIMITS.literalStatesMax) {
      throw new RegexError('TOO_LARGE', -1, `the literals need more than ${REGEX_LIMITS.literalStatesMax} states`);
    }
    if ((state + 1) * this.#stride > this.table.length) this.table = grown(this.table);
    this.table[at] = state * this.#stride;
    this.endOf.push(-1);
    return state * this.#stride;
  }
}

const STATES_MIN = 256;

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

/** Aho and Corasick 1975: breadth first, so that the failure state of a state is complete before the state itself. */
function fillFailures(
  table: Int32Array,
  endOf: readonly number[],
  { count, stride }: { count: number; stride: number },
): { suffix: Int32Array; firstEnding: Int32Array } {
  const suffix = new Int32Array(count).fill(-1);
  const firstEnding = Int32Array.from(endOf);
  const failure = new Int32Array(endOf.length);
  const queue = new Int32Array(endOf.length);
  let tail = 1;
  for (let head = 0; head < tail; head++) {
    const state = int32At(queue, head);
    const fallback = int32At(failure, state);
    const inherited = state === 0 ? -1 : int32At(firstEnding, fallback);
    const own = endOf[state] ?? -1;
    if (own >= 0) suffix[own] = inherited;
    else firstEnding[state] = inherited;
    for (let symbol = 0; symbol < stride; symbol++) {
      const child = int32At(table, state * stride + symbol);
      const other = state === 0 ? 0 : int32At(table, fallback * stride + symbol);
      if (child === 0) table[state * stride + symbol] = other;
      else {
        failure[child / stride] = other / stride;
        queue[tail++] = child / stride;
      }
    }
  }
  return { suffix, firstEnding };
}

function grown(table: Int32Array): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(table.length * 2);
  larger.set(table);
  return larger;
}
