import { gunzipSync } from 'node:zlib';

/** A regular file of an archive. */
export interface ArchivedFile {
  /** Below the archive's one folder: segments of plain characters, separated by `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What an archive holds, or a sentence about why it is not unpacked. */
export type ArchiveResult =
  | { readonly kind: 'files'; readonly files: readonly ArchivedFile[] }
  | { readonly kind: 'problem'; readonly message: string };

/**
 * Reads a gzipped tar archive (POSIX.1-2001 pax, ustar) that holds one folder. Strict, because whoever can exchange an
 * archive must not be able to write anything anywhere: regular files and folders only, no path that leads out of the folder
 * or is there twice, everything within the limits, nothing behind the end. Linear in what is unpacked.
 */
export function readTarGz(bytes: Uint8Array): ArchiveResult {
  let tar: Uint8Array;
  try {
    tar = gunzipSync(bytes, { maxOutputLength: UNPACKED_BYTES_MAX });
  } catch (cause) {
    const isLarge = cause instanceof Error && 'code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE';
    return problem(
      isLarge ? `it unpacks to more than ${UNPACKED_BYTES_MAX} bytes` : 'it is no gzip archive, or cut off',
    );
  }
  const reader = new TarReader(tar);
  const message = reader.read();
  return message === undefined ? { kind: 'files', files: reader.files } : problem(message);
}

/** Bytes of an archive when it is unpacked: ten times those of the largest release of a rule set. */
const UNPACKED_BYTES_MAX = 67_108_864;

/** Files and folders of one archive. */
const ENTRIES_MAX = 5_000;

/** Characters of one path. */
const PATH_LENGTH_MAX = 200;

const BLOCK = 512;

class TarReader {
  readonly files: ArchivedFile[] = [];
  readonly #tar: Uint8Array;
  readonly #seen = new Set<string>();
  #top: string | undefined;
  #entries = 0;
  /** From a pax header, for the entry behind it. */
  #longPath: string | undefined;

  constructor(tar: Uint8Array) {
    this.#tar = tar;
  }

  /** A sentence about what is wrong; undefined when everything was read. */
  read(): string | undefined {
    for (let at = 0; at + BLOCK <= this.#tar.length; ) {
      const header = this.#tar.subarray(at, at + BLOCK);
      if (isZero(header)) return isZero(this.#tar.subarray(at)) ? this.#end(at) : 'there is something behind its end';
      if (!hasChecksum(header)) return `the header at byte ${at} is damaged`;
      const size = octal(header, 124, 12);
      if (size === undefined || at + BLOCK + size > this.#tar.length) return 'it is cut off';
      const message = this.#entry(header, this.#tar.subarray(at + BLOCK, at + BLOCK + size));
      if (message !== undefined) return message;
      at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    }
    return 'it is cut off';
  }

  #end(at: number): string | undefined {
    if (this.#tar.length - at < 2 * BLOCK) return 'it is cut off';
    return this.files.length === 0 ? 'it holds no files' : undefined;
  }

  #entry(header: Uint8Array, content: Uint8Array): string | undefined {
    this.#entries += 1;
    if (this.#entries > ENTRIES_MAX) return `it holds more than ${ENTRIES_MAX} files and folders`;
    const kind = String.fromCharCode(header[156] ?? 0);
    // A comment about the whole archive: git notes its commit there.
    if (kind === 'g') return undefined;
    if (kind === 'x') return this.#extended(content);
    const path = this.#longPath ?? nameOf(header);
    this.#longPath = undefined;
    if (kind !== '0' && kind !== '\0' && kind !== '5') return `${shown(path)} is neither a file nor a folder`;
    const isFolder = kind === '5';
    return this.#keep(isFolder ? path.replace(/\/$/, '') : path, isFolder ? undefined : content);
  }

  #keep(path: string, content: Uint8Array | undefined): string | undefined {
    if (!isPlainPath(path)) return `the path ${shown(path)} is not allowed`;
    const [top = '', ...rest] = path.split('/');
    this.#top ??= top;
    if (top !== this.#top) return `${shown(path)} is outside of its folder ${shown(this.#top)}`;
    if (content === undefined) return undefined;
    if (rest.length === 0) return `${shown(path)} is outside of any folder`;
    const below = rest.join('/');
    // On some file systems names that differ in case are one file.
    if (this.#seen.has(below.toLowerCase())) return `${shown(path)} is there twice`;
    this.#seen.add(below.toLowerCase());
    this.files.push({ path: below, bytes: content });
    return undefined;
  }

  /** Records of `LENGTH KEY=VALUE` and a line break; only a path changes what is unpacked. */
  #extended(content: Uint8Array): string | undefined {
    let at = 0;
    while (at < content.length) {
      const space = content.indexOf(0x20, at);
      const length = space < 0 || space - at > 10 ? Number.NaN : Number(text(content.subarray(at, space)));
      if (!Number.isSafeInteger(length) || length <= space - at || at + length > content.length)
        return 'a pax header is damaged';
      const record = text(content.subarray(space + 1, at + length - 1));
      const [, key = '', value = ''] = /^([^=]*)=([^]*)$/.exec(record) ?? [];
      if (key === 'path') this.#longPath = value;
      else if (key === 'size' || key === 'linkpath' || key.startsWith('GNU.sparse'))
        return `a pax header changes the ${key}`;
      at += length;
    }
    return undefined;
  }
}

/** Segments that mean nothing to any file system but their name. */
function isPlainPath(path: string): boolean {
  if (path.length > PATH_LENGTH_MAX) return false;
  return path.split('/').every((segment) => /^[\w@+,=~-][\w.@+,=~-]*$|^\.[\w@+,=~-][\w.@+,=~-]*$/.test(segment));
}

function nameOf(header: Uint8Array): string {
  const name = field(header, 0, 100);
  const prefix = field(header, 257, 5) === 'ustar' ? field(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

/** The sum of all bytes of the header, with spaces in the place of the sum. */
function hasChecksum(header: Uint8Array): boolean {
  let sum = 0;
  for (const [index, byte] of header.entries()) sum += index >= 148 && index < 156 ? 0x20 : byte;
  return octal(header, 148, 8) === sum;
}

/** Undefined for what is no octal number: sizes of other kinds have another reading somewhere. */
function octal(header: Uint8Array, from: number, length: number): number | undefined {
  const digits = field(header, from, length).trim();
  return /^[0-7]{1,11}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function field(header: Uint8Array, from: number, length: number): string {
  const bytes = header.subarray(from, from + length);
  const end = bytes.indexOf(0);
  return text(end < 0 ? bytes : bytes.subarray(0, end));
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** For messages: a path from an archive may hold anything. */
function shown(path: string): string {
  return JSON.stringify(path.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?'));
}

function problem(message: string): ArchiveResult {
  return { kind: 'problem', message };
}
