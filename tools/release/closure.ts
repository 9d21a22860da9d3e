import type { LockedPackage, LockFile } from '../complete-lock.ts';

/** One package that runs in production. */
export interface Shipped {
  readonly name: string;
  readonly version: string;
  /** Its key in the lock file, below `node_modules`: where it has to lie. */
  readonly path: string;
  /** Its folder in this repository; undefined for a package of other people. */
  readonly source: string | undefined;
  readonly locked: Entry;
  /** Paths of the packages it needs. */
  readonly needs: readonly string[];
}

/** An entry of the lock file with what it needs to run. */
export interface Entry extends LockedPackage {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Everything that `name` needs to run on this lock file, itself first. @throws Error for what is not locked. */
export function closureOf(lock: LockFile, name: string): readonly Shipped[] {
  const found = new Map<string, Shipped>();
  const waiting = [`node_modules/${name}`];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (found.has(path)) continue;
    const shipped = read(lock, path);
    found.set(path, shipped);
    waiting.push(...shipped.needs);
  }
  return [...found.values()];
}

function read(lock: LockFile, path: string): Shipped {
  const entry: Entry | undefined = lock.packages[path];
  const source = entry?.link === true ? entry.resolved : undefined;
  const locked: Entry | undefined = source === undefined ? entry : lock.packages[source];
  if (locked?.version === undefined) throw new Error(`the lock file has no ${path}`);
  const names = Object.keys({ ...locked.dependencies, ...locked.optionalDependencies });
  const needs = names.flatMap((name) => {
    // What is optional and made for other machines is not installed here, and nothing of ours needs it.
    if (locked.optionalDependencies?.[name] !== undefined) return [];
    return [resolve(lock, source ?? path, name)];
  });
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  return { name, version: locked.version, path, source, locked, needs };
}

/** As Node.js looks for a package: in the asking folder's own `node_modules`, then in those above it. */
function resolve(lock: LockFile, from: string, name: string): string {
  for (let folder = from; ; folder = parentOf(folder)) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (lock.packages[path] !== undefined) return path;
    if (folder === '') throw new Error(`the lock file has no ${name}, which ${from} needs`);
  }
}

function parentOf(folder: string): string {
  const slash = folder.lastIndexOf('/');
  return slash === -1 ? '' : folder.slice(0, slash);
}
