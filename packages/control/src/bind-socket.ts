import { chmodSync, lstatSync, mkdtempSync, renameSync, rmdirSync, type Stats, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

/** A socket file that is ours. */
export interface BoundSocket {
  /** Removes the file, unless somebody else's stands in its place by now. Never throws. */
  release(): void;
}

export interface BindSocketOptions {
  /** A living gateway serves the path, and hands it over; otherwise that is an error. */
  readonly isHandover: boolean;
  /** Who may open it. */
  readonly mode: number;
}

/**
 * Binds a server to a socket file that only those may open whom its mode names.
 *
 * It is made in a folder of its own that nobody else may enter and gets its mode there; then it is renamed into place. So
 * there is no moment in which somebody else could open it, none in which the path leads to nobody, and what a dead process
 * left there is replaced in one step. The server itself knows only the first name: when it closes, it does not take away what
 * another process has put in its place.
 *
 * @throws Error with `code` and `address` when the path cannot be had.
 */
export async function bindSocket(
  server: Server,
  path: string,
  { isHandover, mode }: BindSocketOptions,
): Promise<BoundSocket> {
  await judgePath(path, isHandover);
  const folder = mkdtempSync(join(dirname(path), TEMPORARY_PREFIX));
  const temporary = join(folder, TEMPORARY_NAME);
  try {
    await listen(server, temporary);
    chmodSync(temporary, mode);
    const own = lstatSync(temporary);
    renameSync(temporary, path);
    return { release: () => removeOwn(path, own) };
  } catch (cause) {
    server.close();
    throw cause;
  } finally {
    rmdirSync(folder);
  }
}

/** Bytes that the temporary name is longer than the folder of the socket. */
export const TEMPORARY_NAME_BYTES = 12;

const TEMPORARY_PREFIX = '.sp-';
const TEMPORARY_NAME = 's';

async function judgePath(path: string, isHandover: boolean): Promise<void> {
  const stat = statOf(path);
  if (stat === undefined) return;
  if (!stat.isSocket()) throw failure('EEXIST', path, `${path} is there already and is not a socket file`);
  if (stat.uid !== process.geteuid?.()) {
    throw failure('EACCES', path, `${path} is there already and belongs to another user (uid ${stat.uid})`);
  }
  if (isHandover) return;
  if (!(await isAbandoned(path))) throw failure('EADDRINUSE', path, `${path} is served by another process`);
}

/** A socket file that a process left behind when it died: it exists and nobody answers. */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      resolve(code === 'ECONNREFUSED' || code === 'ENOENT');
    });
  });
}

function removeOwn(path: string, own: Stats): void {
  try {
    const stat = lstatSync(path);
    if (stat.ino === own.ino && stat.dev === own.dev) unlinkSync(path);
  } catch {
    // It is gone already, which is what was wanted.
  }
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ path }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function failure(code: string, address: string, message: string): Error {
  return Object.assign(new Error(message), { code, address });
}
