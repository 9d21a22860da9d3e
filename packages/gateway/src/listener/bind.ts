import { once } from 'node:events';
import { chmodSync, lstatSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { connect, type ListenOptions as NetListenOptions, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { ListenAddress } from '@sallyport/kernel';

export interface ListenOptions {
  /** A listening socket that somebody else has opened: its number in this process. */
  readonly socket?: number | undefined;
  /** Whoever answers on the socket file now is the process that we replace. */
  readonly isTakingOver?: boolean;
}

/** Begins to listen. @throws Error (EADDRINUSE and its like) when the address cannot be had. */
export async function bind(server: Server, where: NetListenOptions & { readonly fd?: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Connections the kernel may hold for us before we accept them: a burst of reconnects must not be refused by the kernel. */
export const BACKLOG = 4_096;

/** A socket file that this process has made. */
export interface SocketFile {
  /** Removes it, unless another process has put its own there. */
  remove(): void;
}

/**
 * Listens on a socket file. It is made in a folder of its own that nobody else may enter, gets its mode there, and is then
 * moved to its place: where the file's mode is what proves a tunnel, nobody may slip in before it has it. The move replaces the
 * file of a process before us in one step, so that nobody who connects finds none.
 *
 * @throws Error EADDRINUSE for a file on which somebody answers, and for anything that is not a socket.
 */
export async function listenOnPath(
  server: Server,
  { path, mode }: Extract<ListenAddress, { kind: 'unix' }>,
  isTakingOver: boolean,
): Promise<SocketFile> {
  // What is not a socket is never replaced: a path may be misspelt at every start.
  const isOurs = isTakingOver && lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  if (!isOurs && !(await isFree(path))) throw inUse(path);
  const folder = makeFolder(path);
  try {
    const made = join(folder, 's');
    if (Buffer.byteLength(made) > SOCKET_PATH_BYTES_MAX) throw tooLong(path);
    await bind(server, { path: made });
    chmodSync(made, mode);
    renameSync(made, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const { dev, ino } = lstatSync(path);
  return {
    remove: () => {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now?.dev === dev && now.ino === ino) rmSync(path, { force: true });
    },
  };
}

/**
 * Whether a socket file could be made where none of ours is yet.
 *
 * @throws Error as {@link listenOnPath} would.
 */
export async function checkSocketFile(path: string): Promise<void> {
  if (!(await isFree(path))) throw inUse(path);
  const folder = makeFolder(path);
  rmSync(folder, { recursive: true, force: true });
  if (Buffer.byteLength(join(folder, 's')) > SOCKET_PATH_BYTES_MAX) throw tooLong(path);
}

function inUse(path: string): Error {
  const error = new Error(`listen EADDRINUSE: address already in use ${path}`);
  return Object.assign(error, { code: 'EADDRINUSE', address: path });
}

/** The length of a path in a socket address of Linux, without its final zero. */
const SOCKET_PATH_BYTES_MAX = 107;

/** @throws Error with the path of the socket, when there is no such folder or it may not be written. */
function makeFolder(path: string): string {
  try {
    return mkdtempSync(join(dirname(path), '.s'));
  } catch (cause) {
    throw Object.assign(new Error(`the folder of ${path} cannot be written`, { cause }), {
      code: cause instanceof Error && 'code' in cause ? cause.code : undefined,
      address: path,
    });
  }
}

/** The system would cut it. */
function tooLong(path: string): Error {
  const bytesMax = SOCKET_PATH_BYTES_MAX - '/.sXXXXXX/s'.length;
  const message = `the folder of ${path} has a path of more than ${bytesMax} bytes`;
  return Object.assign(new Error(message), { code: 'ENAMETOOLONG', address: path });
}

/**
 * A socket file left by a process that was killed may be replaced. One on which somebody answers is theirs, and anything that
 * is not a socket stays.
 */
async function isFree(path: string): Promise<boolean> {
  const file = lstatSync(path, { throwIfNoEntry: false });
  if (file === undefined) return true;
  if (!file.isSocket()) return false;
  const probe = connect(path);
  try {
    await once(probe, 'connect');
    return false;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'ECONNREFUSED';
  } finally {
    probe.destroy();
  }
}
