import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ManualClock } from '@sallyport/kernel';
import { parseQuery, predicateOf, type Query } from '@sallyport/siem';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsedEvent } from '../../src/events/day-writer.ts';
import { EventReader } from '../../src/events/event-reader.ts';
import { EventWriter } from '../../src/events/event-writer.ts';
import type { StoredEvent } from '../../src/events/flat-fields.ts';
import { compareMoments, momentOf } from '../../src/events/moment-order.ts';
import {
  SHARED_SCHEMA,
  SHARED_TEXT_UNITS_MAX,
  SharedValuesReader,
  SharedValuesWriter,
} from '../../src/events/shared-values.ts';
import { exchange, lineOf, T0 } from './sample.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-shared-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const clock = new ManualClock(T0);
const SEGMENT = 900;
const DAY = { fromMs: T0, untilMs: T0 + 3_600_000 };
const WHOLE = { unreadable: [], outOfTimeBeforeMs: undefined };

function writerOf(): EventWriter {
  const onProblem = (problem: string): never => expect.fail(problem);
  return new EventWriter({ folder, clock, retentionDays: 2, quotaBytes: 1e9, onProblem, segmentEvents: SEGMENT });
}

/** Hundreds of addresses and paths in each segment, most of them in several; some too long, and one event without. */
const EVENTS: readonly StoredEvent[] = Array.from({ length: SEGMENT * 4 + 50 }, (_, index) =>
  exchange(index, {
    client: `10.0.${(index * 7) % 3}.${(index * 13) % 251}`,
    path: index % 97 === 0 ? `/${'long'.repeat(200)}/${index % 3}` : `/pages/${(index * 31) % 701}"\\é\u{1f600}`,
    ...(index === SEGMENT + 1 ? { client: undefined } : {}),
  }),
);

function add(writer: EventWriter, from: number, until: number): void {
  writer.append(EVENTS.slice(from, until).map((event) => ({ line: lineOf(event), isInnocent: true })));
}

function path(): string {
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.db')) ?? '');
}

function queryOf(text: string): Query {
  const parsed = parseQuery(text);
  return parsed.kind === 'ready' ? parsed.query : expect.fail(parsed.problem.message);
}

/** Answers are those of somebody who looks at each event. */
function expectAnswers(texts: readonly string[]): void {
  const reader = new EventReader({ folder, clock });
  for (const text of texts) {
    const query = queryOf(text);
    const wanted = EVENTS.map((event) => parsedEvent(lineOf(event))).filter(predicateOf(query));
    const { events, gaps } = reader.search({ ...DAY, query, limit: 10_000 });
    expect(gaps).toEqual(WHOLE);
    expect(events, text).toEqual(wanted.toSorted((one, other) => compareMoments(momentOf(other), momentOf(one))));
    for (const field of ['client', 'path'] as const) {
      const counts = Map.groupBy(
        wanted.filter((event) => field in event),
        (event) => String(event[field]),
      );
      const top = reader.top({ ...DAY, query, field, limit: 1_000 });
      expect(new Map(top.values.map(({ value, events: times }) => [value, times]))).toEqual(
        new Map([...counts].map(([value, found]) => [value, found.length])),
      );
      expect([top.events, top.without]).toEqual([wanted.length, wanted.filter((event) => !(field in event)).length]);
    }
  }
}

const QUESTIONS = [
  '',
  'client = 10.0.1.7',
  'client != 10.0.1.7',
  'client in 10.0.2.0/25 and not path contains "PAGES/7"',
  'path endsWith "/2" or path startsWith "/pages/70"',
  'not client exists',
];

describe('texts that many segments have', () => {
  it('are stored once, and questions about them are answered as before', () => {
    const writer = writerOf();
    add(writer, 0, EVENTS.length);
    writer.close();
    const database = new DatabaseSync(path());
    const shared = database.prepare('SELECT sum(texts) AS texts FROM shared_value').get();
    database.close();
    // 753 addresses and 701 paths; those that are too long stay in their segments.
    expect(shared).toEqual({ texts: 753 + 701 });
    expectAnswers(QUESTIONS);
  });

  it('keep their numbers in the next process, and while two of them write', () => {
    const [older, newer] = [writerOf(), writerOf()];
    for (let from = 0; from < EVENTS.length; from += 450) {
      add(from % 900 === 0 ? older : newer, from, Math.min(from + 450, EVENTS.length));
      if (from === 1_800) older.close();
    }
    older.close();
    newer.close();
    expectAnswers(QUESTIONS);
  });

  it('come into a file of the release that had none', () => {
    const writer = writerOf();
    add(writer, 0, 500);
    writer.close();
    const database = new DatabaseSync(path());
    database.exec('DROP TABLE shared_value');
    database.close();
    expect(new EventReader({ folder, clock }).search({ ...DAY, query: queryOf(''), limit: 1_000 }).events.length).toBe(
      500,
    );
    const next = writerOf();
    add(next, 500, EVENTS.length);
    next.close();
    expectAnswers(QUESTIONS);
  });

  it.each([
    ['a piece that is cut', 'UPDATE shared_value SET piece = substr(piece, 1, length(piece) - 9) WHERE first = 1'],
    ['a piece that is gone', 'DELETE FROM shared_value WHERE first = 1'],
    ['a column that is cut', 'UPDATE segment_column SET dictionary = substr(dictionary, 1, 40) WHERE kind = 2'],
  ])('are named as unreadable after %s, and never guessed', (_, damage) => {
    const writer = writerOf();
    add(writer, 0, EVENTS.length);
    writer.close();
    const database = new DatabaseSync(path());
    database.exec(damage);
    database.close();
    const { events, gaps } = new EventReader({ folder, clock }).search({
      ...DAY,
      query: queryOf('client exists'),
      limit: 10_000,
    });
    expect(gaps.unreadable.length).toBe(4);
    expect(events.length).toBe(50);
  });
});

describe('numbers of texts', () => {
  function opened(): { database: DatabaseSync; writer: SharedValuesWriter } {
    const database = new DatabaseSync(':memory:');
    database.exec(
      `CREATE TABLE field (id INTEGER PRIMARY KEY); INSERT INTO field VALUES (1), (2), (3); ${SHARED_SCHEMA}`,
    );
    return { database, writer: new SharedValuesWriter(database) };
  }

  it('of a transaction that was undone are given again', () => {
    const { database, writer } = opened();
    database.exec('BEGIN');
    expect(['a', 'b', 'a'].map((text) => writer.of(1).numberOf(text))).toEqual([1, 2, 1]);
    writer.store();
    database.exec('ROLLBACK');
    writer.forget();
    const numbers = writer.of(1);
    expect(['c', 'a'].map((text) => numbers.numberOf(text))).toEqual([1, 2]);
    writer.store();
    const read = new SharedValuesReader(database).of(1);
    expect([read.count, read.textOf(1), read.textOf(2)]).toEqual([2, 'c', 'a']);
  });

  it('lead to texts in any piece, and back', () => {
    const { database, writer } = opened();
    const texts = ['a', '"a"', 'b', 'a"', '\ud800', 'é'];
    for (const text of texts) {
      writer.of(1).numberOf(text);
      if (text !== 'b') writer.store();
    }
    const read = new SharedValuesReader(database).of(1);
    expect(texts.map((text) => read.numberOf(text))).toEqual([1, 2, 3, 4, 5, 6]);
    expect(texts.map((_, place) => read.textOf(place + 1))).toEqual(texts);
    expect(['', 'A', 'c'].map((text) => read.numberOf(text))).toEqual([0, 0, 0]);
    expect(() => read.textOf(0)).toThrow(RangeError);
    expect(() => read.textOf(7)).toThrow(RangeError);
  });

  it('are read of the pieces that are asked for: another one may be damaged', () => {
    const { database, writer } = opened();
    for (const text of ['a', 'b']) {
      writer.of(1).numberOf(text);
      writer.store();
    }
    database.exec("UPDATE shared_value SET piece = x'00' WHERE first = 2");
    const read = new SharedValuesReader(database).of(1);
    expect([read.textOf(1), read.numberOf('a')]).toEqual(['a', 1]);
    expect(() => read.textOf(2)).toThrow(RangeError);
    expect(() => read.numberOf('b')).toThrow(RangeError);
  });

  it('have an end: what clients make up does not fill the memory, and what is known stays known', () => {
    const { database, writer } = opened();
    const text = (index: number): string => `${index}`.padStart(SHARED_TEXT_UNITS_MAX, 'x');
    const given = (field: number): number => {
      const numbers = writer.of(field);
      let last = 0;
      for (let index = 0; index < 17_000; index += 1) last = Math.max(last, numbers.numberOf(text(index)));
      return last;
    };
    expect(writer.of(1).numberOf(`${text(1)}x`)).toBe(0);
    // 8,388,608 and 16,777,216 units, each text with 16 more than it has.
    expect([given(1), given(2), given(3)]).toEqual([15_887, 15_887, 1]);
    expect(writer.of(1).numberOf(text(5))).toBe(6);
    writer.store();
    const next = new SharedValuesWriter(database);
    expect([next.of(1).numberOf(text(5)), next.of(1).numberOf('new'), next.of(3).numberOf(text(9))]).toEqual([6, 0, 0]);
  });
});
