/** Something that holds part of a budget and can let go of it. */
export interface CacheMember {
  drop(): void;
}

/** The bytes that the lazily built automata of one pattern, or of all patterns of a set, may hold together. */
export class CacheBudget {
  readonly bytesMax: number;
  #used = 0;
  readonly #held = new Map<CacheMember, number>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
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
