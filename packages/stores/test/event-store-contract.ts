/**
 * What every store of events promises, as a test suite. Exported as `@sallyport/stores/event-store-contract`, so that drivers elsewhere
 * pass the same one.
 *
 * @module
 */
import { type EventLine, ManualClock } from '@sallyport/kernel';
import { parseQuery, predicateOf, type Query, valueOf } from '@sallyport/siem';
import { query as anyQuery } from '@sallyport/siem/arbitrary-query';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type {
  OverviewAnswer,
  OverviewRequest,
  SearchAnswer,
  SearchRequest,
  TopAnswer,
  TopRequest,
} from '../src/events/event-query.ts';
import type { Appended } from '../src/events/event-writer.ts';
import type { StoredEvent } from '../src/events/flat-fields.ts';
import { compareMoments, momentOf } from '../src/events/moment-order.ts';
import { exchange, lineOf, T0 } from './events/sample.ts';

type Maybe<T> = T | Promise<T>;

/** Who writes, and who reads meanwhile: two sides that share nothing but the place. */
export interface EventStoreSides {
  readonly writer: {
    append(lines: readonly EventLine[]): Maybe<Appended>;
    tidy(): Maybe<void>;
  };
  readonly reader: {
    search(request: SearchRequest): Maybe<SearchAnswer>;
    top(request: TopRequest): Maybe<TopAnswer>;
    overview(request: OverviewRequest): Maybe<OverviewAnswer>;
  };
}

export interface EventStoreOptions {
  readonly clock: ManualClock;
  readonly retentionDays: number;
  readonly quotaBytes: number;
}

export interface EventStoreContract {
  /** Both sides over a place that is empty the first time after `close`, and otherwise has what it had: nothing was ended in order. */
  open(options: EventStoreOptions): Maybe<EventStoreSides>;
  /** Makes the place empty. */
  close(): Maybe<void>;
}

const DAY_MS = 86_400_000;
const ALWAYS = { fromMs: 0, untilMs: T0 + 400 * DAY_MS };
const ALL: Query = { kind: 'all' };
const WHOLE = { unreadable: [], outOfTimeBeforeMs: undefined };

/** Declares the suite under `name`. */
export function runEventStoreContract(name: string, contract: EventStoreContract): void {
  describe(`${name}, as a store of events`, () => {
    let clock: ManualClock;
    beforeEach(() => {
      clock = new ManualClock(T0);
    });
    afterEach(() => contract.close());

    const open = (options: Partial<EventStoreOptions> = {}): Maybe<EventStoreSides> =>
      contract.open({ clock, retentionDays: 2, quotaBytes: 1e9, ...options });

    it('has nothing to begin with', async () => {
      const { reader } = await open();
      expect(await reader.search({ ...ALWAYS, query: ALL, limit: 10 })).toEqual({
        events: [],
        next: undefined,
        gaps: WHOLE,
      });
      expect(await reader.top({ ...ALWAYS, query: ALL, field: 'kind', limit: 10 })).toMatchObject({
        values: [],
        events: 0,
      });
      expect((await reader.overview({ fromMs: T0, untilMs: T0 + 60_000 })).total.events).toBe(0);
    });

    it('gives back every event once and whole, the latest first, and pages without gaps', async () => {
      const { writer, reader } = await open();
      const events = Array.from({ length: 450 }, (_, index) => exchange(index));
      for (let from = 0; from < events.length; from += 60) {
        expect(await writer.append(linesOf(events.slice(from, from + 60)))).toMatchObject({ malformed: 0 });
        const stored = Math.min(from + 60, events.length);
        expect((await reader.search({ ...ALWAYS, query: ALL, limit: 1_000 })).events).toHaveLength(stored);
      }
      const pages: StoredEvent[] = [];
      let page: SearchAnswer | undefined;
      do {
        page = await reader.search({ ...ALWAYS, query: ALL, limit: 100, before: page?.next });
        pages.push(...page.events);
      } while (page.next !== undefined);
      expect(pages).toEqual(latestFirst(events));
    });

    it('tells events of one moment apart by who emitted them, and pages through them', async () => {
      const { writer, reader } = await open();
      const time = new Date(T0).toISOString();
      const events = Array.from({ length: 30 }, (_, index) => exchange(index, { time, boot: `b${index % 3}` }));
      await writer.append(linesOf(events));
      const first = await reader.search({ ...ALWAYS, query: ALL, limit: 20 });
      const second = await reader.search({ ...ALWAYS, query: ALL, limit: 20, before: first.next });
      expect([...first.events, ...second.events]).toEqual(latestFirst(events));
    });

    it('answers a query as its predicate says of each event', async () => {
      const { writer, reader } = await open();
      const events = varied(400);
      await writer.append(linesOf(events));
      await fc.assert(
        fc.asyncProperty(fc.oneof(nearQuery(), anyQuery), async (query) => {
          const { events: found, gaps } = await reader.search({ ...ALWAYS, query, limit: 1_000 });
          expect(gaps).toEqual(WHOLE);
          expect(found).toEqual(latestFirst(events.filter(predicateOf(query))));
        }),
        { numRuns: 150 },
      );
    });

    it('counts values as one who looks at each event, the most frequent first and as many as are wanted', async () => {
      const { writer, reader } = await open();
      const events = varied(400);
      await writer.append(linesOf(events));
      const fields = ['client', 'status', 'path', 'verdict', 'inspection.ruleIds', 'upstreamAttempts', 'what'];
      await fc.assert(
        fc.asyncProperty(nearQuery(), fc.constantFrom(...fields), async (query, field) => {
          const { counts, without, matching } = countedBy(events.filter(predicateOf(query)), field);
          const answer = await reader.top({ ...ALWAYS, query, field, limit: 1_000 });
          expect(new Map(answer.values.map(({ value, events: seen }) => [value, seen]))).toEqual(counts);
          expect(answer).toMatchObject({ events: matching, without, isExact: true, gaps: WHOLE });
          const few = await reader.top({ ...ALWAYS, query, field, limit: 3 });
          expect(few.values).toEqual(answer.values.slice(0, 3));
          const falling = answer.values.map(({ events: seen }) => seen);
          expect(falling).toEqual(falling.toSorted((one, other) => other - one));
        }),
        { numRuns: 60 },
      );
    });

    it('takes a time from its first millisecond to before its last, over days', async () => {
      const { writer, reader } = await open();
      const days = [0, 1, 2].map((day) => exchange(day, { time: new Date(T0 + day * DAY_MS).toISOString() }));
      for (const [day, event] of days.entries()) {
        clock.advance(T0 + day * DAY_MS - clock.wallMs());
        await writer.append(linesOf([event]));
      }
      const found = async (fromMs: number, untilMs: number): Promise<readonly StoredEvent[]> =>
        (await reader.search({ fromMs, untilMs, query: ALL, limit: 10 })).events;
      expect(await found(T0, T0 + 2 * DAY_MS + 1)).toEqual(latestFirst(days));
      expect(await found(T0 + 1, T0 + 2 * DAY_MS)).toEqual([days[1]]);
      expect(await found(T0 + 2 * DAY_MS + 1, T0 + 9 * DAY_MS)).toEqual([]);
    });

    it('sums up by minute and by hour what came in', async () => {
      const { writer, reader } = await open();
      const events = varied(400);
      await writer.append(linesOf(events.slice(0, 150)));
      await writer.append(linesOf(events.slice(150)));
      const minute = await reader.overview({ fromMs: T0, untilMs: T0 + 60_000 });
      const day = await reader.overview({ fromMs: T0 - DAY_MS / 2, untilMs: T0 + DAY_MS / 2 });
      const bytesOut = events.reduce((sum, event) => sum + Number(event['bytesOut']), 0);
      const denied = events.filter(({ verdict }) => verdict === 'deny').length;
      expect(minute).toMatchObject({ stepMs: 60_000, steps: [{ startMs: T0, events: 400, denied, bytesOut }] });
      expect(day).toMatchObject({ stepMs: 3_600_000, steps: [{ startMs: T0, events: 400, denied, bytesOut }] });
      for (const { total, groups } of [minute, day]) {
        expect(total).toMatchObject({ events: 400, bytesOut });
        expect(groups.reduce((sum, group) => sum + group.events, 0)).toBe(400);
      }
    });

    it('has what was acknowledged when the next process comes, whatever ended this one', async () => {
      const events = Array.from({ length: 260 }, (_, index) => exchange(index));
      for (let from = 0; from < events.length; from += 65) {
        const { writer } = await open();
        await writer.append(linesOf(events.slice(from, from + 65)));
      }
      const { reader } = await open();
      expect((await reader.search({ ...ALWAYS, query: ALL, limit: 1_000 })).events).toEqual(latestFirst(events));
      expect((await reader.overview({ fromMs: T0, untilMs: T0 + 60_000 })).total.events).toBe(260);
    });

    it('keeps the days that were agreed', async () => {
      const { writer, reader } = await open({ retentionDays: 2 });
      for (let day = 0; day < 6; day += 1) {
        clock.advance(T0 + day * DAY_MS - clock.wallMs());
        await writer.append(linesOf([exchange(day, { time: new Date(clock.wallMs()).toISOString() })]));
        await writer.tidy();
      }
      const { events } = await reader.search({ ...ALWAYS, query: ALL, limit: 10 });
      expect(events.map(({ sequence }) => sequence)).toEqual([5, 4, 3]);
    });

    it('knows how many events there were by hour when they are deleted, once each and for 400 days', async () => {
      const { writer, reader } = await open({ retentionDays: 1 });
      const days = [0, 1, 5, 410];
      for (const day of days) {
        clock.advance(T0 + day * DAY_MS - clock.wallMs());
        const time = new Date(clock.wallMs()).toISOString();
        await writer.append(linesOf([exchange(day, { time }), exchange(day + 1, { time, verdict: 'deny' })]));
        await writer.tidy();
        await writer.tidy();
        const hours = { fromMs: T0 - 7_200_000, untilMs: clock.wallMs() + 7_200_000 };
        const { steps, total, gaps } = await reader.overview(hours);
        const counted = days.filter((other) => other <= day && other >= day - 400);
        expect(steps.map(({ startMs }) => startMs)).toEqual(counted.map((other) => T0 + other * DAY_MS));
        expect(steps.every(({ events, denied }) => events === 2 && denied === 1)).toBe(true);
        expect([total.events, gaps]).toEqual([counted.length * 2, WHOLE]);
      }
    });

    it('leaves out innocent events when the quota is used up, then all, and counts them', async () => {
      const { writer, reader } = await open({ quotaBytes: 1 });
      await writer.append(linesOf([exchange(0)]));
      await writer.tidy();
      const innocent = await writer.append(linesOf([exchange(1)]));
      const evidence = await writer.append(linesOf([exchange(2)], false));
      expect([innocent, evidence]).toMatchObject([
        { stored: 0, innocentOverQuota: 1 },
        { stored: 0, evidenceOverQuota: 1 },
      ]);
      expect((await reader.search({ ...ALWAYS, query: ALL, limit: 10 })).events).toHaveLength(1);
    });

    it('stores what is an event and counts what is none', async () => {
      const { writer, reader } = await open();
      const lines = ['no json\n', '[]\n', '{"kind":"timeless"}\n', lineOf(exchange(0))];
      const appended = await writer.append(lines.map((line) => ({ line, isInnocent: true })));
      expect(appended).toMatchObject({ stored: 1, malformed: 3 });
      expect((await reader.search({ ...ALWAYS, query: ALL, limit: 10 })).events).toEqual([exchange(0)]);
    });
  });
}

function linesOf(events: readonly StoredEvent[], isInnocent = true): readonly EventLine[] {
  return events.map((event) => ({ line: lineOf(event), isInnocent }));
}

function latestFirst(events: readonly StoredEvent[]): readonly StoredEvent[] {
  return events.toSorted((one, other) => compareMoments(momentOf(other), momentOf(one)));
}

/** Exchanges and other kinds, refused and passed, with lists, objects and fields that are left out because they are usual. */
function varied(count: number): readonly StoredEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const event = exchange(index, {
      ...(index % 11 === 0 ? { status: 500 + (index % 4), reason: 'UPSTREAM_REFUSED', verdict: 'deny' } : {}),
      ...(index % 13 === 0 ? { path: '/Admin/login', verdict: 'deny', status: 403, decidedBy: 'waf' } : {}),
      ...(index % 17 === 0 ? { inspection: { ruleIds: [942_100, 941_100], matches: [{ id: 941_100 }] } } : {}),
      ...(index % 19 === 0 ? { network: '203.0.113.0/24', upstreamAttempts: 2 } : {}),
      ...(index % 23 === 0 ? { kind: 'system', status: undefined, client: undefined, what: 'started' } : {}),
    });
    const { status: _status, client: _client, ...rest } = event;
    return event['status'] === undefined ? rest : event;
  });
}

/** Queries that meet these events more often than by chance. */
function nearQuery(): fc.Arbitrary<Query> {
  const texts = [
    'client = 203.0.113.7',
    'status >= 500 or decidedBy = waf',
    'not (path startsWith /pages/1) and durationMs > 5',
    'network in 203.0.113.0/25',
    'stageUs.waf < 150 and verdict = pass',
    'inspection.ruleIds = 942100',
    'inspection.matches.id = 941100',
    'reason exists',
    'upstreamAttempts = 2',
    'upstreamAttempts = 1',
    'time >= "2026-11-28T10:00:01.000Z"',
    'path contains ADMIN',
    'kind in (system, message)',
  ];
  const leaf = fc.constantFrom(...texts).map(queryOf);
  const pair = fc.tuple(fc.constantFrom('and' as const, 'or' as const), leaf, leaf);
  return fc.oneof(
    leaf,
    leaf.map((part): Query => ({ kind: 'not', part })),
    pair.map(([kind, one, other]): Query => ({ kind, parts: [one, other] })),
  );
}

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(parsed.problem.message);
  return parsed.query;
}

/** Each value once for its event. */
function countedBy(
  events: readonly StoredEvent[],
  field: string,
): { readonly counts: ReadonlyMap<unknown, number>; readonly without: number; readonly matching: number } {
  const values = events.map((event) => valueOf(event, field));
  const counts = new Map<unknown, number>();
  for (const value of values) {
    if (value === undefined) continue;
    for (const one of new Set(typeof value === 'object' ? value : [value])) counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  return { counts, without: values.filter((value) => value === undefined).length, matching: events.length };
}
