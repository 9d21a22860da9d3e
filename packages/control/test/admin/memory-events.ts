import { type EventRecord, predicateOf, valueOf } from '@sallyport/siem';
import type { EventQuestionsPort, EventsRange } from '../../src/index.ts';

/** Three exchanges of a minute, the latest first. */
const EVENTS: readonly EventRecord[] = [3, 2, 1].map((index) => ({
  time: new Date(1_700_000_000_000 - 60_000 + index * 1_000).toISOString(),
  kind: 'exchange',
  client: `192.0.2.${index}`,
  status: index === 2 ? 403 : 200,
  verdict: index === 2 ? 'deny' : 'pass',
}));

const NO_GAPS = { unreadable: [], outOfTimeBeforeMs: null };

/** A store of a few events in memory. `before` is done first, whatever is asked. */
export function memoryEvents(before: () => Promise<void>): EventQuestionsPort {
  const found = ({ query, fromMs, untilMs }: EventsRange): readonly EventRecord[] =>
    EVENTS.filter(predicateOf(query)).filter(({ time }) => {
      const timeMs = Date.parse(String(time));
      return timeMs >= fromMs && timeMs < untilMs;
    });
  return {
    search: async ({ limit, cursor, ...range }) => {
      await before();
      if (cursor !== undefined && !/^[0-9]+$/.test(cursor)) return undefined;
      const from = Number(cursor ?? '0');
      const all = found(range);
      const end = from + limit;
      return { events: all.slice(from, end), next: end < all.length ? String(end) : null, gaps: NO_GAPS };
    },
    top: async ({ field, limit, ...range }) => {
      await before();
      const counts = Map.groupBy(found(range), (event) => String(valueOf(event, field)));
      const values = [...counts].map(([value, events]) => ({ value, events: events.length })).slice(0, limit);
      return { values, events: found(range).length, without: 0, isExact: true, gaps: NO_GAPS };
    },
    overview: async (range) => {
      await before();
      const events = found({ ...range, query: { kind: 'all' } }).length;
      const total = { events, bytesIn: 0, bytesOut: 0, durations: [events, 0] };
      return { stepMs: 60_000, steps: [], groups: [], total, durationBoundsMs: [1], gaps: NO_GAPS };
    },
  };
}
