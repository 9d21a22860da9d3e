/** One slice of a long piece of work. `more`: it wants another turn. */
export type Slice = () => 'more' | 'done';

/**
 * Whose turn it is among those who judge long bodies. In one turn of the event loop one of them runs one slice, so that
 * everybody else waits for some milliseconds, however many long bodies there are; those wait for each other. They are
 * never more than bodies that are held, which is bounded.
 */
export class Turns {
  readonly #waiting = new Set<Slice>();
  readonly #schedule: (run: () => void) => void;
  #isScheduled = false;

  /** `schedule` runs something when the events that are there now have been seen to. Default: `setImmediate`. */
  constructor(schedule: (run: () => void) => void = setImmediate) {
    this.#schedule = schedule;
  }

  add(slice: Slice): void {
    this.#waiting.add(slice);
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    if (this.#isScheduled || this.#waiting.size === 0) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.#runNext();
    });
  }

  #runNext(): void {
    const [slice] = this.#waiting;
    if (slice === undefined) return;
    this.#waiting.delete(slice);
    // A throw is the business of whoever waits for the slice, and must not end the turns of the others.
    try {
      if (slice() === 'more') this.#waiting.add(slice);
    } finally {
      this.#scheduleNext();
    }
  }
}
