import {
  SERVICE_CHANGES_MAX,
  SERVICE_DAYS_MAX,
  SERVICE_HOURS_MAX,
  SERVICE_RESULTS_MAX,
  type ServiceChange,
  type ServiceResult,
  type ServiceShare,
  type StoredService,
} from '@sallyport/kernel';
import { DAY_MS, HOUR_MS, type Stay, withStay } from './shares.ts';

/** What is remembered of one service, and which of it is not stored yet. Everything in it is bounded. */
export class ServiceHistory {
  #results: readonly ServiceResult[];
  #changes: readonly ServiceChange[];
  #hours: readonly ServiceShare[];
  #days: readonly ServiceShare[];
  #mark: Mark;

  constructor(stored?: StoredService) {
    this.#results = stored?.results ?? [];
    this.#changes = stored?.changes ?? [];
    this.#hours = stored?.hours ?? [];
    this.#days = stored?.days ?? [];
    this.#mark = this.mark();
  }

  get results(): readonly ServiceResult[] {
    return this.#results;
  }

  get changes(): readonly ServiceChange[] {
    return this.#changes;
  }

  get hours(): readonly ServiceShare[] {
    return this.#hours;
  }

  get days(): readonly ServiceShare[] {
    return this.#days;
  }

  addResult(result: Omit<ServiceResult, 'sequence'>): void {
    const sequence = (this.#results.at(-1)?.sequence ?? 0) + 1;
    this.#results = [...this.#results, { sequence, ...result }].slice(-SERVICE_RESULTS_MAX);
  }

  addChange(change: Omit<ServiceChange, 'sequence'>): void {
    const sequence = (this.#changes.at(-1)?.sequence ?? 0) + 1;
    this.#changes = [...this.#changes, { sequence, ...change }].slice(-SERVICE_CHANGES_MAX);
  }

  addStay(stay: Stay): void {
    this.#hours = withStay(this.#hours, stay, { lengthMs: HOUR_MS, sharesMax: SERVICE_HOURS_MAX });
    this.#days = withStay(this.#days, stay, { lengthMs: DAY_MS, sharesMax: SERVICE_DAYS_MAX });
  }

  /** What is new or has grown since {@link keep}. */
  unstored(): Pick<StoredService, 'results' | 'changes' | 'hours' | 'days'> {
    const { result, change, hours, days } = this.#mark;
    return {
      results: this.#results.filter(({ sequence }) => sequence > result),
      changes: this.#changes.filter(({ sequence }) => sequence > change),
      hours: this.#hours.filter((share) => !hours.includes(share)),
      days: this.#days.filter((share) => !days.includes(share)),
    };
  }

  mark(): Mark {
    return {
      result: this.#results.at(-1)?.sequence ?? 0,
      change: this.#changes.at(-1)?.sequence ?? 0,
      hours: this.#hours,
      days: this.#days,
    };
  }

  /** What there was at `mark` is stored. */
  keep(mark: Mark): void {
    this.#mark = mark;
  }
}

/** How far a history had come. */
export interface Mark {
  readonly result: number;
  readonly change: number;
  readonly hours: readonly ServiceShare[];
  readonly days: readonly ServiceShare[];
}
