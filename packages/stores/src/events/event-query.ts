import type { Query } from '@sallyport/siem';
import type { StoredEvent } from './flat-fields.ts';
import type { Moment } from './moment-order.ts';
import type { RollupKey } from './rollup.ts';

/** Which events: those that satisfy the query, from `fromMs` to before `untilMs` (milliseconds since 1970). */
export interface EventRange {
  readonly query: Query;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface SearchRequest extends EventRange {
  /** Most events in the answer. 1 to {@link SEARCH_EVENTS_MAX}. */
  readonly limit: number;
  /** Only events before this one: where the last answer ended. */
  readonly before?: Moment | undefined;
}

export interface SearchAnswer {
  /** The latest first. */
  readonly events: readonly StoredEvent[];
  /** Where the next answer goes on; undefined when there is nothing further. */
  readonly next: Moment | undefined;
  readonly gaps: Gaps;
}

export interface TopRequest extends EventRange {
  readonly field: string;
  /** Most values in the answer. 1 to {@link TOP_VALUES_MAX}. */
  readonly limit: number;
}

export interface TopAnswer {
  /** The most frequent first; of a list each element counts once for its event. */
  readonly values: readonly { readonly value: string | number | boolean; readonly events: number }[];
  /** Events that satisfy the query, and those of them without the field. */
  readonly events: number;
  readonly without: number;
  /** False when there were too many distinct values to keep all: counts may be too low by what was forgotten. */
  readonly isExact: boolean;
  readonly gaps: Gaps;
}

export interface OverviewRequest {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** How many events there were, counted when they came in. */
export interface OverviewAnswer {
  /** Length of a step: a minute up to three hours, otherwise an hour. */
  readonly stepMs: number;
  readonly steps: readonly OverviewStep[];
  /** By what happened, the most frequent first. */
  readonly groups: readonly (RollupKey & OverviewSums)[];
  readonly total: OverviewSums;
  readonly gaps: Gaps;
}

export interface OverviewSums {
  readonly events: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Exchanges by duration, as `DURATION_BOUNDS_MS` says. */
  readonly durations: readonly number[];
}

export interface OverviewStep {
  readonly startMs: number;
  readonly events: number;
  /** Those that were not let through. */
  readonly denied: number;
  /** Answers of 500 to 599. */
  readonly failed: number;
  readonly bytesOut: number;
}

/** What an answer could not look at. An empty list and `false`: it is whole. */
export interface Gaps {
  /** In words: files or segments that cannot be read. */
  readonly unreadable: readonly string[];
  /** The time for a query was over; what is missing is older than this, milliseconds since 1970. */
  readonly outOfTimeBeforeMs: number | undefined;
}

export const SEARCH_EVENTS_MAX = 10_000;
export const TOP_VALUES_MAX = 1_000;
