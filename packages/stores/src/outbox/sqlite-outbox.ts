import { join } from 'node:path';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
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
} from '@sallyport/kernel';
import { openSound } from '../state/sound-database.ts';
import { storeErrorOf } from '../state/sqlite-failure.ts';

export interface SqliteOutboxOptions {
  readonly folder: string;
  /** Wall clock, for the name of what is put aside. */
  readonly nowMs: () => number;
}

/**
 * The outbox in a SQLite database of the state folder: the port `Outbox`, but synchronous, for a thread that waits for the disk. What
 * it throws is a `StoreError`. It is opened by the first who asks; a lease holds between processes as well, so that two of them never
 * have the same message at a time.
 */
export class SqliteOutbox {
  readonly #options: SqliteOutboxOptions;
  #open: Open | undefined;

  constructor(options: SqliteOutboxOptions) {
    this.#options = options;
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
      rows(SQL.due, nowMs, nowMs + OUTBOX_PAUSE_MS_MAX).flatMap((row) => {
        const notification = notificationIn(row['message']);
        if (notification === undefined) {
          bury(run, String(row['id']), 'internal');
          return [];
        }
        run(SQL.lease, nowMs + leaseMs, row['sequence'] ?? null);
        return [{ notification, failures: Number(row['failures']), enqueuedMs: Number(row['enqueued_ms']) }];
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
      if (retryMs !== undefined) run(SQL.retry, retryMs, failure, id);
      else bury(run, id, failure);
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
      this.#open ??= openNow(this.#options);
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
  due: `SELECT sequence, id, message, failures, enqueued_ms FROM messages
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

/** Of one that is damaged and put aside, what was to be told is lost; what is to be told from now on is not. */
function openNow({ folder, nowMs }: SqliteOutboxOptions): Open {
  const { database } = openSound(join(folder, 'outbox.db'), { nowMs: nowMs(), migrations: MIGRATIONS });
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

function bury(run: Open['run'], id: string, failure: DeliveryFailure): void {
  run(SQL.bury, failure, id);
  run(SQL.remove, id);
  run(SQL.trimDead, OUTBOX_DEAD_MAX);
}

/** Undefined for what a failing disk has made of one: it must not keep the others from people. */
function notificationIn(text: SQLOutputValue | undefined): Notification | undefined {
  try {
    const notification: Notification = JSON.parse(String(text));
    return notification;
  } catch {
    return undefined;
  }
}

function failureIn(text: SQLOutputValue | undefined): DeliveryFailure {
  return DELIVERY_FAILURES.find((code) => code === text) ?? 'internal';
}
