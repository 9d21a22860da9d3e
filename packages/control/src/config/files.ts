import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';

/** How configuration reads files: the port behind `${file:...}`, certificates and lists. */
export interface FileReader {
  /** Reads a whole text file. Never throws. `bytesMax`: a larger file is a failure. */
  read(path: string, bytesMax: number): FileContent | FileFailure;
  /** The same for a file that need not be text. */
  readBytes(path: string, bytesMax: number): FileBytes | FileFailure;
  /** The names in a folder, in no particular order. Never throws. */
  list(path: string): FolderContent | FileFailure;
}

export interface FileBytes {
  readonly kind: 'bytes';
  readonly bytes: Buffer;
  /** Permission bits, for example 0o600. */
  readonly mode: number;
}

export interface FolderContent {
  readonly kind: 'names';
  readonly names: readonly string[];
}

export interface FileContent {
  readonly kind: 'content';
  readonly text: string;
  /** Permission bits, for example 0o600. */
  readonly mode: number;
}

export interface FileFailure {
  readonly kind: 'failure';
  /** A clause without subject: `does not exist`. */
  readonly why: string;
  readonly isMissing: boolean;
}

/** The files of this machine. */
export const machineFiles: FileReader = {
  read(path, bytesMax) {
    const read = readBytes(path, bytesMax);
    if (read.kind === 'failure') return read;
    try {
      return { kind: 'content', text: new TextDecoder('utf-8', { fatal: true }).decode(read.bytes), mode: read.mode };
    } catch {
      return failure('is not valid UTF-8');
    }
  },
  readBytes,
  list(path) {
    try {
      return { kind: 'names', names: readdirSync(path) };
    } catch (error) {
      const isFile = error instanceof Error && 'code' in error && error.code === 'ENOTDIR';
      return isFile ? failure('is not a folder') : failureOf(error);
    }
  },
};

/** Files that exist as text only, by absolute path, in front of others. */
export function textFiles(texts: ReadonlyMap<string, string>, others: FileReader = NO_FILES): FileReader {
  return {
    read: (path, bytesMax) => {
      const text = texts.get(path);
      return text === undefined ? others.read(path, bytesMax) : { kind: 'content', text, mode: 0o600 };
    },
    readBytes: (path, bytesMax) => {
      const text = texts.get(path);
      return text === undefined
        ? others.readBytes(path, bytesMax)
        : { kind: 'bytes', bytes: Buffer.from(text), mode: 0o600 };
    },
    list: (path) => others.list(path),
  };
}

const NOTHING: FileFailure = { kind: 'failure', why: 'does not exist', isMissing: true };
const NO_FILES: FileReader = { read: () => NOTHING, readBytes: () => NOTHING, list: () => NOTHING };

function readBytes(path: string, bytesMax: number): FileBytes | FileFailure {
  let descriptor: number;
  try {
    // Not blocking: a named pipe in place of a file must not hang the start.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return failureOf(error);
  }
  try {
    return readOpen(descriptor, bytesMax);
  } catch (error) {
    return failureOf(error);
  } finally {
    closeSync(descriptor);
  }
}

/** Reads and checks through one descriptor, so that the mode belongs to the bytes that were read. */
function readOpen(descriptor: number, bytesMax: number): FileBytes | FileFailure {
  const stat = fstatSync(descriptor);
  if (!stat.isFile()) return failure('is not a regular file');
  if (stat.size > bytesMax) return failure(`is larger than ${bytesMax} bytes`);
  // One byte more than allowed: the file may grow while it is read.
  const buffer = Buffer.allocUnsafe(Math.min(bytesMax, stat.size) + 1);
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (count === 0) break;
    length += count;
  }
  if (length > stat.size) return failure('changed while it was read');
  return { kind: 'bytes', bytes: buffer.subarray(0, length), mode: stat.mode & 0o777 };
}

function failureOf(error: unknown): FileFailure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'failure', why: 'does not exist', isMissing: true };
  if (code === 'EACCES') return failure('may not be read by this user');
  return failure(`cannot be read (${typeof code === 'string' ? code : 'unknown reason'})`);
}

function failure(why: string): FileFailure {
  return { kind: 'failure', why, isMissing: false };
}
