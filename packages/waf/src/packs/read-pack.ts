import { lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RuleFiles, RuleSource } from '../seclang/parse.ts';

/** A rule pack as `createWaf` takes it. */
export interface RulePack {
  /** The folder's name. */
  readonly name: string;
  readonly rules: readonly RuleSource[];
  /** Finds what the rules name, inside of the pack only. */
  readonly files: RuleFiles;
}

/** A pack, or a sentence about why there is none. */
export type RulePackResult =
  | { readonly kind: 'pack'; readonly pack: RulePack }
  | { readonly kind: 'problem'; readonly message: string };

/**
 * The pack that comes with this package: for those who have installed no other. What it refuses stands in its files.
 *
 * @throws Error when the package was installed without them.
 */
export function starterPack(): RulePack {
  const result = readPack(fileURLToPath(new URL('../../packs/starter', import.meta.url)));
  if (result.kind === 'pack') return result.pack;
  throw new Error(result.message);
}

/**
 * Reads a rule pack from a folder: `pack.conf` where there is one, which includes the others, else every `*.conf` in the
 * order of their names. Rules reach files of the folder and below, by paths relative to the file they stand in; nothing
 * outside of it, not by a link either.
 */
export function readPack(folder: string): RulePackResult {
  let root: string;
  let names: readonly string[];
  try {
    root = realpathSync(folder);
    names = readdirSync(root)
      .filter((name) => name.endsWith('.conf'))
      .toSorted();
  } catch (error) {
    return { kind: 'problem', message: `there is no rule pack in ${folder} (${codeOf(error)})` };
  }
  if (names.length === 0) return { kind: 'problem', message: `there is no *.conf in ${folder}` };
  const entries = names.includes('pack.conf') ? ['pack.conf'] : names;
  const rules: RuleSource[] = [];
  for (const name of entries) {
    const source = readInside(root, join(root, name));
    if (source === undefined) return { kind: 'problem', message: `${join(folder, name)} cannot be read` };
    rules.push(source);
  }
  const files: RuleFiles = {
    readFile: (path, from) => readInside(root, resolve(root, dirname(from), path)),
  };
  return { kind: 'pack', pack: { name: basename(root), rules, files } };
}

/** A file of the pack as a byte string, called by its path below the root. */
function readInside(root: string, path: string): RuleSource | undefined {
  const below = relative(root, path);
  if (below === '' || below === '..' || below.startsWith(`..${sep}`)) return undefined;
  try {
    const real = realpathSync(path);
    const stat = lstatSync(real);
    if (!real.startsWith(root + sep) || !stat.isFile() || stat.size > FILE_BYTES_MAX) return undefined;
    return { name: below.split(sep).join('/'), text: readFileSync(real, 'latin1') };
  } catch {
    // Whatever the reason is, there is no such file for the rules, and the parser says so with file and line.
    return undefined;
  }
}

/** A rule file of megabytes is something else that has the wrong name. */
const FILE_BYTES_MAX = 16_777_216;

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}
