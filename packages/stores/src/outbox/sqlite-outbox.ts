import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import {
  DELIVERY_FAILURES,
  type DeliveryFailure,
  isOnlyEnds,
  type Notification,
  OUTBOX_DEAD_MAX,
  OUTBOX_MEMORY_MAX,
  OUTBOX_MESSAGES_MAX,
  OUTBOX_PAUSE_MS_MAX,
  type OutboxBatch,
  type OutboxEntry,
  type OutboxStatus,
  StoreError,
} from '@sallyport/kernel';
import { storeErrorOf } from '../state/sqlite-failure.ts';

/**
 * The outbox in a SQLite database of the state folder: the port `Outbox`, but synchronous, for a thread that waits for the disk. What
 * it throws is a `StoreError`. It is opened by the first who asks; a lease holds between processes as well, so that two of them never
 * have the same message at a time.
 */
export class SqliteOutbox {
  readonly #folder: string;
  #open: Open | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  enqueue({ notifications, memory, nowMs }: OutboxBatch): { readonly dropped: number } {
    return this.#together(({ run, rows }) => {
      for (const notification of notifications) {
        const isEnd = isOnlyEnds(notification) ? 1 : 0;
        run(SQL.add, notification.id, notification.channel, isEnd, JSON.stringify(notification), nowMs, nowMs);
      }
      if (memory !== undefined && memory.length <= OUTBOX_MEMORY_MAX) run(SQL.remember, memory);
      const waiting = Number(rows(SQL.count)[0]?.['waiting']);
      const dropped = Math.max(0, waiting - OUTBOX_MESSAGES_MAX);
      if (dropped > 0) run(SQL.trim, dropped);
      return { dropped };
    });
  }

  recall(): string | undefined {
    return this.#together(({ rows }) => {
      const text = rows(SQL.recall)[0]?.['text'];
      return typeof text === 'string' ? text : undefined;
    });
  }

  claim({ nowMs, leaseMs }: { readonly nowMs: number; readonly leaseMs: number }): readonly OutboxEntry[] {
    return this.#together(({ run, rows }) =>
      rows(SQL.due, nowMs, nowMs + OUTBOX_PAUSE_MS_MAX).map((row) => {
        run(SQL.lease, nowMs + leaseMs, row['sequence'] ?? null);
        return {
          notification: notificationIn(row['message']),
          failures: Number(row['failures']),
          enqueuedMs: Number(row['enqueued_ms']),
        };
      }),
    );
  }

  done(id: string): void {
    this.#together(({ run }) => run(SQL.remove, id));
  }

  failed(
    id: string,
    { failure, retryMs }: { readonly failure: DeliveryFailure; readonly retryMs: number | undefined },
  ): void {
    this.#together(({ run }) => {
      if (retryMs !== undefined) return run(SQL.retry, retryMs, failure, id);
      run(SQL.bury, failure, id);
      run(SQL.remove, id);
      run(SQL.trimDead, OUTBOX_DEAD_MAX);
    });
  }

  status(): OutboxStatus {
    return this.#together(({ rows }) => ({
      channels: rows(SQL.status).map((row) => ({
        channel: String(row['channel']),
        waiting: Number(row['waiting']),
        oldestMs: Number(row['enqueued_ms']),
        failure: row['failure'] === null ? undefined : failureIn(row['failure']),
      })),
      dead: rows(SQL.dead).map((row) => ({
        id: String(row['id']),
        channel: String(row['channel']),
        failure: failureIn(row['failure']),
        enqueuedMs: Number(row['enqueued_ms']),
      })),
    }));
  }

  /** Closes the database; the next who asks opens it again. */
  release(): void {
    this.#open?.database.close();
    this.#open = undefined;
  }

  #together<T>(work: (open: Open) => T): T {
    try {
      this.#open ??= openNow(join(this.#folder, 'outbox.db'));
      const { database } = this.#open;
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work(this.#open);
        database.exec('COMMIT');
        return result;
      } catch (error) {
        // A full disk ends the transaction itself.
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    } catch (error) {
      throw storeErrorOf(error);
    }
  }
}

interface Open {
  readonly database: DatabaseSync;
  readonly rows: (
    sql: string,
    ...values: readonly SQLInputValue[]
  ) => readonly Readonly<Record<string, SQLOutputValue>>[];
  readonly run: (sql: string, ...values: readonly SQLInputValue[]) => void;
}

const SQL = {
  add: `INSERT INTO messages (id, channel, is_end, message, enqueued_ms, next_ms) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING`,
  count: 'SELECT count(*) AS waiting FROM messages',
  // Ends first, and of both the oldest.
  trim: `DELETE FROM messages WHERE sequence IN
    (SELECT sequence FROM messages ORDER BY is_end DESC, sequence LIMIT ?)`,
  remember: `INSERT INTO memory (one, text) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET text = excluded.text`,
  recall: 'SELECT text FROM memory',
  due: `SELECT sequence, message, failures, enqueued_ms FROM messages
    WHERE sequence IN (SELECT min(sequence) FROM messages GROUP BY channel) AND (next_ms <= ? OR next_ms > ?)
    ORDER BY sequence`,
  lease: 'UPDATE messages SET next_ms = ? WHERE sequence = ?',
  retry: 'UPDATE messages SET next_ms = ?, failure = ?, failures = failures + 1 WHERE id = ?',
  remove: 'DELETE FROM messages WHERE id = ?',
  bury: 'INSERT INTO dead (id, channel, failure, enqueued_ms) SELECT id, channel, ?, enqueued_ms FROM messages WHERE id = ?',
  trimDead: 'DELETE FROM dead WHERE sequence <= (SELECT sequence FROM dead ORDER BY sequence DESC LIMIT 1 OFFSET ?)',
  status: `SELECT channel, waiting, enqueued_ms, failure FROM
    (SELECT min(sequence) AS first, count(*) AS waiting FROM messages GROUP BY channel) JOIN messages ON sequence = first
    ORDER BY first`,
  dead: 'SELECT id, channel, failure, enqueued_ms FROM dead ORDER BY sequence DESC',
} as const;

/** The steps from an empty database to the present one. A step that was published is never changed. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE messages (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    is_end INTEGER NOT NULL,
    message TEXT NOT NULL,
    enqueued_ms INTEGER NOT NULL,
    next_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0,
    failure TEXT
  ) STRICT;
  CREATE INDEX messages_by_channel ON messages (channel, sequence);
  CREATE TABLE dead (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    channel TEXT NOT NULL,
    failure TEXT NOT NULL,
    enqueued_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE memory (one INTEGER PRIMARY KEY CHECK (one = 1), text TEXT NOT NULL) STRICT;
  `,
];

/** One that is damaged is put aside: what was to be told is lost, and what is to be told from now on is not. */
function openNow(path: string): Open {
  let database: DatabaseSync;
  try {
    database = openSound(path);
  } catch (error) {
    if (storeErrorOf(error).code !== 'CORRUPT') throw error;
    for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, `${path}.damaged${end}`);
    database = openSound(path);
  }
  const prepared = new Map<string, StatementSync>();
  const statement = (sql: string): StatementSync => {
    const known = prepared.get(sql) ?? database.prepare(sql);
    prepared.set(sql, known);
    return known;
  };
  return {
    database,
    rows: (sql, ...values) => statement(sql).all(...values),
    run: (sql, ...values) => void statement(sql).run(...values),
  };
}

function openSound(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, defensive: true });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    const found = database.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
    if (found !== 'ok') throw new StoreError('CORRUPT', String(found));
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > MIGRATIONS.length) {
      throw new StoreError(
        'FAILED',
        `the outbox is of version ${version}, and this program knows ${MIGRATIONS.length}`,
      );
    }
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** During a hand-over two processes have it for a moment. */
const BUSY_MS = 2_000;

function notificationIn(text: SQLOutputValue | undefined): Notification {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only `enqueue` writes these texts, and migrations change them.
  return JSON.parse(String(text)) as Notification;
}

function failureIn(text: SQLOutputValue | undefined): DeliveryFailure {
  return DELIVERY_FAILURES.find((code) => code === text) ?? 'internal';
}
