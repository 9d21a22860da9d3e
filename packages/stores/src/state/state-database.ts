import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError } from '@sallyport/kernel';
import { MIGRATIONS } from './schema.ts';
import { storeErrorOf } from './sqlite-failure.ts';

/** An open database of the state, and what was found when it was opened. */
export interface StateDatabase {
  readonly database: DatabaseSync;
  readonly auditKey: Uint8Array;
  readonly movedAside: string | undefined;
  /** Closes it, and lets another process have it. */
  close(): void;
}

/**
 * Opens the database in a folder, alone: while it is open no other process can. One that is damaged is put aside under a name that
 * says when, and an empty one begins.
 *
 * @throws StoreError `BUSY`: another process has it. What the disk says.
 */
export function openStateDatabase(folder: string, nowMs: number): StateDatabase {
  const lock = takeLock(join(folder, 'state.lock'));
  try {
    const { database, movedAside } = openSound(join(folder, 'state.db'), nowMs);
    const auditKey = openKey(join(folder, 'audit.key'));
    const close = (): void => {
      database.close();
      lock.close();
    };
    return { database, auditKey, movedAside, close };
  } catch (error) {
    lock.close();
    throw storeErrorOf(error);
  }
}

/**
 * A lock that ends with its process, whatever ends that: SQLite's own on a database of nothing. The state itself is not locked, so
 * that it can be read and backed up.
 */
function takeLock(path: string): DatabaseSync {
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

function openSound(path: string, nowMs: number): { readonly database: DatabaseSync; readonly movedAside?: string } {
  try {
    return { database: openDatabase(path) };
  } catch (error) {
    if (storeErrorOf(error).code !== 'CORRUPT') throw error;
  }
  const movedAside = `${path}.damaged-${new Date(nowMs).toISOString().replaceAll(/[:.]/g, '')}`;
  // The journal belongs to it: what it holds may be all that is whole.
  for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, movedAside + end);
  return { database: openDatabase(path), movedAside };
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_MS, enableForeignKeyConstraints: true, defensive: true });
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;');
    const found = database.prepare('PRAGMA integrity_check(1)').get()?.['integrity_check'];
    if (found !== 'ok') throw new StoreError('CORRUPT', String(found));
    migrate(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function migrate(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  if (version > MIGRATIONS.length) {
    throw new StoreError('FAILED', `the state is of version ${version}, and this program knows ${MIGRATIONS.length}`);
  }
  if (version === MIGRATIONS.length) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** Made at the first start. Who has it can make a chain that holds: it is for the gateway's own user alone. */
function openKey(path: string): Uint8Array {
  if (existsSync(path)) {
    const key = readFileSync(path);
    if (key.length === KEY_BYTES) return key;
    throw new StoreError('CORRUPT', `${path} has not the ${KEY_BYTES} bytes of a key`);
  }
  const key = randomBytes(KEY_BYTES);
  // A key that was half written must never be taken for one.
  const begun = `${path}.new`;
  const descriptor = openSync(begun, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, 0o600);
  try {
    writeSync(descriptor, key);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(begun, path);
  return key;
}

const KEY_BYTES = 32;

/** Somebody who makes a backup reads; nobody else writes. */
const BUSY_MS = 2_000;
