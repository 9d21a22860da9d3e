import type { Move, NodeSet } from './survey-plan.ts';

/** A text, and the places in chains of transformations at which it stands. */
export class Standing {
  text = '';
  /** The first `placesCount` are meant. */
  readonly places: NodeSet[] = [];
  placesCount = 0;

  add(place: NodeSet): this {
    this.places[this.placesCount] = place;
    this.placesCount += 1;
    return this;
  }
}

/**
 * The texts that a survey of one value has still to look at, as a stack: what transformations make of a text lies above
 * it. Every byte of every value comes by here, so nothing is made anew that the last value has left behind. There are
 * never more of them than chains have steps.
 */
export class Standings {
  readonly #standings: Standing[] = [];
  #count = 0;
  /** What transformations of the texts in the stack gave, in the order in which they were asked. */
  readonly #applied: Move['apply'][] = [];
  readonly #results: Standing[] = [];
  #appliedCount = 0;

  get count(): number {
    return this.#count;
  }

  at(index: number): Standing {
    const standing = this.#standings[index];
    if (standing === undefined) throw new Error('a text is looked at that is not there');
    return standing;
  }

  add(text: string): Standing {
    const standing = this.#standings[this.#count] ?? new Standing();
    this.#standings[this.#count] = standing;
    this.#count += 1;
    standing.text = text;
    return standing;
  }

  /** The text at `index` is looked at: what it is turned into comes behind everything else. */
  begin(index: number): Frame {
    return { here: this.at(index), first: this.#count, firstApplied: this.#appliedCount };
  }

  /**
   * What the transformation makes of the text. What several chains make of it is made once, and what is the same text is
   * one.
   */
  changed({ here, first, firstApplied }: Frame, apply: Move['apply']): Standing {
    for (let at = firstApplied; at < this.#appliedCount; at += 1) {
      const known = this.#results[at];
      if (known !== undefined && this.#applied[at] === apply) return known;
    }
    const result = this.#standingOf(apply(here.text), here, first);
    this.#applied[this.#appliedCount] = apply;
    this.#results[this.#appliedCount] = result;
    this.#appliedCount += 1;
    return result;
  }

  /** Everything that came of the text has been looked at. */
  end({ first, firstApplied }: Frame): void {
    this.#forget(first);
    this.#appliedCount = firstApplied;
  }

  clear(): void {
    this.#forget(0);
    this.#appliedCount = 0;
  }

  #standingOf(text: string, here: Standing, first: number): Standing {
    if (text === here.text) return here;
    for (let at = first; at < this.#count; at += 1) {
      const known = this.at(at);
      if (known.text === text) return known;
    }
    return this.add(text);
  }

  /** A text may be a secret, and must not outlive its request. */
  #forget(first: number): void {
    for (let at = first; at < this.#count; at += 1) {
      const standing = this.at(at);
      standing.text = '';
      standing.placesCount = 0;
    }
    this.#count = first;
  }
}

/** One text of the stack while it is looked at. */
export interface Frame {
  readonly here: Standing;
  readonly first: number;
  readonly firstApplied: number;
}
