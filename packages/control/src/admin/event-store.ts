import type { Query } from '@sallyport/siem';
import type { EventsAnswer, EventsOverviewAnswer, EventsTopAnswer } from './contract.ts';

/** Stored events, as the admin API asks for them. Times are milliseconds since 1970; `untilMs` itself is outside. */
export interface EventQuestionsPort {
  /** Events that satisfy a query, the latest first. Undefined when the cursor is none of ours. */
  search(
    request: EventsRange & { readonly limit: number; readonly cursor: string | undefined },
  ): Promise<EventsAnswer | undefined>;

  /** The most frequent values of a field among events that satisfy a query. */
  top(request: EventsRange & { readonly field: string; readonly limit: number }): Promise<EventsTopAnswer>;

  /** What was counted when events came in. */
  overview(request: Omit<EventsRange, 'query'>): Promise<EventsOverviewAnswer>;
}

export interface EventsRange {
  readonly query: Query;
  readonly fromMs: number;
  readonly untilMs: number;
}
