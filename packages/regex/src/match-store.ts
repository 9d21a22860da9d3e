import { int32At } from './typed.ts';

/**
 * The entries of a transition table that stand for matches: where the automaton goes on, and whose match it was. Next
 * states are in an array of numbers, so that a loop over a text in which every byte ends a match needs nothing else.
 */
export class MatchStore {
  /** By number of the match, the next state, `DEAD` if there is none. A new array after growth. */
  next: Int32Array = new Int32Array(MATCHES_MIN);
  /** By number of the match, the search in which it was noted last. */
  notedIn: Float64Array = new Float64Array(MATCHES_MIN);
  #members: (readonly number[])[] = [];
  readonly #numbers = new Map<string, number>();

  /** The entry for a match; equal ones share one, so that there are hardly more of them than states. */
  entry(next: number, members: readonly number[]): number {
    const key = `${next}:${members.join()}`;
    const known = this.#numbers.get(key) ?? this.#add(next, members);
    this.#numbers.set(key, known);
    return -(known + 2);
  }

  /** For an entry below `DEAD`: the next state, `DEAD` if there is none. */
  nextOf(entry: number): number {
    return int32At(this.next, -entry - 2);
  }

  /** For an entry below `DEAD`: the arguments of the match instructions. */
  membersOf(entry: number): readonly number[] {
    return this.#members[-entry - 2] ?? [];
  }

  /** Keeps in mind that a search has noted the members of the entry. */
  note(entry: number, search: number): void {
    this.notedIn[-entry - 2] = search;
  }

  clear(): void {
    this.#members = [];
    this.#numbers.clear();
    this.next = new Int32Array(MATCHES_MIN);
    this.notedIn = new Float64Array(MATCHES_MIN);
  }

  #add(next: number, members: readonly number[]): number {
    const number = this.#members.push(members) - 1;
    if (number >= this.next.length) {
      const nextBefore = this.next;
      const notedBefore = this.notedIn;
      this.next = new Int32Array(number * 2);
      this.notedIn = new Float64Array(number * 2);
      this.next.set(nextBefore);
      this.notedIn.set(notedBefore);
    }
    this.next[number] = next;
    return number;
  }
}

const MATCHES_MIN = 8;
