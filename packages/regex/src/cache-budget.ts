import { TextBytes } from './text-bytes.ts';

/** Something that holds part of a budget and can let go of it. */
export interface CacheMember {
  drop(): void;
}

/** The bytes that the lazily built automata of one pattern, or of all patterns of a set, may hold together. */
export class CacheBudget {
  readonly bytesMax: number;
  /** Working memory of whichever automaton makes a transition just now. */
  readonly scratch: Scratch = new Scratch();
  /** Of the text that is searched just now. */
  readonly textBytes: TextBytes = new TextBytes();
  /** Bytes read and instructions visited by all that share the budget, since construction. */
  work = 0;
  #used = 0;
  readonly #held = new Map<CacheMember, number>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Lets `member` hold `bytes` instead of what it held, but takes nothing from anyone for it. */
  holdIfFree(member: CacheMember, bytes: number): boolean {
    const before = this.#held.get(member) ?? 0;
    if (this.#used - before + bytes > this.bytesMax) return false;
    this.#used += bytes - before;
    this.#held.set(member, bytes);
    return true;
  }

  /**
   * Lets `member` hold `bytes` instead of what it held. When there is no room the others are told to drop what they
   * hold: the one that runs now needs it more. False if it is still too much.
   */
  hold(member: CacheMember, bytes: number): boolean {
    const before = this.#held.get(member) ?? 0;
    if (this.#used - before + bytes > this.bytesMax) {
      if (bytes > this.bytesMax) return false;
      for (const other of this.#held.keys()) if (other !== member) other.drop();
      if (this.#used - before + bytes > this.bytesMax) return false;
    }
    this.#used += bytes - before;
    if (bytes === 0) this.#held.delete(member);
    else this.#held.set(member, bytes);
    return true;
  }
}

/** Lists of places in a program. Large enough for the longest program, and shared: only one automaton works at a time. */
export class Scratch {
  /** By place, the epoch in which it was visited last. */
  visitedIn: Float64Array = new Float64Array(0);
  stack: Int32Array = new Int32Array(0);
  resolved: Int32Array = new Int32Array(0);
  roots: Int32Array = new Int32Array(1);
  epoch = 0;

  /** Makes room for a program of so many instructions. Not to be called while a transition is made. */
  fit(instructions: number): void {
    if (instructions <= this.resolved.length) return;
    this.visitedIn = new Float64Array(instructions);
    this.stack = new Int32Array(instructions * 3 + 4);
    this.resolved = new Int32Array(instructions);
    this.roots = new Int32Array(instructions + 1);
  }
}
