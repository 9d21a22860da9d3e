import { join } from 'node:path';
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';
import {
  type HealthBatch,
  SERVICE_CHANGES_MAX,
  SERVICE_DAYS_MAX,
  SERVICE_HOURS_MAX,
  SERVICE_RESULTS_MAX,
  SERVICES_REMEMBERED_MAX,
  type ServiceChange,
  type ServiceResult,
  type ServiceShare,
  type ServiceStatus,
  type StoredService,
  StoreError,
} from '@sallyport/kernel';
import { openSound, takeLock } from '../state/sound-database.ts';
import { storeErrorOf } from '../state/sqlite-failure.ts';
import { HEALTH_MIGRATIONS } from './schema.ts';

export interface SqliteHealthOptions {
  readonly folder: string;
  /** Wall clock, for the name of what is put aside. */
  readonly nowMs: () => number;
}

/**
 * What is remembered of services, in a SQLite database of its own: the port `HealthStore`, but synchronous, for a thread that waits
 * for the disk. What it throws is a `StoreError`.
 */
export class SqliteHealthStore {
  readonly #options: SqliteHealthOptions;
  #open: Open | undefined;

  constructor(options: SqliteHealthOptions) {
    this.#options = options;
  }

  load(): readonly StoredService[] {
    return attempt(() => {
      const { statements } = this.#open ?? this.#openNow();
      return statements.services.all().map((row) => serviceIn(row, statements));
    });
  }

  commit(batch: HealthBatch): void {
    return attempt(() => {
      if (this.#open === undefined)
        throw new StoreError('UNAVAILABLE', 'the health of services is not open in this process');
      const { database, statements } = this.#open;
      database.exec('BEGIN IMMEDIATE');
      try {
        for (const service of batch.services) write(statements, service);
        statements.forgetOld.run(batch.nowMs - SERVICE_DAYS_MAX * DAY_MS);
        statements.forgetMany.run(SERVICES_REMEMBERED_MAX);
        database.exec('COMMIT');
      } catch (error) {
        // A full disk ends the transaction itself.
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  release(): void {
    this.#open?.database.close();
    this.#open?.lock.close();
    this.#open = undefined;
  }

  #openNow(): Open {
    const { folder, nowMs } = this.#options;
    const lock = takeLock(join(folder, 'health.lock'));
    try {
      const { database } = openSound(join(folder, 'health.db'), { nowMs: nowMs(), migrations: HEALTH_MIGRATIONS });
      this.#open = { database, lock, statements: prepare(database) };
      return this.#open;
    } catch (error) {
      lock.close();
      throw error;
    }
  }
}

interface Open {
  readonly database: DatabaseSync;
  readonly lock: DatabaseSync;
  readonly statements: Statements;
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

const SQL = {
  services: 'SELECT name, status, since_ms, checked_ms, is_told FROM services ORDER BY name',
  results:
    'SELECT sequence, time_ms, outcome, code, detail, duration_ms FROM results WHERE service = ? ORDER BY sequence',
  changes:
    'SELECT sequence, time_ms, from_status, to_status, code, detail FROM changes WHERE service = ? ORDER BY sequence',
  shares: 'SELECT start_ms, up_ms, degraded_ms, down_ms FROM shares WHERE service = ? AND span = ? ORDER BY start_ms',
  setService: `INSERT INTO services (name, status, since_ms, checked_ms, is_told) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET status = excluded.status, since_ms = excluded.since_ms,
    checked_ms = excluded.checked_ms, is_told = excluded.is_told`,
  setResult: 'INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)',
  setChange: 'INSERT OR REPLACE INTO changes VALUES (?, ?, ?, ?, ?, ?, ?)',
  setShare: 'INSERT OR REPLACE INTO shares VALUES (?, ?, ?, ?, ?, ?)',
  trimResults: `DELETE FROM results WHERE service = ?1 AND sequence <=
    (SELECT sequence FROM results WHERE service = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)`,
  trimChanges: `DELETE FROM changes WHERE service = ?1 AND sequence <=
    (SELECT sequence FROM changes WHERE service = ?1 ORDER BY sequence DESC LIMIT 1 OFFSET ?2)`,
  trimShares: `DELETE FROM shares WHERE service = ?1 AND span = ?2 AND start_ms <=
    (SELECT start_ms FROM shares WHERE service = ?1 AND span = ?2 ORDER BY start_ms DESC LIMIT 1 OFFSET ?3)`,
  forgetOld: 'DELETE FROM services WHERE checked_ms <= ?',
  forgetMany:
    'DELETE FROM services WHERE name IN (SELECT name FROM services ORDER BY checked_ms DESC, name LIMIT -1 OFFSET ?)',
} as const;

function prepare(database: DatabaseSync): Statements {
  const prepared = Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The names are those of `SQL`.
  return prepared as Statements;
}

function write(statements: Statements, service: StoredService): void {
  const { name, status, sinceMs, checkedMs, isTold, results, changes } = service;
  const run = (statement: StatementSync, ...values: readonly SQLInputValue[]): void => void statement.run(...values);
  run(statements.setService, name, status, sinceMs, checkedMs, isTold ? 1 : 0);
  for (const { sequence, timeMs, outcome, code, detail, durationMs } of results) {
    run(statements.setResult, name, sequence, timeMs, outcome, code, detail, durationMs);
  }
  for (const { sequence, timeMs, from, to, code, detail } of changes) {
    run(statements.setChange, name, sequence, timeMs, from, to, code, detail);
  }
  for (const [span, shares] of [['hour', service.hours] as const, ['day', service.days] as const]) {
    for (const { startMs, upMs, degradedMs, downMs } of shares) {
      run(statements.setShare, name, span, startMs, upMs, degradedMs, downMs);
    }
  }
  run(statements.trimResults, name, SERVICE_RESULTS_MAX);
  run(statements.trimChanges, name, SERVICE_CHANGES_MAX);
  run(statements.trimShares, name, 'hour', SERVICE_HOURS_MAX);
  run(statements.trimShares, name, 'day', SERVICE_DAYS_MAX);
}

type Row = Readonly<Record<string, SQLOutputValue>>;

function serviceIn(row: Row, statements: Statements): StoredService {
  const name = String(row['name']);
  return {
    name,
    status: statusIn(row['status']),
    sinceMs: Number(row['since_ms']),
    checkedMs: Number(row['checked_ms']),
    isTold: row['is_told'] === 1,
    results: statements.results.all(name).map(resultIn),
    changes: statements.changes.all(name).map(changeIn),
    hours: statements.shares.all(name, 'hour').map(shareIn),
    days: statements.shares.all(name, 'day').map(shareIn),
  };
}

function resultIn(row: Row): ServiceResult {
  return {
    sequence: Number(row['sequence']),
    timeMs: Number(row['time_ms']),
    outcome: row['outcome'] === 'good' || row['outcome'] === 'slow' ? row['outcome'] : 'bad',
    code: String(row['code']),
    detail: String(row['detail']),
    durationMs: Number(row['duration_ms']),
  };
}

function changeIn(row: Row): ServiceChange {
  return {
    sequence: Number(row['sequence']),
    timeMs: Number(row['time_ms']),
    from: statusIn(row['from_status']),
    to: statusIn(row['to_status']),
    code: String(row['code']),
    detail: String(row['detail']),
  };
}

function shareIn(row: Row): ServiceShare {
  return {
    startMs: Number(row['start_ms']),
    upMs: Number(row['up_ms']),
    degradedMs: Number(row['degraded_ms']),
    downMs: Number(row['down_ms']),
  };
}

/** Only this file writes them; what it does not know says nothing. */
function statusIn(value: SQLOutputValue | undefined): ServiceStatus {
  return value === 'up' || value === 'degraded' || value === 'down' ? value : 'unknown';
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeErrorOf(error);
  }
}

const DAY_MS = 86_400_000;
