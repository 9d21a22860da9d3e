/** Questions about stored events, and their answers. */

export interface EventsOverviewQuery {
  /** A moment: `2h` (ago), `2026-11-28T03:00Z`. Default: a day before `until`. */
  readonly since?: string | undefined;
  /** Default: now. */
  readonly until?: string | undefined;
}

export interface EventsQuery extends EventsOverviewQuery {
  /** In the query language of docs/events.md. Default: every event. */
  readonly query?: string | undefined;
  /** A number from 1; at most 1,000 are listed. Default 100. */
  readonly limit?: string | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

export interface EventsTopQuery extends EventsOverviewQuery {
  /** A field of docs/events.md. */
  readonly field: string;
  readonly query?: string | undefined;
  /** Default 20. */
  readonly limit?: string | undefined;
}

/** What an answer could not look at; nothing of it: the answer is whole. */
export interface EventGaps {
  readonly unreadable: readonly string[];
  /** The time for an answer was over: older events are missing. */
  readonly outOfTimeBeforeMs: number | null;
}

export interface EventsAnswer {
  /** As their lines in the log say them (docs/events.md), the latest first. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly next: string | null;
  readonly gaps: EventGaps;
}

export interface EventsTopAnswer {
  readonly values: readonly { readonly value: string | number | boolean; readonly events: number }[];
  /** All that satisfy the query, and those of them without the field. */
  readonly events: number;
  readonly without: number;
  /** False: there were too many values to count each. */
  readonly isExact: boolean;
  readonly gaps: EventGaps;
}

export interface EventSums {
  readonly events: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** By `durationBoundsMs`, and longer. */
  readonly durations: readonly number[];
}

export interface EventsOverviewAnswer {
  readonly stepMs: number;
  readonly steps: readonly {
    readonly startMs: number;
    readonly events: number;
    readonly denied: number;
    readonly failed: number;
    readonly bytesOut: number;
  }[];
  readonly groups: readonly (EventSums & {
    readonly kind: string;
    readonly listener: string;
    readonly route: string;
    readonly verdict: string;
    readonly reason: string;
    readonly statusClass: number;
  })[];
  readonly total: EventSums;
  readonly durationBoundsMs: readonly number[];
  readonly gaps: EventGaps;
}
