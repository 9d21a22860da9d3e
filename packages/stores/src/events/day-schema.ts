import { DatabaseSync } from 'node:sqlite';
import { SHARED_SCHEMA } from './shared-values.ts';

/** What a file of events holds. Its version stands in `user_version`. */
const DAY_VERSION = 1;

const SCHEMA = `
  CREATE TABLE field (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE segment (
    id INTEGER PRIMARY KEY,
    events INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE segment_column (
    id INTEGER PRIMARY KEY,
    field INTEGER NOT NULL REFERENCES field,
    segment INTEGER NOT NULL REFERENCES segment,
    kind INTEGER NOT NULL,
    dictionary BLOB NOT NULL,
    rows BLOB NOT NULL,
    UNIQUE (segment, field)
  ) STRICT;
  CREATE TABLE tail (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    events INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    lines BLOB NOT NULL
  ) STRICT;
  CREATE TABLE rollup_key (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE rollup (
    grain_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    key INTEGER NOT NULL REFERENCES rollup_key,
    events INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    durations TEXT NOT NULL,
    PRIMARY KEY (grain_ms, start_ms, key)
  ) STRICT, WITHOUT ROWID;`;

/**
 * Opens the file of a day for writing and makes it where there is none.
 *
 * @throws Error when it is of a later version, is damaged, or cannot be opened.
 */
export function openDayForWriting(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS });
  try {
    database.exec('PRAGMA journal_mode = WAL');
    // What was committed outlives the process, whatever ends it; a loss of power may cost what the system had not written.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec(`PRAGMA journal_size_limit = ${LOG_BYTES_MAX}`);
    const version = versionOf(database);
    if (version > DAY_VERSION) throw new Error(`it is of version ${version}, and this program knows ${DAY_VERSION}`);
    if (version === 0) {
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} PRAGMA user_version = ${DAY_VERSION}; COMMIT`);
    }
    // A file of an earlier release gets it, and that release can go on with the file: it reads all segments but those that share.
    database.exec(SHARED_SCHEMA);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Opens the file of a day for reading, also while another connection writes. @throws Error when it cannot be read. */
export function openDayForReading(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_MS });
  try {
    const version = versionOf(database);
    if (version !== DAY_VERSION) throw new Error(`it is of version ${version}, and this program knows ${DAY_VERSION}`);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** An error of SQLite or of the disk below it, as against one of our own. */
export function isSqliteError(cause: unknown): boolean {
  return cause instanceof Error && Reflect.get(cause, 'code') === 'ERR_SQLITE_ERROR';
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
export function isCorruption(cause: unknown): boolean {
  const code: unknown = isSqliteError(cause) && cause instanceof Error ? Reflect.get(cause, 'errcode') : undefined;
  return typeof code === 'number' && ((code & 0xff) === 11 || (code & 0xff) === 26);
}

function versionOf(database: DatabaseSync): number {
  return Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
}

/** The write-ahead log is cut to that when all of it is in the file: a long query lets it grow. */
const LOG_BYTES_MAX = 67_108_864;
/** How long one connection waits for another. */
const BUSY_MS = 2_000;
