import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ManualClock } from '@sallyport/kernel';
import { parseQuery, predicateOf, type Query, valueOf } from '@sallyport/siem';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsedEvent } from '../../src/events/day-writer.ts';
import { DAY_MS } from '../../src/events/event-files.ts';
import { EventReader } from '../../src/events/event-reader.ts';
import { EventWriter } from '../../src/events/event-writer.ts';
import type { StoredEvent } from '../../src/events/flat-fields.ts';
import { compareMoments, cursorOf, momentOf, parseCursor } from '../../src/events/moment-order.ts';
import { exchange, lineOf, T0 } from './sample.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-events-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Rig {
  readonly clock: ManualClock;
  readonly writer: EventWriter;
  readonly reader: EventReader;
  readonly problems: string[];
  readonly add: (events: readonly StoredEvent[], isInnocent?: boolean) => ReturnType<EventWriter['append']>;
}

function rig(options: Partial<ConstructorParameters<typeof EventWriter>[0]> = {}): Rig {
  const clock = new ManualClock(T0);
  const problems: string[] = [];
  const onProblem = (problem: string): void => void problems.push(problem);
  const writer = new EventWriter({
    folder,
    clock,
    retentionDays: 2,
    quotaBytes: 1e9,
    onProblem,
    segmentEvents: 100,
    ...options,
  });
  const reader = new EventReader({ folder, clock });
  const add: Rig['add'] = (events, isInnocent = true) =>
    writer.append(events.map((event) => ({ line: lineOf(event), isInnocent })));
  return { clock, writer, reader, problems, add };
}

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  if (parsed.kind === 'refused') throw new Error(parsed.problem.message);
  return parsed.query;
}

const ALWAYS = { fromMs: 0, untilMs: T0 + 10 * DAY_MS };
const WHOLE = { unreadable: [], outOfTimeBeforeMs: undefined };

/** The latest first. */
function ordered(events: readonly StoredEvent[]): readonly StoredEvent[] {
  return events.toSorted((one, other) => compareMoments(momentOf(other), momentOf(one)));
}

describe('stored events', () => {
  it('are found again, whether they are in a segment or not yet', () => {
    const { add, reader } = rig();
    const events = Array.from({ length: 250 }, (_, index) => exchange(index));
    add(events.slice(0, 30));
    add(events.slice(30));
    const { events: found, next, gaps } = reader.search({ ...ALWAYS, query: { kind: 'all' }, limit: 1_000 });
    expect(found).toEqual(ordered(events));
    expect([next, gaps]).toEqual([undefined, WHOLE]);
  });

  it('outlive whatever ended the process between two batches', () => {
    const first = rig();
    first.add([exchange(1), exchange(2)]);
    // Nothing is closed: the process was killed.
    const second = rig();
    second.add([exchange(3)]);
    const { events } = second.reader.search({ ...ALWAYS, query: { kind: 'all' }, limit: 10 });
    expect(events).toEqual(ordered([exchange(1), exchange(2), exchange(3)]));
  });

  it('are there once each when two processes write for a while, as in a hand-over', () => {
    const [older, newer] = [rig(), rig()];
    const events = Array.from({ length: 900 }, (_, index) => exchange(index));
    // Both fill segments, and what one has not put into one yet may be in the other's.
    for (let from = 0; from < events.length; from += 30) {
      (from % 60 === 0 ? older : newer).add(events.slice(from, from + 30));
    }
    expect(newer.reader.search({ ...ALWAYS, query: { kind: 'all' }, limit: 2_000 }).events).toEqual(ordered(events));
    expect(newer.reader.overview({ fromMs: T0, untilMs: T0 + 60_000 }).total.events).toBe(900);
  });

  it('of each day have a file, and are found across them', () => {
    const { add, clock, reader } = rig();
    const days = [0, 1, 2].map((day) => exchange(day, { time: new Date(T0 + day * DAY_MS).toISOString() }));
    for (const event of days) {
      clock.advance(Date.parse(String(event['time'])) - clock.wallMs());
      add([event]);
    }
    expect(readdirSync(folder).filter((name) => name.endsWith('.db'))).toEqual([
      'events-2026-11-28.db',
      'events-2026-11-29.db',
      'events-2026-11-30.db',
    ]);
    const search = (fromMs: number, untilMs: number): readonly StoredEvent[] =>
      reader.search({ fromMs, untilMs, query: { kind: 'all' }, limit: 10 }).events;
    expect(search(0, ALWAYS.untilMs)).toEqual(ordered(days));
    expect(search(T0 + DAY_MS, T0 + 2 * DAY_MS)).toEqual([days[1]]);
    expect(search(T0 + DAY_MS + 1, T0 + 2 * DAY_MS + 1)).toEqual([days[2]]);
  });
});

describe('a question about many days', () => {
  it('holds no more than a few files open, and finds what is in the oldest', () => {
    const { add, clock, reader } = rig({ retentionDays: 100 });
    const days = Array.from({ length: 60 }, (_, day) =>
      exchange(day, { time: new Date(T0 + day * DAY_MS).toISOString() }),
    );
    for (const event of days) {
      clock.advance(Date.parse(String(event['time'])) - clock.wallMs());
      add([event]);
    }
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    let most = 0;
    const watching = {
      wallMs: () => clock.wallMs(),
      monotonicMs: () => {
        most = Math.max(most, descriptors());
        return 0;
      },
    };
    const all = { fromMs: 0, untilMs: T0 + 100 * DAY_MS, query: { kind: 'all' } as const };
    const answer = new EventReader({ folder, clock: watching }).search({ ...all, limit: 100 });
    expect(answer.events).toEqual(ordered(days));
    expect(reader.top({ ...all, field: 'kind', limit: 5 }).events).toBe(60);
    // Three for each: the file, its log and its index.
    expect(most - before).toBeLessThan(12);
    expect(descriptors() - before).toBeLessThan(3);
  });
});

describe('questions', () => {
  const texts = [
    'client = 203.0.113.7',
    'status >= 500 or reason = waf-score',
    'not (path startsWith /pages/1) and durationMs > 5',
    'network in 203.0.113.0/25',
    'stageUs.waf < 150 and verdict = pass',
    'inspection.ruleIds = 942100',
    'inspection.matches.id = 941100',
    'reason exists',
    'upstreamAttempts = 2',
    'time >= "2026-11-28T10:00:01.000Z"',
    'path contains ADMIN',
  ];
  const events = Array.from({ length: 730 }, (_, index) =>
    exchange(index, {
      ...(index % 11 === 0 ? { status: 500 + (index % 4), reason: 'upstream-refused', verdict: 'deny' } : {}),
      ...(index % 13 === 0 ? { path: '/Admin/login', reason: 'waf-score', verdict: 'deny', status: 403 } : {}),
      ...(index % 17 === 0
        ? {
            inspection: {
              ruleIds: [942_100, 941_100],
              matches: [
                { id: 941_100, message: 'm' },
                { id: 942_100, message: 'n' },
              ],
            },
          }
        : {}),
      ...(index % 19 === 0 ? { network: '203.0.113.0/24', upstreamAttempts: 2 } : {}),
      ...(index % 23 === 0 ? { kind: 'system', status: undefined, client: undefined, what: 'started' } : {}),
    }),
  ).map((event) => parsedEvent(lineOf(event)));

  it.each(texts)('are answered as the predicate says: %s', (text) => {
    const { add, reader } = rig();
    for (let from = 0; from < events.length; from += 90) add(events.slice(from, from + 90));
    const query = queryOf(text);
    const expected = ordered(events.filter(predicateOf(query)));
    const answer = reader.search({ ...ALWAYS, query, limit: 1_000 });
    expect(answer.events).toEqual(expected);
    expect(expected.length).toBeGreaterThan(0);
    expect(expected.length).toBeLessThan(events.length);
    // Page by page, each with what the one before has said.
    const pages: StoredEvent[] = [];
    for (let before: ReturnType<typeof parseCursor>, isFirst = true; isFirst || before !== undefined; isFirst = false) {
      const page = reader.search({ ...ALWAYS, query, limit: 50, before });
      pages.push(...page.events);
      before = page.next === undefined ? undefined : parseCursor(cursorOf(page.next));
    }
    expect(pages).toEqual(expected);
  });

  it.each(['client', 'status', 'path', 'inspection.ruleIds', 'durationMs', 'network', 'upstreamAttempts'])(
    'count by %s',
    (field) => {
      const { add, reader } = rig();
      add(events);
      const query = queryOf('not path contains admin');
      const counts = new Map<unknown, number>();
      let without = 0;
      const matching = events.filter(predicateOf(query));
      for (const event of matching) {
        const value = valueOf(event, field);
        if (value === undefined) without += 1;
        else for (const one of typeof value === 'object' ? value : [value]) counts.set(one, (counts.get(one) ?? 0) + 1);
      }
      const answer = reader.top({ ...ALWAYS, query, field, limit: 1_000 });
      expect(new Map(answer.values.map(({ value, events: seen }) => [value, seen]))).toEqual(counts);
      expect(answer.values.map(({ events: seen }) => seen)).toEqual(
        [...counts.values()].toSorted((one, other) => other - one),
      );
      expect(answer).toMatchObject({ events: matching.length, without, isExact: true, gaps: WHOLE });
    },
  );

  it('get what was counted on the way in, to the minute', () => {
    const { add, reader } = rig();
    add(events.slice(0, 400));
    add(events.slice(400));
    const { total, groups, steps } = reader.overview({ fromMs: T0, untilMs: T0 + 60_000 });
    expect(total.events).toBe(events.length);
    expect(total.durations.reduce((sum, count) => sum + count, 0)).toBe(events.length);
    expect(groups.reduce((sum, group) => sum + group.events, 0)).toBe(events.length);
    expect(steps).toMatchObject([
      { startMs: T0, events: events.length, denied: events.filter(({ verdict }) => verdict === 'deny').length },
    ]);
    const dayLong = reader.overview({ fromMs: T0 - DAY_MS / 2, untilMs: T0 + DAY_MS / 2 });
    expect(dayLong).toMatchObject({ stepMs: 3_600_000, total: { events: events.length } });
    expect(reader.overview({ fromMs: T0 + 60_000, untilMs: T0 + DAY_MS }).total.events).toBe(0);
  });

  it('are cut when their time is over, and the answer says where', () => {
    const { add, clock } = rig();
    add(events);
    let asked = 0;
    const slow = { wallMs: () => clock.wallMs(), monotonicMs: () => (asked++ < 3 ? 0 : 99_999) };
    const answer = new EventReader({ folder, clock: slow }).search({ ...ALWAYS, query: { kind: 'all' }, limit: 1_000 });
    expect(answer.events.length).toBeGreaterThan(0);
    expect(answer.events.length).toBeLessThan(events.length);
    expect(answer.gaps.outOfTimeBeforeMs).toBeLessThan(T0 + 730 * 7);
  });

  it('have an order that no cursor of a client can break', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(parseCursor(text)).toSatisfy((moment: unknown) => moment === undefined || typeof moment === 'object');
      }),
    );
  });
});

describe('a store that runs full or breaks', () => {
  const fillDay = ({ clock, writer, add }: Rig, day: number): void => {
    clock.advance(T0 + day * DAY_MS - clock.wallMs());
    add(
      Array.from({ length: 300 }, (_, index) =>
        exchange(day * 300 + index, { time: new Date(T0 + day * DAY_MS).toISOString() }),
      ),
    );
    writer.tidy();
  };
  const daysLeft = (): readonly string[] =>
    readdirSync(folder)
      .filter((name) => /^events-.*\.db$/.test(name))
      .toSorted();

  it('keeps the days that were agreed, and no more', () => {
    const filled = rig();
    for (const day of [0, 1, 2, 3, 4]) fillDay(filled, day);
    expect(daysLeft()).toEqual(['events-2026-11-30.db', 'events-2026-12-01.db', 'events-2026-12-02.db']);
    expect(filled.problems).toEqual([]);
  });

  it('keeps them when the clock leaps ahead, says so, and deletes again when it is set back', () => {
    const now = { wallMs: T0 + 2 * DAY_MS, monotonicMs: 5_000 };
    const clock = { wallMs: () => now.wallMs, monotonicMs: () => now.monotonicMs };
    const filled = rig();
    for (const day of [0, 1, 2]) fillDay(filled, day);
    filled.writer.close();
    const problems: string[] = [];
    const onProblem = (problem: string): void => void problems.push(problem);
    const writer = new EventWriter({ folder, clock, retentionDays: 2, quotaBytes: 1e9, onProblem });
    // Somebody has typed the wrong year: every day would be older than was agreed.
    now.wallMs += 365 * DAY_MS;
    for (let minute = 0; minute < 3; minute += 1) writer.tidy();
    expect(daysLeft()).toEqual(['events-2026-11-28.db', 'events-2026-11-29.db', 'events-2026-11-30.db']);
    expect(problems).toEqual([
      'the clock went 8759 hours further than this process has run: until it is set back, or the next start, no day is deleted for its age by that',
    ]);
    now.wallMs += DAY_MS - 365 * DAY_MS;
    now.monotonicMs += DAY_MS;
    writer.tidy();
    expect(daysLeft()).toEqual(['events-2026-11-29.db', 'events-2026-11-30.db']);
    expect(problems.length).toBe(1);
    writer.close();
  });

  it('deletes old days before their time when the quota is used up, and says so', () => {
    const filled = rig({ quotaBytes: 250_000 });
    for (const day of [0, 1, 2]) fillDay(filled, day);
    expect(daysLeft()).not.toContain('events-2026-11-28.db');
    expect(daysLeft()).toContain('events-2026-11-30.db');
    expect(filled.problems[0]).toMatch(/^events of 2026-11-28 are deleted before their time/);
  });

  it('leaves innocent lines out when today alone is over the quota, and takes evidence', () => {
    const { writer, add, problems, reader } = rig({ quotaBytes: 250_000 });
    while (statSync(join(folder, 'events-2026-11-28.db'), { throwIfNoEntry: false }) === undefined) add([exchange(0)]);
    writer.tidy();
    for (let index = 1; problems.length === 0; index += 1) {
      add([exchange(index)]);
      writer.tidy();
    }
    expect(problems).toEqual([expect.stringMatching(/^exchanges that pass are not stored any more/)]);
    expect(add([exchange(9_001)])).toMatchObject({ stored: 0, innocentOverQuota: 1 });
    expect(add([exchange(9_002, { verdict: 'deny' })], false)).toMatchObject({ stored: 1, evidenceOverQuota: 0 });
    expect(reader.search({ ...ALWAYS, query: queryOf('verdict = deny'), limit: 5 }).events).toHaveLength(1);
  });

  it('counts lines that are no events, and stores the others', () => {
    const { writer, reader } = rig();
    const lines = [
      '{"time":"2026-11-28T10:00:00.000Z","kind":"x"}\n',
      'no json\n',
      '[]\n',
      '{"kind":"timeless"}\n',
      '{"time":"soon"}\n',
    ];
    expect(writer.append(lines.map((line) => ({ line, isInnocent: false })))).toMatchObject({
      stored: 1,
      malformed: 4,
    });
    expect(reader.search({ ...ALWAYS, query: { kind: 'all' }, limit: 5 }).events).toHaveLength(1);
  });

  it.each([
    ['that is no database', (path: string) => writeFileSync(path, 'this is no database '.repeat(2_000))],
    ['that was cut', (path: string) => truncateSync(path, 40_000)],
    [
      'with a batch that is damaged',
      (path: string) => {
        const database = new DatabaseSync(path);
        database.exec("UPDATE tail SET lines = x'07ff'");
        database.close();
      },
    ],
  ])('moves a file %s aside and goes on with a new one', (_, damage) => {
    const before = rig();
    before.add(Array.from({ length: 150 }, (_unused, index) => exchange(index)));
    before.writer.close();
    const [name = ''] = readdirSync(folder);
    damage(join(folder, name));
    const { add, problems, reader } = rig();
    expect(() => add([exchange(500)])).toThrow();
    add([exchange(500)]);
    expect(problems).toEqual([expect.stringContaining('is damaged and was moved to')]);
    expect(readdirSync(folder).some((file) => file.includes('.damaged-'))).toBe(true);
    expect(reader.search({ ...ALWAYS, query: { kind: 'all' }, limit: 5 }).events).toEqual([exchange(500)]);
  });

  it('answers with what can be read, and names what cannot', () => {
    const { add, reader, writer } = rig();
    add(Array.from({ length: 250 }, (_, index) => exchange(index)));
    writer.close();
    const path = join(folder, 'events-2026-11-28.db');
    const database = new DatabaseSync(path);
    database.exec("UPDATE segment_column SET rows = x'01ffffffff00' WHERE segment = 1 AND length(rows) > 0");
    database.close();
    const answer = reader.search({ ...ALWAYS, query: queryOf('client exists'), limit: 1_000 });
    expect(answer.events).toEqual(ordered(Array.from({ length: 150 }, (_, index) => exchange(index + 100))));
    expect(answer.gaps.unreadable).toEqual([expect.stringMatching(/^events from 2026-11-28T10:00:00.000Z/)]);
  });
});
