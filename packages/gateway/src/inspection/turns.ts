/** One slice of a long piece of work. `more`: it wants another turn. */
export type Slice = () => 'more' | 'done';

/** A long body that is to be judged. */
export interface LongWork {
  readonly slice: Slice;
  readonly bytes: number;
  /** Whose it is: the client's network. */
  readonly client: string;
}

/**
 * Whose turn it is among those who judge long bodies. In one turn of the event loop one of them runs one slice, so that
 * everybody else waits for some milliseconds, however many long bodies there are; those wait for each other.
 *
 * One that has begun keeps what rules made of its values, several times its body. So no more begin than fit side by side,
 * next always that of the client who has least under way: a client with a hundred uploads makes itself wait. Those that
 * wait are never more than bodies that are held, which is bounded, because who gives up takes its work back.
 */
export class Turns {
  readonly #waiting = new Set<LongWork>();
  /** In the order of their turns. */
  readonly #begun = new Set<LongWork>();
  #begunBytes = 0;
  readonly #schedule: (run: () => void) => void;
  #isScheduled = false;

  /** `schedule` runs something when the events that are there now have been seen to. Default: `setImmediate`. */
  constructor(schedule: (run: () => void) => void = setImmediate) {
    this.#schedule = schedule;
  }

  /** Judgements that have begun or wait to begin. */
  get count(): number {
    return this.#begun.size + this.#waiting.size;
  }

  add(work: LongWork): void {
    this.#waiting.add(work);
    if (this.#waiting.size === 1) this.#beginWhatFits();
    this.#scheduleNext();
  }

  /** Nobody wants it any more. Safe to call twice, and within its own slice. */
  remove(work: LongWork): void {
    this.#waiting.delete(work);
    if (!this.#begun.delete(work)) return;
    this.#begunBytes -= work.bytes;
    this.#beginWhatFits();
  }

  #scheduleNext(): void {
    if (this.#isScheduled || this.#begun.size === 0) return;
    this.#isScheduled = true;
    this.#schedule(() => {
      this.#isScheduled = false;
      this.#runNext();
    });
  }

  #runNext(): void {
    const [work] = this.#begun;
    if (work === undefined) return;
    let result: ReturnType<Slice> = 'done';
    // A throw is the business of whoever waits for the slice, and must not end the turns of the others.
    try {
      result = work.slice();
    } finally {
      if (result === 'done') this.remove(work);
      else if (this.#begun.delete(work)) this.#begun.add(work);
      this.#scheduleNext();
    }
  }

  #beginWhatFits(): void {
    for (let work = this.#nextWaiting(); work !== undefined; work = this.#nextWaiting()) {
      // Whatever its length, one alone fits. One that does not fit yet is not overtaken for ever by shorter ones.
      if (this.#begun.size > 0 && this.#begunBytes + work.bytes > SIDE_BY_SIDE_BYTES_MAX) return;
      this.#waiting.delete(work);
      this.#begun.add(work);
      this.#begunBytes += work.bytes;
    }
  }

  /** The first of the client who has least under way. */
  #nextWaiting(): LongWork | undefined {
    if (this.#waiting.size === 0) return undefined;
    const bytesOf = new Map<string, number>();
    for (const { client, bytes } of this.#begun) bytesOf.set(client, (bytesOf.get(client) ?? 0) + bytes);
    let next: LongWork | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const work of this.#waiting) {
      const bytes = bytesOf.get(work.client) ?? 0;
      if (bytes >= least) continue;
      next = work;
      least = bytes;
      if (bytes === 0) break;
    }
    return next;
  }
}

/** Bytes of bodies whose judgement has begun, in one worker. Under a full rule set each costs up to seven bytes of memory. */
const SIDE_BY_SIDE_BYTES_MAX = 16_777_216;
