/**
 * Completes package-lock.json after `npm install`: `npm run lock`.
 *
 * Native tools come as one optional package per platform. npm writes only those into the lock file that the registry in
 * use could show it, and a mirror often carries one platform; `npm ci` then refuses the lock file everywhere. Here the
 * others are written down by name, version and platform, which is all that npm needs to leave them out. They have no
 * hash, so `tools/dependencies.ts` accepts that for platforms on which this house is not developed, and for no other.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, readText } from './source/files.ts';

/** An entry of package-lock.json, as far as we read it. */
export interface LockedPackage {
  readonly version?: string;
  readonly cpu?: readonly string[];
  readonly os?: readonly string[];
  readonly libc?: readonly string[];
  readonly optional?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  /** A workspace: a link into this repository. */
  readonly link?: boolean;
  /** Only tools need it. */
  readonly dev?: boolean;
}

/** A lock file, as far as we change it. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

/** One optional dependency that the lock file does not have. */
export interface Gap {
  /** Who asks for it. */
  readonly parent: LockedPackage;
  readonly name: string;
  readonly version: string;
}

const SYSTEMS: readonly string[] = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const PROCESSORS: readonly string[] = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Optional dependencies that no entry answers: what `npm ci` calls missing. */
export function gapsIn({ packages }: LockFile): readonly Gap[] {
  return Object.entries(packages).flatMap(([path, parent]) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([name]) => packages[`${path}/node_modules/${name}`] === undefined)
      .filter(([name]) => packages[`node_modules/${name}`] === undefined)
      .map(([name, version]) => ({ parent, name, version })),
  );
}

/** The lock file with an entry for every gap. @throws Error for a package whose name does not say its platform. */
export function completed(lock: LockFile): LockFile {
  const added = gapsIn(lock).map((gap) => [`node_modules/${gap.name}`, entryFor(gap)] as const);
  const packages = [...Object.entries(lock.packages), ...added];
  // npm sorts this way, so its next run changes nothing.
  return { ...lock, packages: Object.fromEntries(packages.toSorted(([a], [b]) => a.localeCompare(b, 'en'))) };
}

function entryFor({ parent, name, version }: Gap): LockedPackage {
  const words = name.split(/[/-]/);
  const os = words.find((word) => SYSTEMS.includes(word));
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (os === undefined || cpu === undefined) throw new Error(`${name} does not say which platform it is for`);
  const libc = { gnu: 'glibc', musl: 'musl' }[words.at(-1) ?? ''];
  return {
    version,
    cpu: [cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(os === 'linux' && libc !== undefined ? { libc: [libc] } : {}),
    ...(parent.license === undefined ? {} : { license: parent.license }),
    optional: true,
    os: [os],
  };
}

function main(): void {
  const lock: LockFile = JSON.parse(readText('package-lock.json'));
  const gaps = gapsIn(lock);
  if (gaps.length > 0)
    writeFileSync(join(ROOT, 'package-lock.json'), `${JSON.stringify(completed(lock), undefined, 2)}\n`);
  console.log(`package-lock.json: ${gaps.length} packages of other platforms added`);
}

if (import.meta.main) main();
