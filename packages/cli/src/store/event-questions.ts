import type { EventQuestionsPort } from '@sallyport/control';
import type { EventGaps } from '@sallyport/control/contract';
import { cursorOf, DURATION_BOUNDS_MS, type Gaps, parseCursor } from '@sallyport/stores';
import type { Stores } from './stores.ts';

/** The store's answers as the admin API gives them; undefined when no events are stored. */
export function eventQuestions({ questions }: Pick<Stores, 'questions'>): EventQuestionsPort | undefined {
  if (questions === undefined) return undefined;
  return {
    search: async ({ cursor, ...range }) => {
      const before = cursor === undefined ? undefined : parseCursor(cursor);
      if (cursor !== undefined && before === undefined) return undefined;
      const { events, next, gaps } = await questions.ask('events.search', { ...range, before });
      return { events, next: next === undefined ? null : cursorOf(next), gaps: gapsOf(gaps) };
    },
    top: async (request) => {
      const { gaps, ...answer } = await questions.ask('events.top', request);
      return { ...answer, gaps: gapsOf(gaps) };
    },
    overview: async (request) => {
      const { gaps, ...answer } = await questions.ask('events.overview', request);
      return { ...answer, durationBoundsMs: DURATION_BOUNDS_MS, gaps: gapsOf(gaps) };
    },
  };
}

function gapsOf({ unreadable, outOfTimeBeforeMs }: Gaps): EventGaps {
  return { unreadable, outOfTimeBeforeMs: outOfTimeBeforeMs ?? null };
}
