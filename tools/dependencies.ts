/**
 * Checks what other people's code comes with, offline: `node tools/dependencies.ts`.
 *
 * Every locked package has a licence we may ship, a SHA-512 that `npm ci` verifies, and no script that runs at install;
 * the lock file names no download host, so a mirror works and a foreign host does not slip in. Every package that a
 * manifest names stands in docs/dependencies.md with its reason.
 */
import { globSync } from 'node:fs';
import { gapsIn, type LockedPackage, type LockFile } from './complete-lock.ts';
import { readText } from './source/files.ts';

/** Licences (SPDX) that an Apache-2.0 product may depend on. */
const LICENCES: ReadonlySet<string> = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
]);

/** Licences of tools that are used and never shipped: file-level copyleft binds who distributes. */
const TOOL_LICENCES: ReadonlySet<string> = new Set([...LICENCES, 'MPL-2.0']);

/** Packages that may run a script at install, each with what it runs. */
const INSTALL_SCRIPTS: ReadonlyMap<string, string> = new Map([]);

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** What is wrong with one locked package; `path` is its key in the lock file. */
export function checkLocked(path: string, locked: LockedPackage): readonly string[] {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const problems: string[] = [];
  if (locked.resolved?.includes('://') === true) problems.push(`${name}: the lock file names a download host`);
  if (locked.link === true || !path.includes('node_modules/')) return problems;
  const allowed = locked.dev === true ? TOOL_LICENCES : LICENCES;
  const licence = locked.license ?? 'none';
  if (!isAllowed(licence, allowed)) problems.push(`${name}: licence ${licence} is not on the list`);
  if (locked.integrity?.startsWith('sha512-') !== true && isForOurPlatforms(locked))
    problems.push(`${name}: the lock file has no SHA-512 for it`);
  if (locked.hasInstallScript === true && !INSTALL_SCRIPTS.has(name)) {
    problems.push(`${name}: runs a script at install, which nobody has approved`);
  }
  return problems;
}

/** True unless npm would refuse to install it on the Linux that this house is developed on. */
function isForOurPlatforms({ os = ['linux'], cpu = ['x64'], libc = ['glibc'] }: LockedPackage): boolean {
  return os.includes('linux') && (cpu.includes('x64') || cpu.includes('arm64')) && libc.includes('glibc');
}

/** An SPDX expression of `OR` and `AND` without nesting: more than npm's packages use. */
function isAllowed(expression: string, allowed: ReadonlySet<string>): boolean {
  const choices = expression.replaceAll(/[()]/g, '').split(/\s+OR\s+/);
  return choices.some((choice) => choice.split(/\s+AND\s+/).every((licence) => allowed.has(licence)));
}

/** Names in backticks at the beginning of a table row: what the document explains. */
export function checkDocumented(names: readonly string[], document: string): readonly string[] {
  const explained = new Set(
    [...document.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell]) =>
      [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name),
    ),
  );
  const missing = names.filter((name) => !explained.has(name));
  const gone = [...explained].filter((name) => name !== undefined && !names.includes(name));
  return [
    ...missing.map((name) => `docs/dependencies.md does not explain ${name}`),
    ...gone.map((name) => `docs/dependencies.md explains ${name}, which no manifest names`),
  ];
}

/** Every package of other people that a manifest names. */
function directDependencies(): readonly string[] {
  const files = globSync([
    'package.json',
    '{packages,examples}/*/package.json',
    '{bench,conformance,e2e}/package.json',
  ]);
  const names = files.flatMap((file) => {
    const manifest: Manifest = JSON.parse(readText(file));
    return Object.keys({
      ...manifest.dependencies,
      ...manifest.devDependencies,
      ...manifest.peerDependencies,
      ...manifest.optionalDependencies,
    });
  });
  return [...new Set(names)].filter((name) => name !== 'sallyport' && !name.startsWith('@sallyport/')).toSorted();
}

function main(): void {
  const lock: LockFile = JSON.parse(readText('package-lock.json'));
  const locked = Object.entries(lock.packages);
  const problems = [
    ...locked.flatMap(([path, entry]) => checkLocked(path, entry)),
    ...gapsIn(lock).map(
      ({ name }) => `${name} is missing in the lock file, and npm ci refuses it; run \`npm run lock\``,
    ),
    ...checkDocumented(directDependencies(), readText('docs/dependencies.md')),
  ];
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log(`dependencies: ${locked.length} locked packages are as they should be`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
