/**
 * The command as a few files: each of its threads loads what it needs from chunks that they share, instead of some hundred
 * modules. Our packages and those of other people are in them; what is no code stays in its package, and the doors of the
 * packages are not touched.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type OutputChunk, type Plugin, rolldown } from 'rolldown';
import { ROOT } from '../source/files.ts';

/** Where a package with a command has its bundle, beside `dist`. */
export const BUNDLE_FOLDER = 'bundle';

/** The licences of other people whose code is in the chunks. */
const NOTICES_FILE = 'THIRD-PARTY-NOTICES.txt';

/** What starts a thread, by the path of its source below the package. Names are those that threads are started by. */
const ENTRIES = [
  'src/main.ts',
  'src/plane/worker-main.ts',
  'src/plane/compile-main.ts',
  'src/store/store-main.ts',
  'src/store/event-questions-main.ts',
];

/** Writes the bundle of the package in `source`, a folder below the root. @throws Error for what fails. */
export async function bundle(source: string, folder: string): Promise<void> {
  const input = ENTRIES.map((entry) => join(ROOT, source, entry));
  const entries = Object.fromEntries(input.map((path) => [basename(path, '.ts'), path]));
  const made = await rolldown({
    input: entries,
    platform: 'node',
    plugins: [ownModules(join(ROOT, source), new Set(input))],
    onLog: (_, log) => {
      throw new Error(`the bundle of ${source}: ${log.message}`);
    },
  });
  // Readable, so that a stack trace of an operator can be read by us: lines and names stay. Comments are for who reads sources.
  // CommonJS: every thread that loads a module of the other kind sets up a second loader (docs/adr/0017).
  const { output } = await made.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].chunk.cjs',
    chunkFileNames: '[name]-[hash].cjs',
    sourcemap: true,
    minify: false,
    comments: false,
    plugins: [asFunction()],
  });
  await made.close();
  await bundleLoader(folder);
  for (const name of Object.keys(entries)) {
    const start = `'use strict';\nmodule.exports = require('./chunks.cjs').loadThread('${name}');\n`;
    writeFileSync(join(folder, `${name}.cjs`), start);
  }
  const chunks = output.filter((file) => file.type === 'chunk');
  writeFileSync(join(folder, NOTICES_FILE), noticesOf(foreignFolders(chunks)));
}

/** Writes what loads the chunks. */
export async function bundleLoader(folder: string): Promise<void> {
  const made = await rolldown({ input: join(ROOT, 'tools/release/chunks.ts'), platform: 'node' });
  await made.write({ dir: folder, format: 'cjs', entryFileNames: '[name].cjs', comments: false });
  await made.close();
}

/**
 * What differs for our own modules: none does anything at import, so what nobody uses of them is left out; and one that looks
 * for files beside itself is told where its package has it, because the files are still there.
 */
function ownModules(product: string, entries: ReadonlySet<string>): Plugin {
  return {
    name: 'own-modules',
    transform(code, id) {
      if (id.includes('/node_modules/') || !id.startsWith(ROOT)) return undefined;
      const moduleSideEffects = entries.has(id);
      // The command starts the bundle; nobody starts a file of it.
      const started = code.replaceAll('import.meta.main', 'false');
      // The command's own folder is one below its package, in the bundle as in `dist`.
      if (id.startsWith(product) || !started.includes('import.meta.')) {
        return { code: started, map: null, moduleSideEffects };
      }
      const [, folder = '', path = ''] = /^(.*)\/src\/(.+)\.ts$/.exec(id) ?? [];
      const { name } = readManifest(folder);
      const door = `process.getBuiltinModule('node:module').createRequire(__filename).resolve(${JSON.stringify(name)})`;
      const url = `new URL(${JSON.stringify(`./${path}.js`)}, process.getBuiltinModule('node:url').pathToFileURL(${door}))`;
      const placed = started
        .replaceAll('import.meta.url', `${url}.href`)
        .replaceAll('import.meta.dirname', `process.getBuiltinModule('node:url').fileURLToPath(new URL('.', ${url}))`);
      // Lines stay where they are, and maps of lines are enough.
      return { code: placed, map: null, moduleSideEffects };
    },
  };
}

/**
 * Each chunk is a function, as chunks.cjs calls it. What is not ASCII is written as escapes, which mean the same in literals and names,
 * where alone it stands without comments: V8 keeps a text with one character beyond Latin-1 in two bytes for each, in every thread.
 */
function asFunction(): Plugin {
  return {
    name: 'as-function',
    renderChunk(code) {
      // In the raw text of a tagged template an escape would be another text, and behind a backslash it would be none.
      const other = /\braw`[^`]*[^\0-\x7f]|(?<!\\)(?:\\\\)*\\[^\0-\x7f]/.exec(code);
      if (other !== null) throw new Error(`cannot be written in ASCII: ${other[0]}`);
      const body = code.replaceAll(/[^\0-\x7f]/g, escapeOf);
      // On one line with the first, so that lines stay where they are.
      return { code: `(function (exports, require, module, __filename, __dirname) { ${body}\n})\n`, map: null };
    },
  };
}

function escapeOf(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Folders of packages of other people that have code in the chunks, in the order of their names. */
function foreignFolders(chunks: readonly OutputChunk[]): readonly string[] {
  const paths = chunks.flatMap(({ moduleIds }) => moduleIds).filter((id) => id.includes('/node_modules/'));
  const folders = paths.map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replace(/^\0/, ''))?.[0] ?? id);
  return [...new Set(folders)].toSorted((one, other) => (relative(ROOT, one) < relative(ROOT, other) ? -1 : 1));
}

function noticesOf(folders: readonly string[]): string {
  const head = 'The files in this folder hold code of these packages, each under the licence that follows its name.\n';
  return [head, ...folders.map((folder) => notice(folder))].join(`\n${'-'.repeat(80)}\n\n`);
}

/** @throws Error for a package that has no licence to pass on. */
function notice(folder: string): string {
  const { name, version, license } = readManifest(folder);
  const texts = readdirSync(folder).filter((file) => /^(?:licen[cs]e|notice|copying)/i.test(file));
  if (texts.length === 0) throw new Error(`${name} has no licence that could be passed on`);
  const said = texts.toSorted().map((file) => readFileSync(join(folder, file), 'utf8').trim());
  return `${name} ${version} (${license})\n\n${said.join('\n\n')}\n`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** @throws Error for a folder without one. */
function readManifest(folder: string): Manifest {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) throw new Error(`${dirname(path)} is no package`);
  const manifest: Manifest = JSON.parse(readFileSync(path, 'utf8'));
  return manifest;
}
