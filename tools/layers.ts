/**
 * Checks that packages point the right way: `node tools/layers.ts [ROOT]`.
 *
 * A package imports inwards only, and packages of one ring never import each other; two exceptions: `schema` stands on
 * `regex`, and `cli` knows all. The manifests are the diagram, every import has its arrow there, and a package is entered
 * only by a door that its `exports` name. Biome finds imports that no manifest declares; nothing else we use finds an
 * arrow that should not exist.
 */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Import, importsOf } from './source/imports.ts';
import { lineOf, type Scan, scan } from './source/scan.ts';

/** The ring of every package there may be. A new package is added here and in ARCHITECTURE.md in one commit. */
const RINGS: ReadonlyMap<string, number> = new Map([
  ['kernel', 0],
  ['regex', 0],
  ['schema', 0],
  ['waf', 1],
  ['guards', 1],
  ['identity', 1],
  ['siem', 1],
  ['plugins', 1],
  ['stores', 2],
  ['gateway', 2],
  ['control', 2],
  ['discord', 2],
  ['console', 3],
  ['cli', 3],
]);

/** Arrows inside one ring. */
const EXCEPTIONS: ReadonlySet<string> = new Set(['schema -> regex']);

/** Usable alone and everywhere, the browser included: no dependency and nothing of Node. */
const BARE_PACKAGES: ReadonlySet<string> = new Set(['kernel', 'regex']);

/**
 * What of Node they may use all the same. `regex` turns bytes into a latin1 string at the speed of memory, and `kernel`
 * writes text into shared memory without an object in between, which no standard interface does; the module has no I/O,
 * and every bundler has a replacement for it.
 */
const BARE_EXCEPTIONS: ReadonlySet<string> = new Set(['regex -> node:buffer', 'kernel -> node:buffer']);

/** The one file of the product that reads `process.env`; everything else is told. */
const ENVIRONMENT_FILE = 'packages/cli/src/environment.ts';

/** The only thing the console may know of the other packages, and only its types. */
const CONSOLE_DOOR = '@sallyport/control/contract';

interface Manifest {
  readonly name: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

interface Package {
  /** Its folder's name, which is its name in the diagram. */
  readonly id: string;
  /** Below the root. */
  readonly folder: string;
  readonly manifest: Manifest;
}

interface House {
  readonly root: string;
  readonly packages: readonly Package[];
  /** Packages and examples by the name they are imported with. */
  readonly byName: ReadonlyMap<string, Package>;
}

/** Every violation below `root`, one sentence each; empty when the layers hold. */
export function checkLayers(root: string): readonly string[] {
  const house = readHouse(root);
  return house.packages.flatMap((one) => [...checkManifest(one, house), ...checkSources(one, house)]);
}

function readHouse(root: string): House {
  const packages = packagesIn(root, 'packages');
  const named = [...packages, ...packagesIn(root, 'examples')].map((one) => [one.manifest.name, one] as const);
  return { root, packages, byName: new Map(named) };
}

function packagesIn(root: string, parent: string): readonly Package[] {
  if (!existsSync(join(root, parent))) return [];
  return readdirSync(join(root, parent)).flatMap((id) => {
    const folder = `${parent}/${id}`;
    const file = join(root, folder, 'package.json');
    if (!existsSync(file)) return [];
    const manifest: Manifest = JSON.parse(readFileSync(file, 'utf8'));
    return [{ id, folder, manifest }];
  });
}

function checkManifest({ id, folder, manifest }: Package, { byName }: House): readonly string[] {
  const where = `${folder}/package.json`;
  if (!RINGS.has(id)) return [`${where}: ${id} has no ring; packages appear in tools/layers.ts first`];
  const problems: string[] = [];
  if (BARE_PACKAGES.has(id) && Object.keys(productDependencies(manifest)).length > 0) {
    problems.push(`${where}: ${id} has dependencies and may have none`);
  }
  for (const name of Object.keys({ ...productDependencies(manifest), ...manifest.devDependencies })) {
    const target = byName.get(name);
    if (target === undefined) continue;
    const why = whyForbidden(id, target);
    if (why !== '') problems.push(`${where}: ${id} may not depend on ${name}: ${why}`);
  }
  return problems;
}

function productDependencies(manifest: Manifest): Readonly<Record<string, string>> {
  return { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies };
}

/** Why `from` may not point at `to`; '' when it may. */
function whyForbidden(from: string, to: Package): string {
  const fromRing = RINGS.get(from) ?? -1;
  const toRing = RINGS.get(to.id);
  if (from === 'cli') return '';
  if (toRing === undefined) return 'only cli knows the examples';
  if (from === 'console') return to.id === 'control' ? '' : `the console knows ${CONSOLE_DOOR} and nothing else`;
  if (toRing < fromRing || EXCEPTIONS.has(`${from} -> ${to.id}`)) return '';
  return toRing === fromRing ? `both are in ring ${toRing}` : `ring ${fromRing} knows nothing of ring ${toRing}`;
}

function checkSources(one: Package, house: House): readonly string[] {
  const files = globSync('{bin,src,test}/**/*.{ts,js,svelte}', {
    cwd: join(house.root, one.folder),
    exclude: ['**/fixtures/**', '**/dist/**'],
  });
  return files.toSorted().flatMap((file) => {
    const path = `${one.folder}/${file}`;
    const source = scan(readFileSync(join(house.root, path), 'utf8'));
    const imports = importsOf(source).map((each) => checkImport(each, path, { one, house }));
    return [...imports.filter((problem) => problem !== ''), ...environmentReads(source, path)];
  });
}

function environmentReads({ text, code }: Scan, path: string): readonly string[] {
  if (!isProductFile(path) || path === ENVIRONMENT_FILE) return [];
  const reads = code.matchAll(/\bprocess\s*\.\s*env\b/g);
  return [...reads].map(({ index }) => `${path}:${lineOf(text, index)}: only ${ENVIRONMENT_FILE} reads process.env`);
}

/** What is wrong with one import; '' when nothing is. */
function checkImport(
  { specifier, line, isTypeOnly }: Import,
  path: string,
  { one, house }: { readonly one: Package; readonly house: House },
): string {
  const where = `${path}:${line}:`;
  const isProduct = isProductFile(path);
  if (specifier.startsWith('.')) {
    const target = relative(house.root, resolve(house.root, path, '..', specifier));
    return target.startsWith(`${one.folder}/`) ? '' : `${where} ${specifier} leaves the package; use its door`;
  }
  if (specifier.startsWith('node:')) {
    const isAllowed = !isProduct || !BARE_PACKAGES.has(one.id) || BARE_EXCEPTIONS.has(`${one.id} -> ${specifier}`);
    return isAllowed ? '' : `${where} ${one.id} knows nothing of Node: ${specifier}`;
  }
  const name = packageName(specifier);
  const declared = isProduct
    ? productDependencies(one.manifest)
    : { ...productDependencies(one.manifest), ...one.manifest.devDependencies };
  const target = house.byName.get(name);
  if (target?.id === one.id) return '';
  if (target !== undefined && one.id === 'console') {
    if (specifier !== CONSOLE_DOOR) return `${where} the console knows ${CONSOLE_DOOR} and nothing else: ${specifier}`;
    if (!isTypeOnly) return `${where} the console imports types only: ${specifier}`;
  }
  const why = target === undefined ? '' : whyForbidden(one.id, target);
  if (why !== '') return `${where} ${one.id} may not import ${name}: ${why}`;
  // Test runners stand in the root manifest, for all packages.
  if (!Object.hasOwn(declared, name) && (isProduct || target !== undefined)) {
    return `${where} ${name} is not declared in ${one.folder}/package.json`;
  }
  const door = `.${specifier.slice(name.length)}`;
  if (target !== undefined && !Object.hasOwn(target.manifest.exports ?? {}, door)) {
    return `${where} ${specifier} is not a door of ${name}`;
  }
  return '';
}

function isProductFile(path: string): boolean {
  return /^[^/]+\/[^/]+\/(?:bin|src)\//.test(path);
}

function packageName(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

function main(): void {
  const root = process.argv[2] ?? fileURLToPath(new URL('..', import.meta.url));
  const problems = checkLayers(root);
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log('layers: every package points inwards');
  process.exitCode = problems.length === 0 ? 0 : 1;
}

if (import.meta.main) main();
