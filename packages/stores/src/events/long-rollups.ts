import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { RollupRow, Span } from './day-reader.ts';
import { DAY_MS, type DayFile } from './event-files.ts';
import { DURATION_BOUNDS_MS, keyText, OTHER_KEY, rollupKeyOf } from './rollup.ts';

/**
 * Counts by hour of days whose events are gone, in a small file of their own: a year can be looked over, long after its events
 * were deleted. They hold nobody's address: kinds, listeners, routes, verdicts and reasons are ours.
 */
export class LongRollups {
  readonly #database: DatabaseSync;

  /** For writing; the file is made where there is none. @throws Error when it cannot be opened. */
  static forWriting(folder: string): LongRollups {
    const database = new DatabaseSync(pathIn(folder), { timeout: BUSY_MS });
    try {
      database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; ${SCHEMA}`);
      return new LongRollups(database);
    } catch (cause) {
      database.close();
      throw cause;
    }
  }

  /** For reading; undefined where nothing was kept yet. @throws Error when it cannot be read. */
  static forReading(folder: string): LongRollups | undefined {
    const path = pathIn(folder);
    if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return new LongRollups(new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS }));
  }

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Keeps the counts of a day in place of those that it had, and forgets what is too old. All of it or nothing. @throws Error of SQLite. */
  keep({ startMs }: Pick<DayFile, 'startMs'>, rows: readonly RollupRow[], nowMs: number): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      this.#database.prepare('DELETE FROM rollup WHERE day_ms = ?').run(startMs);
      const insert = this.#database.prepare('INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?, ?)');
      for (const { startMs: hourMs, key, events, bytesIn, bytesOut, durations } of frequent(rows)) {
        insert.run(startMs, hourMs, keyText(key), events, bytesIn, bytesOut, JSON.stringify(durations));
      }
      const tooOldMs = nowMs - LONG_DAYS_MAX * DAY_MS;
      this.#database.prepare('DELETE FROM rollup WHERE day_ms < ?').run(tooOldMs);
      this.#database.exec('COMMIT');
    } catch (cause) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw cause;
    }
  }

  /** Hours that begin in a time, of days that have no file any more. */
  rows({ fromMs, toMs }: Span, files: readonly DayFile[]): Iterable<RollupRow> {
    // Killed between keeping a day and deleting its file, both are there.
    const there = new Set(files.map(({ startMs }) => startMs));
    return this.#database
      .prepare('SELECT * FROM rollup WHERE start_ms BETWEEN ? AND ? ORDER BY start_ms')
      .iterate(fromMs, toMs)
      .filter((row) => !there.has(Number(row['day_ms'])))
      .map((row) => ({
        startMs: Number(row['start_ms']),
        key: rollupKeyOf(String(row['key'])),
        events: Number(row['events']),
        bytesIn: Number(row['bytes_in']),
        bytesOut: Number(row['bytes_out']),
        durations: numbersOf(String(row['durations'])),
      }));
  }

  close(): void {
    this.#database.close();
  }
}

/** Of each hour those that there were most of; the others as one. */
function frequent(rows: readonly RollupRow[]): readonly RollupRow[] {
  return [...Map.groupBy(rows, ({ startMs }) => startMs)].flatMap(([startMs, ofHour]) => {
    if (ofHour.length <= LONG_KEYS_MAX) return ofHour;
    const isOther = ({ key }: RollupRow): boolean => key.kind === OTHER_KEY.kind;
    const falling = ofHour.filter((row) => !isOther(row)).toSorted((one, other) => other.events - one.events);
    const others = [...falling.slice(LONG_KEYS_MAX - 1), ...ofHour.filter(isOther)];
    const sum = (valueOf: (row: RollupRow) => number): number => others.reduce((all, row) => all + valueOf(row), 0);
    const rest: RollupRow = {
      startMs,
      key: OTHER_KEY,
      events: sum(({ events }) => events),
      bytesIn: sum(({ bytesIn }) => bytesIn),
      bytesOut: sum(({ bytesOut }) => bytesOut),
      durations: DURATION_BOUNDS_MS.concat(Number.POSITIVE_INFINITY).map((_, place) =>
        sum(({ durations }) => durations[place] ?? 0),
      ),
    };
    return [...falling.slice(0, LONG_KEYS_MAX - 1), rest];
  });
}

function pathIn(folder: string): string {
  return join(folder, 'hours.db');
}

function numbersOf(text: string): readonly number[] {
  const numbers: unknown = JSON.parse(text);
  return Array.isArray(numbers) ? numbers.map(Number) : [];
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rollup (
    day_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    key TEXT NOT NULL,
    events INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    durations TEXT NOT NULL,
    PRIMARY KEY (day_ms, start_ms, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS rollup_by_start ON rollup (start_ms);`;

/** A year and what is needed to compare its end with its beginning. */
const LONG_DAYS_MAX = 400;

/** Most kinds of event told apart in one hour: with them the file stays below some two hundred megabytes, whatever happens. */
const LONG_KEYS_MAX = 100;

/** How long one connection waits for another. */
const BUSY_MS = 2_000;
