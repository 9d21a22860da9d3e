/**
 * Puts pinned third-party test data within reach: `npm run data`.
 *
 * A folder that already has the files is used as it is: `SALLYPORT_DATA`, else `../shared/data` where that exists;
 * `.data` then becomes a link to it. Otherwise the files are fetched into `.data/`. Either way every file has the SHA-256
 * that tools/data-manifest.json names, so a changed upstream repository can never change what our tests mean.
 *
 * `--check` looks and changes nothing. `--record FOLDER` writes the manifest from a folder, when a pin moves.
 */
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

/** One folder of data with where it comes from. */
export interface DataSource {
  /** Where it lies below the data folder. */
  readonly folder: string;
  /** `owner/name` on GitHub. */
  readonly repository: string;
  readonly commit: string;
  /** The same folder in the repository; '' for its root. */
  readonly path: string;
  /** Files of `folder` that lie at the repository's root instead: licences. */
  readonly rootFiles?: readonly string[];
  /** SHA-256 in hexadecimal of every file, by path below `folder`. */
  readonly files: Readonly<Record<string, string>>;
}

/** Downloads at a time: polite to a free service, and enough for ten megabytes. */
const DOWNLOADS_MAX = 8;

/** One file, in milliseconds; the largest has two megabytes. */
const DOWNLOAD_MS_MAX = 60_000;

/** One file, in bytes: what is larger is not what was pinned. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;

const ROOT: string = fileURLToPath(new URL('..', import.meta.url));
const TARGET: string = join(ROOT, '.data');
const MANIFEST: string = join(ROOT, 'tools/data-manifest.json');

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { check: { type: 'boolean', default: false }, record: { type: 'string' } },
  });
  if (values.record !== undefined) return record(values.record);
  const sources = readManifest();
  if (values.check) return check(sources, namedFolder() ?? TARGET);
  const folder = chosenFolder();
  if (folder === undefined) {
    // A link of an earlier run must not make us write into somebody else's folder.
    if (isLink(TARGET)) rmSync(TARGET);
    await fetchInto(TARGET, filesOf(sources));
  } else link(folder);
  check(sources, folder ?? TARGET);
}

/** The folder that somebody prepared; undefined when we have to fetch. */
function chosenFolder(): string | undefined {
  const beside = join(ROOT, '../shared/data');
  return namedFolder() ?? (existsSync(beside) ? realpathSync(beside) : undefined);
}

function namedFolder(): string | undefined {
  const named = process.env['SALLYPORT_DATA'];
  if (named === undefined || named === '') return undefined;
  return existsSync(named) ? realpathSync(named) : fail(`SALLYPORT_DATA names ${named}, which does not exist`);
}

/** Makes `.data` a link to `folder`; a link of an earlier run is replaced, a folder that was fetched is not. */
function link(folder: string): void {
  if (isLink(TARGET)) rmSync(TARGET);
  else if (existsSync(TARGET)) return;
  symlinkSync(folder, TARGET);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

/** @throws DataError when a file is missing or is not the pinned one. */
function check(sources: readonly DataSource[], folder: string): void {
  const wrong = filesOf(sources)
    .map(({ path, sha256 }) => ({ path, state: stateOf(join(folder, path), sha256) }))
    .filter(({ state }) => state !== 'good');
  for (const { path, state } of wrong.slice(0, 20)) console.error(`${state}: ${path}`);
  if (wrong.length > 0) fail(`${wrong.length} files of test data are not as pinned in ${folder}; run \`npm run data\``);
  console.log(`test data: ${filesOf(sources).length} files as pinned in ${folder}`);
}

/**
 * Fetches what `folder` lacks; what is there and as pinned stays.
 *
 * @throws DataError for a file that cannot be fetched or is not the pinned one; nothing of it is kept.
 */
export async function fetchInto(folder: string, files: readonly PinnedFile[]): Promise<void> {
  const missing = files.filter(({ path, sha256 }) => stateOf(join(folder, path), sha256) !== 'good');
  if (missing.length > 0) console.log(`fetching ${missing.length} files of test data`);
  const waiting = [...missing];
  const lane = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) await fetchFile(folder, file);
  };
  await Promise.all(Array.from({ length: DOWNLOADS_MAX }, lane));
}

async function fetchFile(folder: string, { path, url, sha256 }: PinnedFile): Promise<void> {
  const bytes = await download(url);
  const found = digest(bytes);
  if (found !== sha256) fail(`${url} has SHA-256 ${found}, pinned is ${sha256}`);
  const target = join(folder, path);
  mkdirSync(dirname(target), { recursive: true });
  // Renamed when whole: an interrupted run must not leave half a file behind.
  writeFileSync(`${target}.part`, bytes);
  renameSync(`${target}.part`, target);
}

async function download(url: string): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_MS_MAX), redirect: 'error' }).catch(
    (cause: unknown) => {
      const message = `${url} could not be fetched. Without network, set SALLYPORT_DATA to a folder that has the files named in tools/data-manifest.json.`;
      throw new DataError(message, { cause });
    },
  );
  if (!response.ok) fail(`${url} answered ${response.status}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length > FILE_BYTES_MAX) fail(`${url} has more than ${FILE_BYTES_MAX} bytes`);
  return bytes;
}

export interface PinnedFile {
  /** Below the data folder. */
  readonly path: string;
  readonly url: string;
  readonly sha256: string;
}

/** Every file of every source, with where it comes from. */
export function filesOf(sources: readonly DataSource[]): readonly PinnedFile[] {
  return sources.flatMap((source) =>
    Object.entries(source.files).map(([name, sha256]) => ({
      path: `${source.folder}/${name}`,
      url: `https://raw.githubusercontent.com/${source.repository}/${source.commit}/${upstreamPath(source, name)}`,
      sha256,
    })),
  );
}

function upstreamPath(source: DataSource, name: string): string {
  return encodePath(source.rootFiles?.includes(name) === true ? name : `${source.path}/${name}`);
}

/** Escapes every segment; empty ones (the repository's root) disappear. */
function encodePath(path: string): string {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map(encodeURIComponent)
    .join('/');
}

function stateOf(file: string, sha256: string): 'good' | 'missing' | 'changed' {
  if (!existsSync(file)) return 'missing';
  return digest(readFileSync(file)) === sha256 ? 'good' : 'changed';
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readManifest(): readonly DataSource[] {
  const sources: readonly DataSource[] = JSON.parse(readFileSync(MANIFEST, 'utf8'));
  return sources;
}

/** Writes the manifest again from the files in `folder`; the list of sources stays as it is. */
function record(folder: string): void {
  const sources = readManifest().map((source) => {
    const names = globSync('**/*', { cwd: join(folder, source.folder) }).filter((name) =>
      statSync(join(folder, source.folder, name)).isFile(),
    );
    const entries = names.toSorted().map((name) => [name, digest(readFileSync(join(folder, source.folder, name)))]);
    return { ...source, files: Object.fromEntries(entries) };
  });
  writeFileSync(MANIFEST, `${JSON.stringify(sources, undefined, 2)}\n`);
}

function fail(message: string): never {
  throw new DataError(message);
}

/** What whoever runs this has to do something about. */
class DataError extends Error {}

if (import.meta.main) {
  await main().catch((cause: unknown) => {
    if (!(cause instanceof DataError)) throw cause;
    console.error(cause.message);
    process.exitCode = 1;
  });
}
