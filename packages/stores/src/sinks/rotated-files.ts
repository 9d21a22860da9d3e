import { lstat, readdir, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A name for a file that is put aside at a time, which no file has: `events.ndjson.2026-11-28T10-00-00.000Z`. */
export async function datedName(path: string, timeMs: number): Promise<string> {
  const stamp = new Date(timeMs).toISOString().replaceAll(':', '-');
  for (let number = 0; number < SAME_NAMES_MAX; number += 1) {
    const name = `${path}.${stamp}${number === 0 ? '' : `.${number}`}`;
    if (!(await isThere(name))) return name;
  }
  throw new Error(`there are ${SAME_NAMES_MAX} files ${path}.${stamp}`);
}

/** Removes the oldest of the files that were put aside, beyond a number and a sum of bytes; only those with names from here. */
export async function removeBeyond(
  path: string,
  { filesMax, bytesMax }: { readonly filesMax: number; readonly bytesMax: number },
): Promise<void> {
  const folder = dirname(path);
  const prefix = `${basename(path)}.`;
  const names = (await readdir(folder)).filter(
    (name) => name.startsWith(prefix) && STAMP.test(name.slice(prefix.length)),
  );
  const files = await Promise.all(names.map(async (name) => ({ name, size: (await lstat(join(folder, name))).size })));
  let bytes = 0;
  // The last ones first: what is beyond is older.
  for (const [index, { name, size }] of files.toSorted((one, other) => (one.name < other.name ? 1 : -1)).entries()) {
    bytes += size;
    if (index >= filesMax || bytes > bytesMax) await unlink(join(folder, name));
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

const STAMP = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(?:\.\d{1,3})?$/;

/** Files put aside within one millisecond, by a clock that stands still. */
const SAME_NAMES_MAX = 1_000;
