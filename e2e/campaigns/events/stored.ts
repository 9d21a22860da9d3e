import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EventReader, type Moment, SEARCH_EVENTS_MAX, type StoredEvent } from '../../../packages/stores/src/index.ts';
import type { Life, Seen, SeenEvent } from './life.ts';

/** The events of workers that served a life, as the store has them. */
export function storedEvents(directory: string, life: Life): Seen {
  const clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
  const reader = new EventReader({ folder: join(directory, 'state/events'), clock, answerMsMax: 60_000 });
  const events: StoredEvent[] = [];
  const faults: string[] = [];
  let before: Moment | undefined;
  do {
    const page = reader.search({
      query: { kind: 'all' },
      fromMs: life.startedWallMs,
      untilMs: Date.now() + 1_000,
      limit: SEARCH_EVENTS_MAX,
      before,
    });
    events.push(...page.events);
    faults.push(...page.gaps.unreadable);
    if (page.gaps.outOfTimeBeforeMs !== undefined) faults.push('the reader ran out of time');
    before = page.next;
  } while (before !== undefined);
  return ofWorkers(events, { life, faults });
}

/** The same, as the files of the sink have them. A line that the kill has cut is the last of its life. */
export function sinkEvents(directory: string, life: Life): Seen {
  const lines = readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => path.includes('sink.ndjson') && statSync(path).mtimeMs >= life.startedWallMs)
    .flatMap((path) => readFileSync(path, 'utf8').split('\n').slice(0, -1));
  const events = lines.flatMap((line): readonly StoredEvent[] => {
    try {
      const event: Record<string, unknown> = JSON.parse(line);
      return [event];
    } catch {
      // Cut by a kill. Were it not the last of its life, a number would be missing.
      return [];
    }
  });
  return ofWorkers(events, { life, faults: [] });
}

/** Workers tell of themselves and of requests; the control plane, which numbers its own events, has no part in it. */
function ofWorkers(
  events: readonly StoredEvent[],
  { life, faults }: { readonly life: Life; readonly faults: readonly string[] },
): Seen {
  const seen = events.map(
    (event): SeenEvent => ({
      path: typeof event['path'] === 'string' ? event['path'] : '',
      boot: String(event['boot']),
      sequence: Number(event['sequence']),
    }),
  );
  const boots = new Set(seen.filter(({ path }) => path.startsWith(life.name)).map(({ boot }) => boot));
  return { events: seen.filter(({ boot }) => boots.has(boot)), faults };
}
