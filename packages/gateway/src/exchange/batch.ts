import type { Clock } from '@sallyport/kernel';

/** What follows from a judgement: a request goes on, or is refused. */
export type Consequence = () => void;

/** A judgement that has its place in a batch. */
export class Batched {
  #judge: (() => Consequence) | undefined;
  #follow: Consequence | undefined;
  readonly #onThrow: (cause: unknown) => void;

  constructor(judge: () => Consequence, onThrow: (cause: unknown) => void) {
    this.#judge = judge;
    this.#onThrow = onThrow;
  }

  /** Without what follows from it. Once. */
  judge(): void {
    const judge = this.#judge;
    this.#judge = undefined;
    if (judge === undefined) return;
    this.#guarded(() => {
      this.#follow = judge();
    });
  }

  follow(): void {
    const follow = this.#follow;
    this.#follow = undefined;
    if (follow !== undefined) this.#guarded(follow);
  }

  /** Does not wait for the others: something else is about to happen to whoever is judged. Safe to call twice. */
  now(): void {
    this.judge();
    this.follow();
  }

  /** What throws here belongs to one exchange, and must not keep the others from their judgement. */
  #guarded(step: () => void): void {
    try {
      step();
    } catch (cause) {
      this.#onThrow(cause);
    }
  }
}

/**
 * Judges together what one turn of the event loop has brought: first all judgements, one behind the other, and then what
 * follows from each. A judgement walks through megabytes of tables and code; behind one another they find them in the
 * processor's caches, which every system call and every other piece of work in between empties in part
 * (docs/adr/0019-judged-in-batches.md). Who is alone waits for nobody.
 */
export class Batch {
  readonly #clock: Clock;
  readonly #schedule: (run: () => void) => void;
  #waiting: Batched[] = [];
  #isScheduled = false;

  /** `schedule` runs something when the events that are there now have been seen to. Default: `setImmediate`. */
  constructor(clock: Clock, schedule: (run: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#schedule = schedule;
  }

  /** `onThrow` is told when the judgement, or what follows from it, throws. */
  add(judge: () => Consequence, onThrow: (cause: unknown) => void): Batched {
    const batched = new Batched(judge, onThrow);
    this.#waiting.push(batched);
    this.#scheduleNext();
    return batched;
  }

  #scheduleNext(): void {
    if (this.#isScheduled || this.#waiting.length === 0) return;
    this.#isScheduled = true;
    this.#schedule(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const all = this.#waiting;
    const judged = this.#judge(all);
    this.#waiting = all.slice(judged);
    for (let index = 0; index < judged; index += 1) all[index]?.follow();
    this.#scheduleNext();
  }

  /** Returns how many, from the first, had time. */
  #judge(all: readonly Batched[]): number {
    const endMs = this.#clock.monotonicMs() + BATCH_MS_MAX;
    for (const [index, batched] of all.entries()) {
      if (index > 0 && this.#clock.monotonicMs() >= endMs) return index;
      batched.judge();
    }
    return all.length;
  }
}

/** After so long, what has been judged goes on before more is. */
const BATCH_MS_MAX = 4;
