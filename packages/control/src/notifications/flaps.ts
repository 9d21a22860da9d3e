/**
 * Whether a state comes and goes. One that does is told as lasting: each of its ends would be followed by another beginning. Its
 * end is told when it has been calm for {@link FLAP_CALM_MS}.
 */
export class Flaps {
  #changedMs: readonly number[] = [];
  #isRestless = false;

  /** As of the last look. */
  get isRestless(): boolean {
    return this.#isRestless;
  }

  changed(nowMs: number): void {
    this.#changedMs = [...this.#changedMs, nowMs].slice(-FLAP_CHANGES);
    this.isFlapping(nowMs);
  }

  isFlapping(nowMs: number): boolean {
    const first = this.#changedMs[0] ?? nowMs;
    const last = this.#changedMs.at(-1) ?? nowMs;
    const isOften = this.#changedMs.length === FLAP_CHANGES && last - first <= FLAP_WINDOW_MS;
    this.#isRestless = isOften && nowMs - last < FLAP_CALM_MS;
    return this.#isRestless;
  }

  /** Its changes still count. */
  isRemembered(nowMs: number): boolean {
    return nowMs - (this.#changedMs.at(-1) ?? Number.NEGATIVE_INFINITY) < FLAP_CALM_MS;
  }
}

/** Six changes, three beginnings and three ends, within half an hour. */
const FLAP_CHANGES = 6;
const FLAP_WINDOW_MS = 1_800_000;
const FLAP_CALM_MS = 900_000;
