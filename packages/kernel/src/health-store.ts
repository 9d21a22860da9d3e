/**
 * What is remembered of services that are checked. One process writes. A batch may be stored again: what it names replaces what
 * is there, so that whoever does not know whether it was stored says it once more. Every failure is a `StoreError`.
 */
export interface HealthStore {
  /** What is remembered, by name. @throws StoreError `BUSY`: another process has it. */
  load(): Promise<readonly StoredService[]>;

  /** Stores all of a batch or nothing, and forgets what is too old or too much. */
  commit(batch: HealthBatch): Promise<void>;

  /** Lets another process have it. What is asked from now on fails with `UNAVAILABLE` until somebody loads again. */
  release(): Promise<void>;
}

export interface HealthBatch {
  /** Wall clock: what is older than may be is forgotten by then. */
  readonly nowMs: number;
  /** Each with what it is now, and only those results, changes and shares that are new or have grown. */
  readonly services: readonly StoredService[];
}

/** One service, and what happened to it. Lists begin with the oldest. */
export interface StoredService {
  readonly name: string;
  readonly status: ServiceStatus;
  /** When that began; wall clock, as every time here. */
  readonly sinceMs: number;
  /** The last check. */
  readonly checkedMs: number;
  /** Operators were told that it is down, and not yet that it is back. */
  readonly isTold: boolean;
  readonly results: readonly ServiceResult[];
  readonly changes: readonly ServiceChange[];
  readonly hours: readonly ServiceShare[];
  readonly days: readonly ServiceShare[];
}

/** `unknown`: nobody has looked, or not for too long. `degraded`: it answers, but slowly. */
export type ServiceStatus = 'unknown' | 'up' | 'degraded' | 'down';

/** One check. */
export interface ServiceResult {
  /** From 1, without a gap, of one service. */
  readonly sequence: number;
  readonly timeMs: number;
  readonly outcome: 'good' | 'slow' | 'bad';
  /** Why it was bad, from a closed list; '' otherwise. */
  readonly code: string;
  /** A few safe words more; '' for none. */
  readonly detail: string;
  readonly durationMs: number;
}

/** A change of state. */
export interface ServiceChange {
  readonly sequence: number;
  readonly timeMs: number;
  readonly from: ServiceStatus;
  readonly to: ServiceStatus;
  readonly code: string;
  readonly detail: string;
}

/** How long a service was in each state within an hour or a day (UTC). What is missing is not known. */
export interface ServiceShare {
  readonly startMs: number;
  readonly upMs: number;
  readonly degradedMs: number;
  readonly downMs: number;
}

/** Checks of one service that are remembered. */
export const SERVICE_RESULTS_MAX = 200;

/** Changes of state of one service that are remembered. */
export const SERVICE_CHANGES_MAX = 200;

/** Hours and days of one service that are remembered. */
export const SERVICE_HOURS_MAX = 48;
export const SERVICE_DAYS_MAX = 90;

/** Services that are remembered, those included that nobody checks any more. */
export const SERVICES_REMEMBERED_MAX = 1_000;
