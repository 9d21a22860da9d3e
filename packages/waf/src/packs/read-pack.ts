import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
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
 * Reads a rule pack from a folder: every `*.conf` in the order of their names; or, when it is laid out like a release of the
 * CRS, its setup (`crs-setup.conf`, else the example of it), the plugins and the folder `rules`, in the order in which they
 * have to run. Rules reach files of the folder and below, by paths relative to the file they stand in; nothing outside of
 * it, not by a link either.
 */
export function readPack(folder: string): RulePackResult {
  let root: string;
  let paths: readonly string[];
  try {
    root = realpathSync(folder);
    paths = rulePaths(root);
  } catch (error) {
    return { kind: 'problem', message: `there is no rule pack in ${folder} (${codeOf(error)})` };
  }
  if (paths.length === 0) return { kind: 'problem', message: `there is no *.conf in ${folder}` };
  const rules: RuleSource[] = [];
  for (const path of paths) {
    const source = readInside(root, join(root, path));
    if (source === undefined) return { kind: 'problem', message: `${join(folder, path)} cannot be read` };
    rules.push(source);
  }
  const files: RuleFiles = {
    readFile: (path, from) => readInside(root, resolve(root, dirname(from), path)),
  };
  return { kind: 'pack', pack: { name: basename(root), rules, files } };
}

/** Below the root, in the order in which they run. */
function rulePaths(root: string): readonly string[] {
  const own = configurations(root, '');
  if (!existsSync(join(root, 'rules'))) return own;
  const plugins = existsSync(join(root, 'plugins')) ? configurations(root, 'plugins') : [];
  const setup = ['crs-setup.conf', 'crs-setup.conf.example'].find((name) => existsSync(join(root, name)));
  return [
    ...(setup === undefined ? [] : [setup]),
    ...plugins.filter((path) => path.endsWith('-config.conf')),
    ...plugins.filter((path) => path.endsWith('-before.conf')),
    ...configurations(root, 'rules'),
    ...plugins.filter((path) => path.endsWith('-after.conf')),
  ];
}

function configurations(root: string, folder: string): readonly string[] {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.conf'));
  return names.toSorted().map((name) => join(folder, name));
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
