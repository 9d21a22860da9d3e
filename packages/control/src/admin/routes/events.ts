import { fieldNamed, parseMoment, parseQuery, type Query, type TextProblem } from '@sallyport/siem';
import { z } from 'zod';
import type { EventsOverviewQuery, EventsQuery, EventsTopQuery } from '../contract.ts';
import type { EventQuestionsPort } from '../event-store.ts';
import { type Refusal, refuse } from '../problem.ts';
import { type AdminContext, type Answer, answer, type Route, route } from '../route.ts';
import { eventsAnswer, eventsOverviewAnswer, eventsTopAnswer } from '../schemas-events.ts';

/** Events and values in one answer, and when the caller does not say. */
const EVENTS_SHOWN_MAX = 1_000;
const EVENTS_SHOWN = 100;
const VALUES_SHOWN = 20;
/** Longest texts of a question; a query has a limit of its own, which says more. */
const QUERY_TEXT_MAX = 16_384;
const MOMENT_LENGTH_MAX = 64;
const FIELD_LENGTH_MAX = 128;
const CURSOR_TEXT_MAX = 1_024;
/** What is asked for without a beginning. */
const DAY_MS = 86_400_000;

const moment = z.string().max(MOMENT_LENGTH_MAX).optional();
const filter = z.string().max(QUERY_TEXT_MAX).optional();
const limit = z
  .string()
  .regex(/^[1-9][0-9]{0,3}$/, 'is not a number from 1 to 9999')
  .optional();

const eventsQuery: z.ZodType<EventsQuery> = z.strictObject({
  query: filter,
  since: moment,
  until: moment,
  limit,
  cursor: z.string().max(CURSOR_TEXT_MAX).optional(),
});
const topQuery: z.ZodType<EventsTopQuery> = z.strictObject({
  field: z.string().max(FIELD_LENGTH_MAX),
  query: filter,
  since: moment,
  until: moment,
  limit,
});
const overviewQuery: z.ZodType<EventsOverviewQuery> = z.strictObject({ since: moment, until: moment });

/** What happened. */
export const EVENT_ROUTES: readonly Route[] = [
  route({
    operation: 'searchEvents',
    method: 'GET',
    path: '/api/v1/events',
    access: 'session',
    summary:
      'Stored events that satisfy a query, the latest first, in pages; `since` and `until` as in `2h` or `2026-11-28T03:00Z`. Without `since`: of one day.',
    query: eventsQuery,
    answer: eventsAnswer,
    wants: 'order',
    problems: ['NOT_FOUND', 'STATE_UNAVAILABLE'],
    call: (context, { query }) =>
      asked(context, query, async (events, range) => {
        const shown = Math.min(EVENTS_SHOWN_MAX, Number(query.limit ?? EVENTS_SHOWN));
        const found = await events.search({ ...range, limit: shown, cursor: query.cursor });
        return found === undefined ? refuse('QUERY_INVALID', 'cursor is not what a page before said') : answer(found);
      }),
  }),
  route({
    operation: 'topOfEvents',
    method: 'GET',
    path: '/api/v1/events/top',
    access: 'session',
    summary: 'The most frequent values of a field among stored events that satisfy a query.',
    query: topQuery,
    answer: eventsTopAnswer,
    wants: 'order',
    problems: ['NOT_FOUND', 'STATE_UNAVAILABLE'],
    call: (context, { query }) =>
      asked(context, query, async (events, range) => {
        const { field } = query;
        if (fieldNamed(field) === undefined && !field.startsWith('stageUs.')) {
          return refuse('QUERY_INVALID', `no event has a field ${JSON.stringify(field)}; see docs/events.md`);
        }
        const shown = Math.min(EVENTS_SHOWN_MAX, Number(query.limit ?? VALUES_SHOWN));
        return answer(await events.top({ ...range, field, limit: shown }));
      }),
  }),
  route({
    operation: 'overviewOfEvents',
    method: 'GET',
    path: '/api/v1/events/overview',
    access: 'session',
    summary: 'How many events there were, by minute or hour and by what became of them.',
    query: overviewQuery,
    answer: eventsOverviewAnswer,
    wants: 'order',
    problems: ['NOT_FOUND', 'STATE_UNAVAILABLE'],
    call: (context, { query }) =>
      asked(context, query, async (events, { fromMs, untilMs }) => answer(await events.overview({ fromMs, untilMs }))),
  }),
];

type Asked = Pick<EventsQuery, 'query' | 'since' | 'until'>;

interface Range {
  readonly query: Query;
  readonly fromMs: number;
  readonly untilMs: number;
}

async function asked(
  { plane, clock }: AdminContext,
  texts: Asked,
  ask: (events: EventQuestionsPort, range: Range) => Promise<Answer | Refusal>,
): Promise<Answer | Refusal> {
  const range = rangeOf(texts, clock.wallMs());
  if ('kind' in range) return range;
  const { events } = plane;
  if (events === undefined) {
    return refuse('NOT_FOUND', 'no events are stored: the configuration has no state folder, or says `events: false`');
  }
  return ask(events, range);
}

function rangeOf({ query = '', since, until }: Asked, nowMs: number): Range | Refusal {
  const to = parseMoment(until ?? 'now', nowMs);
  if (to.kind === 'refused') return refusal('until', to.problem);
  const from = since === undefined ? undefined : parseMoment(since, nowMs);
  if (from?.kind === 'refused') return refusal('since', from.problem);
  const fromMs = from?.timeMs ?? to.timeMs - DAY_MS;
  if (fromMs >= to.timeMs) return refuse('QUERY_INVALID', 'since is not before until');
  const parsed = query.trim() === '' ? ({ kind: 'ready', query: { kind: 'all' } } as const) : parseQuery(query);
  if (parsed.kind === 'refused') return refusal('query', parsed.problem);
  // An event of this moment belongs to what is asked for now.
  return { query: parsed.query, fromMs, untilMs: until === undefined ? to.timeMs + 1 : to.timeMs };
}

function refusal(name: string, { message, position, suggestion }: TextProblem): Refusal {
  const meant = suggestion === undefined ? '' : `; perhaps: ${suggestion}`;
  return refuse('QUERY_INVALID', `${name}: ${message} (at character ${position + 1})${meant}`);
}
