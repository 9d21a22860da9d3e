import type { ServiceResult, ServiceStatus } from '@sallyport/kernel';
import type { ServiceConfig } from './service.ts';

/** What is concluded from the checks of one service. Plain data; {@link afterCheck} makes the next one. */
export interface HealthState {
  readonly status: ServiceStatus;
  readonly sinceMs: number;
  readonly inARow: InARow;
  /** When it changed lately, the oldest first, at most {@link FLAPPING_CHANGES}. */
  readonly changedMs: readonly number[];
}

/** How many of the last checks had one outcome. `answered`: good or slow. */
interface InARow {
  readonly bad: number;
  readonly slow: number;
  readonly good: number;
  readonly answered: number;
}

const NONE_IN_A_ROW: InARow = { bad: 0, slow: 0, good: 0, answered: 0 };

export type Thresholds = Pick<ServiceConfig, 'failuresToDown' | 'successesToUp'>;

/** Nothing is known before the first check. */
export function unknownState(nowMs: number): HealthState {
  return { status: 'unknown', sinceMs: nowMs, inARow: NONE_IN_A_ROW, changedMs: [] };
}

/**
 * The state after one more check. A status changes when as many checks in a row say so as the thresholds want; only of a service of
 * which nothing is known one good check is enough, so that a start is not a time of doubt.
 */
export function afterCheck(
  state: HealthState,
  { outcome, nowMs }: { readonly outcome: ServiceResult['outcome']; readonly nowMs: number },
  thresholds: Thresholds,
): HealthState {
  const inARow: InARow = {
    bad: outcome === 'bad' ? state.inARow.bad + 1 : 0,
    slow: outcome === 'slow' ? state.inARow.slow + 1 : 0,
    good: outcome === 'good' ? state.inARow.good + 1 : 0,
    answered: outcome === 'bad' ? 0 : state.inARow.answered + 1,
  };
  const status = statusAfter(state.status, inARow, thresholds);
  return status === state.status ? { ...state, inARow } : changedTo({ ...state, inARow }, status, nowMs);
}

function statusAfter(
  status: ServiceStatus,
  { bad, slow, good, answered }: InARow,
  { failuresToDown, successesToUp }: Thresholds,
): ServiceStatus {
  if (bad >= failuresToDown) return 'down';
  switch (status) {
    case 'unknown':
      return answered === 0 ? 'unknown' : 'up';
    case 'up':
      return slow >= failuresToDown ? 'degraded' : 'up';
    case 'degraded':
      return good >= successesToUp ? 'up' : 'degraded';
    case 'down':
      // A slow answer is an answer: whoever gives nothing else comes back as what it is.
      if (answered < successesToUp) return 'down';
      return slow === answered ? 'degraded' : 'up';
  }
}

/** Nobody has looked for too long: what was known is not known any more. */
export function forgotten(state: HealthState, sinceMs: number): HealthState {
  return state.status === 'unknown' ? state : changedTo({ ...state, inARow: NONE_IN_A_ROW }, 'unknown', sinceMs);
}

/** It changes so often that its state says little. */
export function isFlapping({ changedMs }: HealthState, nowMs: number): boolean {
  const [first] = changedMs;
  return changedMs.length === FLAPPING_CHANGES && first !== undefined && nowMs - first <= FLAPPING_WINDOW_MS;
}

function changedTo(state: HealthState, status: ServiceStatus, nowMs: number): HealthState {
  const changedMs = [...state.changedMs, nowMs].slice(-FLAPPING_CHANGES);
  return { ...state, status, sinceMs: nowMs, changedMs };
}

/** So many changes within an hour are flapping. */
export const FLAPPING_CHANGES = 6;
const FLAPPING_WINDOW_MS = 3_600_000;
