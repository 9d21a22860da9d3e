import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes the folder of the state for its owner alone, or makes sure that the one there is such a folder: it holds who is banned
 * and why, and the key of the audit log.
 *
 * @throws Error that says what is wrong and how to mend it.
 */
export function openStateFolder(path: string, user: number | undefined = process.geteuid?.()): void {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) makeFolder(path);
  const { uid, mode, isFolder } = lookAt(path);
  if (!isFolder) throw new Error(`the state folder ${path} is not a folder`);
  if (user !== undefined && uid !== user) {
    throw new Error(`the state folder ${path} belongs to user ${uid}, and the gateway runs as user ${user}`);
  }
  if ((mode & 0o077) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    throw new Error(
      `the state folder ${path} may be opened by others (mode ${shown}); mend it with: chmod 700 ${path}`,
    );
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Error(`the state folder ${path} is not writable: ${codeOf(cause)}`, { cause });
  }
}

function makeFolder(path: string): void {
  try {
    const first = mkdirSync(path, { recursive: true, mode: 0o700 });
    // What is written into a folder outlives a loss of power when its own name does.
    if (first !== undefined) syncFolder(dirname(first));
  } catch (cause) {
    throw new Error(`the state folder ${path} cannot be made: ${codeOf(cause)}`, { cause });
  }
}

function lookAt(path: string): { readonly uid: number; readonly mode: number; readonly isFolder: boolean } {
  const stat = statSync(path);
  return { uid: stat.uid, mode: stat.mode, isFolder: stat.isDirectory() };
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : String(error);
}
