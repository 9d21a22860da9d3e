import { setImmediate } from 'node:timers/promises';
import type { Clock } from '@sallyport/kernel';

/**
 * Runs steps until they are done, and gives the event loop to others whenever {@link SLICE_MS} are over: whoever is served
 * meanwhile waits no longer than that and one step.
 */
export async function inSlices<Result>(steps: Generator<undefined, Result, undefined>, clock: Clock): Promise<Result> {
  for (;;) {
    const endMs = clock.monotonicMs() + SLICE_MS;
    do {
      const step = steps.next();
      if (step.done === true) return step.value;
    } while (clock.monotonicMs() < endMs);
    await setImmediate();
  }
}

/** Runs steps to their end: where nobody waits. */
export function atOnce<Result>(steps: Generator<undefined, Result, undefined>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

const SLICE_MS = 2;
