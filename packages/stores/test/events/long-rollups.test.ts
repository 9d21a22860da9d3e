import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DayReader, type RollupRow } from '../../src/events/day-reader.ts';
import { DAY_MS, dayFile } from '../../src/events/event-files.ts';
import { EventReader } from '../../src/events/event-reader.ts';
import { EventWriter } from '../../src/events/event-writer.ts';
import { LongRollups } from '../../src/events/long-rollups.ts';
import { HOUR_MS } from '../../src/events/rollup.ts';
import { exchange, lineOf, T0 } from './sample.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-hours-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const HOURS = { fromMs: T0 - HOUR_MS, untilMs: T0 + 5 * HOUR_MS };

describe('counts of days that are deleted', () => {
  it('are not counted twice when the process is killed before the file of the day is gone', () => {
    const clock = new ManualClock(T0);
    const writer = new EventWriter({ folder, clock, retentionDays: 1, quotaBytes: 1e9, onProblem: () => undefined });
    writer.append([exchange(0), exchange(1)].map((event) => ({ line: lineOf(event), isInnocent: true })));
    const day = dayFile(folder, T0);
    const reader = new DayReader(day.path);
    const rows = reader.rollups(HOUR_MS, { fromMs: 0, toMs: T0 + DAY_MS });
    reader.close();
    for (let kill = 0; kill < 2; kill += 1) {
      const counts = LongRollups.forWriting(folder);
      counts.keep(day, rows, T0);
      counts.close();
      expect(new EventReader({ folder, clock }).overview(HOURS).total.events).toBe(2);
    }
    clock.advance(3 * DAY_MS);
    writer.append([{ line: lineOf(exchange(2, { time: new Date(T0 + 3 * DAY_MS).toISOString() })), isInnocent: true }]);
    writer.tidy();
    expect(() => new DayReader(day.path)).toThrow();
    expect(new EventReader({ folder, clock }).overview(HOURS).total.events).toBe(2);
    writer.close();
  });

  it('tell a hundred kinds apart in an hour, and sum up the others', () => {
    const counts = LongRollups.forWriting(folder);
    const rows = Array.from(
      { length: 150 },
      (_, index): RollupRow => ({
        startMs: T0,
        key: { kind: 'exchange', listener: 'web', route: `r${index}`, verdict: 'pass', reason: '', statusClass: 2 },
        events: index + 1,
        bytesIn: 1,
        bytesOut: 2,
        durations: [index + 1],
      }),
    );
    counts.keep({ startMs: T0 - 10 * HOUR_MS }, rows, T0);
    counts.close();
    const { groups, total } = new EventReader({ folder, clock: new ManualClock(T0) }).overview(HOURS);
    expect(groups).toHaveLength(100);
    const rest = groups.find(({ kind }) => kind === 'other');
    expect(rest).toMatchObject({ events: (51 * 52) / 2, bytesIn: 51, bytesOut: 102 });
    expect(total).toMatchObject({ events: (150 * 151) / 2, bytesIn: 150, bytesOut: 300 });
  });
});
