import { existsSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '@sallyport/kernel';
import { storeErrorOf } from './sqlite-failure.ts';

/** What databases of the state folder have: a form that is known, content that is whole, and, where it matters, one process that writes. */

/**
 * A lock that ends with its process, whatever ends that: SQLite's own on a database of nothing. The state itself is not locked, so
 * that it can be read and backed up.
 */
export function takeLock(path: string): DatabaseSync {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock.close();
    const { code, message } = storeErrorOf(error);
    if (code !== 'BUSY') throw new StoreError(code, message, { cause: error });
    throw new StoreError('BUSY', `another process has the state in ${dirname(path)}`, { cause: error });
  }
}

/**
 * Opens a database that is whole, and brings it up to the present form. One that is damaged is put aside under a name that says when,
 * and an empty one begins.
 */
export function openSound(
  path: string,
  { nowMs, migrations }: { readonly nowMs: number; readonly migrations: readonly string[] },
): { readonly database: DatabaseSync; readonly movedAside?: string } {
  try {
    return { database: openDatabase(path, migrations) };
  } catch (error) {
    if (storeErrorOf(error).code !== 'CORRUPT') throw error;
  }
  const movedAside = `${path}.damaged-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '')}`;
  // The journal belongs to it: what it holds may be all that is whole.
  for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, movedAside + end);
  return { database: openDatabase(path, migrations), movedAside };
}

function openDatabase(path: string, migrations: readonly string[]): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true, defensive: true });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    if (found !== 'ok') throw new StoreError('CORRUPT', String(found));
    migrate(database, migrations);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  // Two processes may open it at a time, and only one of them changes its form.
  database.exec('BEGIN IMMEDIATE');
  try {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > migrations.length) {
      throw new StoreError('FAILED', `the state is of version ${version}, and this program knows ${migrations.length}`);
    }
    for (const step of migrations.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Somebody who makes a backup reads; who else writes is the other process of a hand-over, for a moment. */
const BUSY_MS = 2_000;
