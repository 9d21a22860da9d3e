import { CountWindow } from './count-window.ts';

/** Time over which requests and retries are compared, milliseconds. */
const BUDGET_WINDOW_MS = 10_000;
/** Retries that are always allowed within the window: a service with few requests may have its share too. */
export const RETRIES_FLOOR = 3;

/**
 * How many of the requests of an upstream may be retries. When every request fails, retries would multiply the load on
 * servers that are already in trouble; the budget keeps the factor at 1 + ratio.
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #window = new CountWindow(BUDGET_WINDOW_MS);

  /** `ratio`: retries per request, 0 to 1. 0 allows none at all, not even the floor. */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  onRequest(nowMs: number): void {
    this.#window.add(nowMs);
  }

  /** Takes one retry out of the budget, if there is one. */
  spend(nowMs: number): boolean {
    this.#window.moveTo(nowMs);
    if (this.#ratio === 0) return false;
    if (this.#window.marked >= Math.max(RETRIES_FLOOR, this.#ratio * this.#window.total)) return false;
    this.#window.addMarked(nowMs);
    return true;
  }
}
