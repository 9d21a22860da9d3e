import { createHash, randomBytes } from 'node:crypto';
import {
  globSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { ArchivedFile } from './tar.ts';

/** What is known about an installed version; it lies beside its files as `.sallyport.json`. */
export interface InstalledPack {
  readonly name: string;
  readonly version: string;
  /** Where the archive came from. */
  readonly url: string;
  /** SHA-256 of the archive, in hexadecimal digits. */
  readonly archiveSha256: string;
  /** What proved it: `signature FINGERPRINT` or `checksum`. */
  readonly proof: string;
  /** SHA-256 of each file by its path. */
  readonly files: Readonly<Record<string, string>>;
}

/** A version that is there, and whether it is the one in use. */
export interface ListedPack {
  readonly pack: InstalledPack;
  readonly isInUse: boolean;
}

/**
 * A folder of rule sets: `crs-4.29.0` with the files of each version, and `crs`, a link to the one in use, which is what a
 * configuration names. A version is complete or not there: it is written under another name and renamed, and the link is
 * exchanged in one step. What was in use before stays, so that `use` goes back to it.
 */
export class RuleStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  folderOf(name: string, version: string): string {
    return join(this.#folder, `${name}-${version}`);
  }

  has(name: string, version: string): boolean {
    return this.#read(`${name}-${version}`) !== undefined;
  }

  /**
   * Writes a version. `accept` sees the folder before anybody else does, and a sentence of it ends the installation without
   * a trace.
   */
  install(
    pack: Omit<InstalledPack, 'files'>,
    files: readonly ArchivedFile[],
    accept: (folder: string) => string | undefined,
  ): string | undefined {
    mkdirSync(this.#folder, { recursive: true });
    const staging = join(this.#folder, `.${pack.name}-${randomBytes(6).toString('hex')}`);
    try {
      for (const { path, bytes } of files) {
        mkdirSync(dirname(join(staging, path)), { recursive: true });
        writeFileSync(join(staging, path), bytes, { flag: 'wx', mode: 0o644 });
      }
      const digests = Object.fromEntries(files.map(({ path, bytes }) => [path, sha256(bytes)]));
      writeFileSync(join(staging, MANIFEST), `${JSON.stringify({ ...pack, files: digests }, undefined, 1)}\n`);
      const problem = accept(staging);
      if (problem !== undefined) return problem;
      renameSync(staging, this.folderOf(pack.name, pack.version));
      return undefined;
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }

  /** Makes a version that is there the one in use. Answers the version that was in use before; undefined without one. */
  use(name: string, version: string): string | undefined {
    const link = join(this.#folder, name);
    const before = this.inUse(name);
    const temporary = join(this.#folder, `.${name}-${randomBytes(6).toString('hex')}`);
    symlinkSync(`${name}-${version}`, temporary);
    try {
      renameSync(temporary, link);
    } catch (cause) {
      rmSync(temporary, { force: true });
      throw cause;
    }
    return before;
  }

  /** Undefined when none is. */
  inUse(name: string): string | undefined {
    try {
      return readlinkSync(join(this.#folder, name)).slice(name.length + 1);
    } catch {
      return undefined;
    }
  }

  list(): readonly ListedPack[] {
    let names: readonly string[];
    try {
      names = readdirSync(this.#folder).toSorted((one, other) => one.localeCompare(other, 'en', { numeric: true }));
    } catch {
      return [];
    }
    const packs = names.map((name) => this.#read(name)).filter((pack) => pack !== undefined);
    return packs.map((pack) => ({ pack, isInUse: this.inUse(pack.name) === pack.version }));
  }

  /** What is no longer as it was installed, one sentence each. Files that were added are none of it. */
  changes({ name, version, files }: InstalledPack): readonly string[] {
    const folder = this.folderOf(name, version);
    const known = Object.entries(files).flatMap(([path, digest]) => {
      const found = digestOf(join(folder, path));
      if (found === digest) return [];
      return [found === undefined ? `${path} is missing` : `${path} was changed`];
    });
    const added = globSync('{rules,plugins}/**/*.{conf,data}', { cwd: folder }).filter(
      (path) => !Object.hasOwn(files, path),
    );
    return [...known, ...added.map((path) => `${path} was added`)].toSorted();
  }

  /** Undefined for what is no installed version. */
  #read(entry: string): InstalledPack | undefined {
    const path = join(this.#folder, entry, MANIFEST);
    if (!/^[a-z]+-[\d.]+$/.test(entry) || !lstatSync(path, { throwIfNoEntry: false })?.isFile()) return undefined;
    try {
      const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
      return isPack(parsed) && `${parsed.name}-${parsed.version}` === entry ? parsed : undefined;
    } catch {
      return undefined;
    }
  }
}

const MANIFEST = '.sallyport.json';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function digestOf(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ? sha256(readFileSync(path)) : undefined;
}

function isPack(value: unknown): value is InstalledPack {
  if (typeof value !== 'object' || value === null) return false;
  const texts = ['name', 'version', 'url', 'archiveSha256', 'proof'].every(
    (key) => typeof Reflect.get(value, key) === 'string',
  );
  const files: unknown = Reflect.get(value, 'files');
  return (
    texts && typeof files === 'object' && files !== null && Object.values(files).every((one) => typeof one === 'string')
  );
}
