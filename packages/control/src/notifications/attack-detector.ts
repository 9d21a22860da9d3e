import type { AttackThresholds } from '@sallyport/kernel';

/** What was counted since the start; neither ever falls. */
export interface AttackTotals {
  /** Exchanges, and connections that were refused before one. */
  readonly all: number;
  /** Of these. */
  readonly refused: number;
}

/** One look at the last minute. */
export interface AttackLook {
  readonly isAttack: boolean;
  /** In the last minute. */
  readonly refused: number;
  readonly share: number;
  /** Refused in a usual minute. */
  readonly usual: number;
}

/**
 * Says when refusals are so many, so large a part, and so much more than usual that somebody should look. It sees counts and no
 * clients: it cannot tell an attack from a broken release of one's own client, and says so by naming numbers only.
 *
 * An attack is over after five minutes far below the thresholds. What is usual is learnt slowly while nothing is wrong, and very
 * slowly while something is, so that a siege of weeks becomes usual and one of hours does not.
 */
export class AttackDetector {
  readonly #thresholds: AttackThresholds;
  #samples: readonly (AttackTotals & { readonly ms: number })[] = [];
  #usual = 0;
  #isAttack = false;
  #loudMs = 0;

  constructor(thresholds: AttackThresholds) {
    this.#thresholds = thresholds;
  }

  /** Takes what was counted by now; to be called every few seconds. `nowMs`: monotonic. */
  look(totals: AttackTotals, nowMs: number): AttackLook {
    const last = this.#samples.at(-1);
    this.#samples = [...this.#samples, { ...totals, ms: nowMs }]
      .filter(({ ms }) => ms >= nowMs - WINDOW_MS)
      .slice(-SAMPLES_MAX);
    const first = this.#samples[0] ?? totals;
    const refused = totals.refused - first.refused;
    const share = refused / Math.max(1, totals.all - first.all);
    this.#decide({ refused, share }, nowMs);
    if (last !== undefined) this.#learn(refused, nowMs - last.ms);
    return { isAttack: this.#isAttack, refused, share, usual: this.#usual };
  }

  #decide({ refused, share }: Pick<AttackLook, 'refused' | 'share'>, nowMs: number): void {
    const { refusedMin, shareMin, timesUsual } = this.#thresholds;
    const isOver = (part: number): boolean =>
      refused >= refusedMin * part && share >= shareMin * part && refused >= this.#usual * timesUsual * part;
    if (isOver(this.#isAttack ? CALM_PART : 1)) this.#loudMs = nowMs;
    if (!this.#isAttack) this.#isAttack = isOver(1);
    else if (nowMs - this.#loudMs >= CALM_MS) this.#isAttack = false;
  }

  #learn(refused: number, passedMs: number): void {
    const part = 1 - 2 ** (-passedMs / (this.#isAttack ? SIEGE_HALF_LIFE_MS : HALF_LIFE_MS));
    this.#usual += (refused - this.#usual) * part;
  }
}

const WINDOW_MS = 60_000;

/** Looks that are kept, however often somebody looks. */
const SAMPLES_MAX = 64;

/** Below half of every threshold for five minutes. */
const CALM_PART = 0.5;
const CALM_MS = 300_000;

const HALF_LIFE_MS = 1_800_000;
const SIEGE_HALF_LIFE_MS = 86_400_000;
