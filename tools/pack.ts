/**
 * Makes what is published: every package as JavaScript with declarations, in one tarball each.
 *
 * Node.js runs our sources as they are, but not below node_modules, where it strips no types. So each package is staged in a
 * folder of its own: its sources emitted to `dist/`, its manifest pointing there, and nothing of the workspace in it. What has
 * a command is bundled beside that (release/bundle.ts), and the command starts the bundle.
 *
 *     node tools/pack.ts [FOLDER]       default: .cache/pack
 *
 * Prints the path of each tarball on a line of its own.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BUNDLE_FOLDER, bundle } from './release/bundle.ts';

const ROOT: string = fileURLToPath(new URL('..', import.meta.url));

/** A package as its manifest describes it; what is not named here is published as it is. */
interface Manifest extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly devDependencies?: unknown;
}

/** Files beside the sources that a package needs to run or to be read. */
const ALSO_PUBLISHED = ['bin', 'public', 'packs', 'README.md', 'CHANGELOG.md'];

/** Stages and packs every package that is not private. Answers the paths of the tarballs. @throws Error for what fails. */
export async function packAll(folder: string): Promise<readonly string[]> {
  for (const left of ['emitted', 'staged']) rmSync(join(folder, left), { recursive: true, force: true });
  const sources = publishedFolders();
  const emitted = emit(sources, join(folder, 'emitted'));
  for (const source of sources) await stage(source, join(emitted, source), join(folder, 'staged', source));
  return pack(
    sources.map((source) => join(folder, 'staged', source)),
    folder,
  );
}

/** Folders of packages that others install, below the root. */
function publishedFolders(): readonly string[] {
  return globSync('{packages,examples}/*/package.json', { cwd: ROOT })
    .map((path) => dirname(path))
    .filter((source) => readManifest(join(ROOT, source)).private !== true)
    .toSorted();
}

/** Emits all packages in one run, so that each is checked against the sources of the others. */
function emit(sources: readonly string[], folder: string): string {
  mkdirSync(folder, { recursive: true });
  const project = join(folder, 'tsconfig.json');
  const compilerOptions = {
    noEmit: false,
    rootDir: ROOT,
    outDir: folder,
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const include = sources.map((source) => join(ROOT, source, 'src'));
  writeFileSync(
    project,
    JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, include, exclude: [] }),
  );
  run('tsc', ['-p', project], ROOT);
  return folder;
}

async function stage(source: string, emitted: string, staged: string): Promise<void> {
  mkdirSync(staged, { recursive: true });
  cpSync(join(emitted, 'src'), join(staged, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'LICENSE'), join(staged, 'LICENSE'));
  for (const name of ALSO_PUBLISHED) {
    const path = join(ROOT, source, name);
    if (existsSync(path)) cpSync(path, join(staged, name), { recursive: true });
  }
  for (const file of globSync('dist/**/*.d.ts', { cwd: staged })) rewrite(join(staged, file), publishedImports);
  const read = readManifest(join(ROOT, source));
  if (read.bin !== undefined) await bundle(source, join(staged, BUNDLE_FOLDER));
  for (const file of globSync('bin/*.cjs', { cwd: staged })) rewrite(join(staged, file), bundledPath);
  const manifest = publishedManifest(read);
  writeFileSync(join(staged, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** The manifest of what is published. Doors that lead to tests are closed: tests are not published. */
function publishedManifest(manifest: Manifest): Readonly<Record<string, unknown>> {
  const { devDependencies: _, ...kept } = manifest;
  const doors = Object.entries(manifest.exports ?? {}).filter(([, path]) => path.startsWith('./src/'));
  const exports = doors.map(([door, path]) => {
    const base = publishedPath(path).replace(/\.js$/, '');
    return [door, { types: `${base}.d.ts`, default: `${base}.js` }];
  });
  return { ...kept, exports: Object.fromEntries(exports), files: ['dist', BUNDLE_FOLDER, ...ALSO_PUBLISHED] };
}

/** Declarations keep the endings of the sources in their imports; only the emitted JavaScript has new ones. */
function publishedImports(declarations: string): string {
  return declarations.replaceAll(/(\bfrom |\bimport\(?)(['"])(\.{1,2}\/[^'"\n]+)\.ts\2/g, '$1$2$3.js$2');
}

/** `../src/main.ts` becomes `../dist/main.js`. */
function publishedPath(text: string): string {
  return text.replaceAll(/(\.{1,2})\/src\/([\w/-]+)\.ts\b/g, '$1/dist/$2.js');
}

/** `../src/main.ts` becomes `../bundle/main.cjs`. */
function bundledPath(text: string): string {
  return text.replaceAll(/\.\.\/src\/([\w-]+)\.ts\b/g, `../${BUNDLE_FOLDER}/$1.cjs`);
}

function rewrite(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}

/** Answers the paths of the tarballs. npm takes longer to start than to pack them all. */
function pack(staged: readonly string[], folder: string): readonly string[] {
  const said = run('npm', ['pack', ...staged, '--ignore-scripts', '--silent', '--pack-destination', folder], ROOT);
  const names = said.trim().split('\n');
  if (names.length !== staged.length) throw new Error(`npm packed ${names.length} of ${staged.length} packages`);
  return names.map((name) => join(folder, name));
}

function run(command: string, args: readonly string[], directory: string): string {
  const path = [join(ROOT, 'node_modules/.bin'), process.env['PATH']].join(delimiter);
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: directory,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** @throws Error for a manifest without a name. */
function readManifest(folder: string): Manifest {
  const manifest: Manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (typeof manifest.name !== 'string') throw new Error(`${folder}/package.json has no name`);
  return manifest;
}

if (import.meta.main) {
  const [folder = join(ROOT, '.cache/pack')] = process.argv.slice(2);
  for (const tarball of await packAll(resolve(folder))) process.stdout.write(`${tarball}\n`);
}
