/**
 * Compiled rules on the disk, so that a start with rules that were compiled before needs no compilation: one file for each rule
 * set, by what made it and what it was made of, in a folder of its own below the one for state.
 */
import { Buffer } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { threadId } from 'node:worker_threads';
import type { CompiledRuleSet, CompiledRulesStore } from '@sallyport/control';
import { openStateFolder } from '../store/state-folder.ts';
import { VERSION } from '../version.ts';

/**
 * Opens the store below the folder for state, which it makes when needed. `onProblem` hears of what cannot be read or kept: the
 * rules are then compiled, and nothing else happens. `maker` says what compiles them; only the same finds them again. Undefined:
 * nothing is kept, of which `onProblem` has heard.
 */
export function openCompiledRules(
  stateFolder: string,
  onProblem: (problem: string) => void,
  maker: () => string = makerOf,
): CompiledRulesStore | undefined {
  const folder = join(stateFolder, 'compiled-rules');
  try {
    openStateFolder(stateFolder);
    openStateFolder(folder);
    return new CompiledRulesFolder(folder, { maker: maker(), onProblem });
  } catch (cause) {
    onProblem(`compiled rules are not kept: ${messageOf(cause)}`);
    return undefined;
  }
}

class CompiledRulesFolder implements CompiledRulesStore {
  readonly #folder: string;
  readonly #onProblem: (problem: string) => void;
  readonly #maker: string;

  constructor(folder: string, { maker, onProblem }: { maker: string; onProblem: (problem: string) => void }) {
    this.#folder = folder;
    this.#maker = maker;
    this.#onProblem = onProblem;
  }

  load(sources: string): CompiledRuleSet | undefined {
    const path = this.#pathOf(sources);
    try {
      const bytes = readOwn(path);
      if (bytes === undefined) return undefined;
      const ruleSet = decode(bytes);
      // Those that are in use leave last.
      const now = new Date();
      utimesSync(path, now, now);
      return ruleSet;
    } catch (cause) {
      this.#onProblem(`${path} cannot be used, its rules are compiled anew: ${messageOf(cause)}`);
      return undefined;
    }
  }

  save(ruleSet: CompiledRuleSet): void {
    const path = this.#pathOf(ruleSet.madeOf.sources);
    // Whoever reads finds the old bytes or the new ones, and never a part.
    const unfinished = `${path}.${process.pid}-${threadId}`;
    try {
      const bytes = encode(ruleSet);
      if (bytes.length > COMPILED_BYTES_MAX) return;
      // In a container every process has the same number: one that was killed while it wrote must not keep the next from it.
      rmSync(unfinished, { force: true });
      writeFileSync(unfinished, bytes, { flag: 'wx', mode: 0o600 });
      renameSync(unfinished, path);
      makeRoom(this.#folder);
    } catch (cause) {
      this.#onProblem(`${path} cannot be written: ${messageOf(cause)}`);
    }
  }

  #pathOf(sources: string): string {
    const name = createHash('sha256').update(`${this.#maker}\n${sources}`).digest('hex');
    return join(this.#folder, `${name}.rules`);
  }
}

/** Largest file that is written or read, in bytes: the CRS has 8 MiB. */
const COMPILED_BYTES_MAX = 268_435_456;

/** Most files that are kept. A configuration has at most 16 rule sets; the rest is what it had before. */
const COMPILED_FILES_MAX = 32;

/** What makes images: the version of the product, the modules of the compiler, and Node.js, whose format it is. */
function makerOf(): string {
  return [VERSION, process.version, process.arch, ...compilerModules()].join('\n');
}

function compilerModules(): readonly string[] {
  const own = dirname(fileURLToPath(import.meta.url));
  // The names of a bundle's chunks say what is in them, on every machine that it is copied to.
  if (basename(own) === 'bundle') return readdirSync(own).toSorted();
  // Whoever works on the product keeps its version.
  const waf = createRequire(import.meta.url).resolve('@sallyport/waf');
  const regex = createRequire(waf).resolve('@sallyport/regex');
  return [waf, regex].flatMap((entry) =>
    readdirSync(dirname(entry), { recursive: true, encoding: 'utf8' })
      .toSorted()
      .map((name) => {
        const { size, mtimeMs } = statSync(join(dirname(entry), name));
        return `${name} ${size} ${mtimeMs}`;
      }),
  );
}

/**
 * The bytes of a file that nobody but us can have written: the format is made for the bytes of friends. Undefined: there is
 * none.
 */
function readOwn(path: string): Uint8Array<SharedArrayBuffer> | undefined {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  // A link would lead out of our folder.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile() || stat.uid !== process.geteuid?.()) throw new Error('it is not a file of ours');
    if ((stat.mode & 0o077) !== 0) throw new Error('others may open it');
    if (stat.size > COMPILED_BYTES_MAX) throw new Error('it is too large');
    const bytes = new Uint8Array(new SharedArrayBuffer(stat.size));
    let read = 0;
    for (let more = -1; more !== 0; read += more) more = readSync(descriptor, bytes, read, bytes.length - read, read);
    // What was cut off meanwhile is zero.
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/**
 * A hash, how long the description is, the description, and the image where numbers may begin. The hash finds what a
 * disk has lost or changed. Against people stands the folder, which is its owner's alone.
 */
function encode({ image: { bytes, ...image }, madeOf }: CompiledRuleSet): Buffer {
  const description = serialize({ image, madeOf });
  const begin = imageBegin(description.length);
  const file = Buffer.alloc(begin + bytes.length);
  file.set(description, HEAD_BYTES);
  file.set(bytes, begin);
  file.writeUInt32LE(description.length, HASH_BYTES);
  file.set(hashOf(file), 0);
  return file;
}

/** The image stays where it was read to, in memory that all threads share. @throws Error for bytes that have changed. */
function decode({ buffer }: Uint8Array<SharedArrayBuffer>): CompiledRuleSet {
  const file = Buffer.from(buffer);
  if (!(file.length >= HEAD_BYTES && hashOf(file).equals(file.subarray(0, HASH_BYTES))))
    throw new Error('its bytes have changed');
  const length = file.readUInt32LE(HASH_BYTES);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The name says who wrote it, and the hash that it is what was written.
  const { image, madeOf } = deserialize(file.subarray(HEAD_BYTES, HEAD_BYTES + length)) as Description;
  return { image: { ...image, bytes: new Uint8Array(buffer, imageBegin(length)) }, madeOf };
}

interface Description {
  readonly image: Omit<CompiledRuleSet['image'], 'bytes'>;
  readonly madeOf: CompiledRuleSet['madeOf'];
}

const HASH_BYTES = 32;
const HEAD_BYTES = 36;

/** SHA-256 of what stands behind it: the thread has `node:crypto` anyway, and `node:zlib` takes longer to load than its sum saves. */
function hashOf(file: Buffer): Buffer {
  return hash('sha256', file.subarray(HASH_BYTES), 'buffer');
}

/** Where the image begins, so that its tables begin where numbers may. */
function imageBegin(descriptionBytes: number): number {
  return Math.ceil((HEAD_BYTES + descriptionBytes) / 8) * 8;
}

/** The oldest leave; files that were never finished are among them. */
function makeRoom(folder: string): void {
  const files = readdirSync(folder)
    .map((name) => join(folder, name))
    .map((path) => ({ path, timeMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .toSorted((left, right) => right.timeMs - left.timeMs);
  for (const { path } of files.slice(COMPILED_FILES_MAX)) rmSync(path, { force: true });
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
