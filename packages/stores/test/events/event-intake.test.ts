import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ByteRing, type EventLine, ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventIntake } from '../../src/events/event-intake.ts';
import { EventReader } from '../../src/events/event-reader.ts';
import { EventWriter } from '../../src/events/event-writer.ts';
import { StoreSink } from '../../src/events/store-sink.ts';
import { RING_SHARES } from '../../src/ring-output.ts';
import { exchange, lineOf, T0 } from './sample.ts';

describe('the intake of events', () => {
  it('offers every line to every sink, with its class', () => {
    const rings = [4_096, 4_096].map((bytes) => new ByteRing(ByteRing.allocate({ bytes, shares: RING_SHARES })));
    rings[0]?.write('{"n":1}\n', 0);
    rings[1]?.write('{"n":"ä"}\n', 1);
    const got: EventLine[][] = [[], []];
    const sinks = got.map((lines) => ({ offer: (offered: readonly EventLine[]) => void lines.push(...offered) }));
    const intake = new EventIntake({ rings, sinks });
    expect(intake.pass()).toBe(false);
    const all = [
      { line: '{"n":1}\n', isInnocent: true },
      { line: '{"n":"ä"}\n', isInnocent: false },
    ];
    expect(got).toEqual([all, all]);
    expect(intake.dropped).toEqual([0, 0]);
  });

  it('says that a ring holds more than one batch, and takes the rest the next time', () => {
    const ring = new ByteRing(ByteRing.allocate({ bytes: 8_388_608, shares: RING_SHARES }));
    for (let count = 0; count < 5_000; count += 1) ring.write('x'.repeat(601), 0);
    let taken = 0;
    const intake = new EventIntake({ rings: [ring], sinks: [{ offer: ({ length }) => void (taken += length) }] });
    expect([intake.pass(), taken < 5_000]).toEqual([true, true]);
    expect([intake.pass(), taken]).toEqual([false, 5_000]);
  });

  it('counts by class what had no room in a ring', () => {
    const ring = new ByteRing(ByteRing.allocate({ bytes: 4_096, shares: RING_SHARES }));
    for (let count = 0; count < 40; count += 1) ring.write('x'.repeat(96), 0);
    for (let count = 0; count < 20; count += 1) ring.write('x'.repeat(96), 1);
    let taken = 0;
    const intake = new EventIntake({ rings: [ring], sinks: [{ offer: ({ length }) => void (taken += length) }] });
    intake.pass();
    expect([taken, ...intake.dropped]).toEqual([40, 10, 10]);
    expect(60 - taken).toBe(20);
  });
});

describe('the store as a sink', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-store-sink-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const line = (number: number, isInnocent = true): EventLine => ({ line: lineOf(exchange(number)), isInnocent });

  function rig(waitingUnitsMax?: number): {
    sink: StoreSink;
    clock: ManualClock;
    news: string[];
    stored: () => number;
  } {
    const clock = new ManualClock(T0);
    const news: string[] = [];
    const note = (what: string): void => void news.push(what);
    const writer = new EventWriter({ folder, clock, retentionDays: 2, quotaBytes: 1e9, onProblem: note });
    const sink = new StoreSink({
      writer,
      clock,
      onFailure: () => note('failed'),
      onRecovery: () => note('recovered'),
      ...(waitingUnitsMax === undefined ? {} : { waitingUnitsMax }),
    });
    const reader = new EventReader({ folder, clock });
    const all = { fromMs: 0, untilMs: T0 + 1e9, query: { kind: 'all' } as const };
    return { sink, clock, news, stored: () => reader.search({ ...all, limit: 10_000 }).events.length };
  }

  /** Somebody who holds the file of the day, so that nothing can be written. */
  function holdFile(): () => void {
    const database = new DatabaseSync(join(folder, 'events-2026-11-28.db'));
    database.exec('BEGIN EXCLUSIVE');
    return () => database.close();
  }

  it('rests two seconds after a failure, then stores what has waited, in its order', () => {
    const { sink, clock, news, stored } = rig();
    sink.offer([line(0)]);
    sink.pass();
    const release = holdFile();
    sink.offer([line(1)]);
    expect(sink.pass()).toBe(false);
    expect(sink.counts()).toMatchObject({ stored: 1, failedBatches: 1 });
    sink.offer([line(2)]);
    clock.advance(1_999);
    sink.pass();
    expect(sink.counts()).toMatchObject({ stored: 1, failedBatches: 1 });
    release();
    sink.pass();
    expect([stored(), news]).toEqual([1, ['failed']]);
    clock.advance(1);
    sink.pass();
    expect([stored(), news]).toEqual([3, ['failed', 'recovered']]);
    expect(sink.counts()).toMatchObject({ stored: 3, failedBatches: 1, droppedOverflow: [0, 0] });
    sink.offer([line(3)]);
    sink.pass();
    expect(stored()).toBe(4);
  }, 20_000);

  it('drops by class what has no room while it fails, and counts it', () => {
    const { length } = line(100).line;
    const { sink, clock, stored } = rig(length * 8 + 60);
    sink.offer([line(100)]);
    sink.pass();
    const release = holdFile();
    sink.offer(Array.from({ length: 10 }, (_, index) => line(101 + index)));
    sink.pass();
    sink.offer(Array.from({ length: 10 }, (_, index) => line(200 + index, false)));
    expect(sink.counts().droppedOverflow).toEqual([4, 8]);
    release();
    clock.advance(2_000);
    sink.pass();
    expect(stored()).toBe(9);
  }, 20_000);

  it('gives up a batch that can never be stored', () => {
    const news: string[] = [];
    const sink = new StoreSink({
      writer: {
        append: () => {
          throw new TypeError('a bug of ours');
        },
      },
      clock: new ManualClock(),
      onFailure: (cause) => void news.push(String(cause)),
      onRecovery: () => void news.push('recovered'),
    });
    sink.offer([line(0), line(1)]);
    sink.pass();
    expect(sink.counts()).toMatchObject({ stored: 0, malformed: 2 });
    expect(news).toEqual(['TypeError: a bug of ours']);
  });

  it('drops at the end what cannot be stored even then', () => {
    const { sink } = rig();
    sink.offer([line(0)]);
    sink.pass();
    const release = holdFile();
    sink.offer([line(1), line(2, false)]);
    sink.finish();
    release();
    expect(sink.counts()).toMatchObject({ stored: 1, droppedOverflow: [1, 1] });
  }, 20_000);
});
