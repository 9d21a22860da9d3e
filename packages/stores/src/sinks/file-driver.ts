import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename } from 'node:fs/promises';
import type { Clock, SinkDriver } from '@sallyport/kernel';
import { datedName, removeBeyond } from './rotated-files.ts';

export interface FileDriverOptions {
  /** Absolute. Its folder is there; the file is made for its owner alone. */
  readonly path: string;
  readonly clock: Clock;
  /** A file that would become larger is put aside first. */
  readonly rotateBytes: number;
  /** A file of an earlier one of these times is put aside, counted from 1970; in milliseconds. */
  readonly rotateMs: number;
  /** Most files that were put aside. */
  readonly filesMax: number;
  /** Most bytes of them. */
  readonly bytesMax: number;
}

/**
 * Lines in a file that is appended to. Another process may append to it as well, as during a hand-over: every write is one
 * call in append mode. What was written outlives the process; it is brought to the disk when a file is put aside and at the
 * end, and a loss of power may cost what the operating system had not written until then.
 */
export class FileDriver implements SinkDriver {
  readonly #options: FileDriverOptions;
  #file: OpenFile | undefined;

  constructor(options: FileDriverOptions) {
    this.#options = options;
  }

  async write(lines: readonly string[]): Promise<number> {
    const bytes = Buffer.from(lines.join(''));
    const file = await this.#fileFor(bytes.length);
    let done = 0;
    try {
      if (!file.isAtLineStart) await file.handle.write('\n');
      while (done < bytes.length) done += (await file.handle.write(bytes, done)).bytesWritten;
    } catch (cause) {
      const whole = bytes.subarray(0, done).lastIndexOf(LINE_FEED) + 1;
      await this.#abandon(file, bytes.subarray(whole, done));
      if (whole === 0) throw cause;
      return linesIn(bytes.subarray(0, whole));
    }
    file.isAtLineStart = true;
    file.bytes += bytes.length;
    return lines.length;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file === undefined) return;
    try {
      await file.handle.datasync();
    } finally {
      await file.handle.close();
    }
  }

  /** The file at the path, as it is now: somebody else may have moved it away, and it may be time for a new one. */
  async #fileFor(bytes: number): Promise<OpenFile> {
    if (this.#file !== undefined && !(await this.#isInPlace(this.#file))) await this.close();
    this.#file ??= await this.#open();
    if (!this.#isDue(this.#file, bytes)) return this.#file;
    const { path, clock, filesMax, bytesMax } = this.#options;
    await rename(path, await datedName(path, clock.wallMs()));
    await this.close();
    await removeBeyond(path, { filesMax, bytesMax });
    this.#file = await this.#open();
    return this.#file;
  }

  async #isInPlace(file: OpenFile): Promise<boolean> {
    try {
      const { ino, dev, size } = await lstat(this.#options.path);
      // Others may have added to it, or emptied it.
      file.bytes = size;
      return ino === file.inode && dev === file.device;
    } catch {
      return false;
    }
  }

  #isDue({ bytes: before, period }: OpenFile, bytes: number): boolean {
    if (before === 0) return false;
    return before + bytes > this.#options.rotateBytes || period !== this.#periodOf(this.#options.clock.wallMs());
  }

  #periodOf(timeMs: number): number {
    return Math.floor(timeMs / this.#options.rotateMs);
  }

  async #open(): Promise<OpenFile> {
    const { path, clock } = this.#options;
    const handle = await open(path, FLAGS, 0o600);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) throw new Error(`${path} is no regular file`);
      const { ino, dev, size, mtimeMs } = stat;
      const [last] = size === 0 ? [LINE_FEED] : await endOf(handle, size, 1);
      return {
        handle,
        inode: ino,
        device: dev,
        bytes: size,
        period: this.#periodOf(size === 0 ? clock.wallMs() : mtimeMs),
        // What a crash has cut off stays a line of its own: another process may be writing, so nothing is cut from here.
        isAtLineStart: last === LINE_FEED,
      };
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }

  /** After a failure: takes back the piece of a line at the end, where it is ours, and opens the file anew the next time. */
  async #abandon({ handle }: OpenFile, piece: Uint8Array): Promise<void> {
    this.#file = undefined;
    try {
      const { size } = await handle.stat();
      // Another process may have written meanwhile; then the piece stays, and is a line of its own.
      if (piece.length > 0 && (await endOf(handle, size, piece.length)).equals(piece)) {
        await handle.truncate(size - piece.length);
      }
    } catch {
      // The disk fails; the piece is seen when the file is opened again.
    } finally {
      await handle.close().catch(() => undefined);
    }
  }
}

interface OpenFile {
  readonly handle: FileHandle;
  readonly inode: number;
  readonly device: number;
  bytes: number;
  readonly period: number;
  isAtLineStart: boolean;
}

async function endOf(handle: FileHandle, size: number, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, size - bytes);
  return buffer.subarray(0, bytesRead);
}

function linesIn(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (byte === LINE_FEED ? sum + 1 : sum), 0);
}

const LINE_FEED = 0x0a;

/** A link at the path must not lead what we write to another file; a pipe there must not keep us waiting for its reader. */
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
