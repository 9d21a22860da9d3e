import { parseQuery, type Query } from '@sallyport/siem';
import { EventReader } from '@sallyport/stores';

export interface Question {
  readonly name: string;
  /** Answers how many events it found. @throws Error when something could not be read in time. */
  readonly ask: () => number;
}

const DAY_MS = 86_400_000;
const clock = { wallMs: (): number => Date.now(), monotonicMs: (): number => performance.now() };

/** What people ask of a day. The first one is the overview, and the others are filters. */
export function questionsOf(folder: string, untilMs: number): readonly Question[] {
  const reader = new EventReader({ folder, clock, answerMsMax: 120_000 });
  const day = { fromMs: untilMs - DAY_MS, untilMs };
  const search = (text: string): Question => ({
    name: text,
    ask: () => whole(reader.search({ ...day, query: queryOf(text), limit: 100 })).events.length,
  });
  return [
    { name: 'overview', ask: () => whole(reader.overview(day)).total.events },
    // One that is found at once, one that is rare, one that is nowhere, and those that have to look at much.
    search('verdict = deny'),
    search('client = 10.0.7.49'),
    search('requestId = nothing-has-this-id'),
    search('path contains "/1999" and status >= 500'),
    search('durationMs > 29.999 and bytesOut > 19000'),
    search('client in 12.0.0.0/16 and not route = game'),
    {
      name: 'top client where verdict = deny',
      ask: () => whole(reader.top({ ...day, query: queryOf('verdict = deny'), field: 'client', limit: 20 })).events,
    },
    {
      name: 'top path',
      ask: () => whole(reader.top({ ...day, query: { kind: 'all' }, field: 'path', limit: 20 })).events,
    },
  ];
}

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'ready') return parsed.query;
  throw new Error(parsed.problem.message);
}

interface Gappy {
  readonly gaps: { readonly unreadable: readonly string[]; readonly outOfTimeBeforeMs: number | undefined };
}

function whole<Answer extends Gappy>(answer: Answer): Answer {
  const { unreadable, outOfTimeBeforeMs } = answer.gaps;
  if (unreadable.length > 0 || outOfTimeBeforeMs !== undefined)
    throw new Error(`an answer has gaps: ${unreadable.join()}`);
  return answer;
}
