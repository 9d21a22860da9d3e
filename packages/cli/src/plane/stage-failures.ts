import type { Clock } from '@sallyport/kernel';
import { describeThrown, type ThrownFacts } from '../notifications/describe-thrown.ts';

/**
 * Tells the control plane of stages that have thrown, so that it can report them: a few in a minute. Somebody who knows an input that a
 * stage fails for sends it a thousand times a second, and telling must not cost more than failing.
 */
export class StageFailures {
  readonly #clock: Clock;
  readonly #tell: (stage: string, error: ThrownFacts) => void;
  #minute = { startMs: Number.NEGATIVE_INFINITY, told: 0 };

  constructor(clock: Clock, tell: (stage: string, error: ThrownFacts) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  note(stage: string, cause: unknown): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#minute.startMs >= MINUTE_MS) this.#minute = { startMs: nowMs, told: 0 };
    if (this.#minute.told >= STAGE_FAILURES_TOLD_MAX) return;
    this.#minute.told += 1;
    this.#tell(stage, describeThrown(cause));
  }
}

const MINUTE_MS = 60_000;

/** In a minute; the report of one says it all, and the others are counted and logged. */
const STAGE_FAILURES_TOLD_MAX = 5;
