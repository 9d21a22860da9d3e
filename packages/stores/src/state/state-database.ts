import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { StoreError } from '@sallyport/kernel';
import { MIGRATIONS } from './schema.ts';
import { openSound, takeLock } from './sound-database.ts';
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
    const { database, movedAside } = openSound(join(folder, 'state.db'), { nowMs, migrations: MIGRATIONS });
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
