/**
 * Loads the chunks of the bundle beside it; the bundle holds this file as `chunks.cjs`. Where the release has kept what V8 made of them
 * (record-code.ts), a thread need not do that again; without it, or with another Node.js, each function is compiled when it is first
 * called.
 */
import { hash } from 'node:crypto';
import { channel } from 'node:diagnostics_channel';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, Script } from 'node:vm';

/** A chunk that a thread loads, for who listens on {@link LOADING}. */
export interface LoadedChunk {
  /** The name of the thread. */
  readonly thread: string;
  readonly name: string;
  readonly source: string;
  readonly script: Script;
}

/** What was kept of a thread's chunks: where each lies behind this head, and the hash of its source and what was made of it. */
export interface KeptCode {
  readonly maker: string;
  readonly chunks: Readonly<
    Record<string, { readonly offset: number; readonly length: number; readonly hash: string }>
  >;
}

/** The channel on which loaded chunks are told. */
export const LOADING = 'sallyport:chunk';

/** What runs here: nothing else may use what it made. */
export const MAKER: string = `${process.version} ${process.arch}`;

const own = fileURLToPath(import.meta.url);
const loading = channel(LOADING);

/** Loads a thread's first chunk, and those that it needs; what was kept of them has the name of the thread. */
export function loadThread(thread: string): unknown {
  const kept = keptCode(join(dirname(own), `${thread}.code`));
  const others = createRequire(own);
  const modules = new Map<string, { readonly exports: unknown }>();
  const requireFrom = (id: string): unknown => (id.startsWith('./') ? load(id.slice('./'.length)) : others(id));
  const load = (name: string): unknown => {
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const filename = join(dirname(own), name);
    // ASCII, as the bundle is written.
    const source = readFileSync(filename, 'latin1');
    const script = new Script(source, {
      filename,
      cachedData: kept(name, source),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    });
    if (loading.hasSubscribers) loading.publish({ thread, name, source, script } satisfies LoadedChunk);
    const made = { exports: {} };
    modules.set(name, made);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The bundle makes a function of each chunk.
    const chunk = script.runInThisContext() as ChunkFunction;
    chunk(made.exports, Object.assign(requireFrom, others), made, filename, dirname(own));
    return made.exports;
  };
  return load(`${thread}.chunk.cjs`);
}

/** With the parameters of every module of the kind CommonJS. */
type ChunkFunction = (
  ...parameters: readonly [
    exports: unknown,
    require: (id: string) => unknown,
    module: { readonly exports: unknown },
    filename: string,
    folder: string,
  ]
) => void;

/**
 * What was kept for a chunk, by name and source, or undefined. V8 rejects what was made by another version of it or under other settings,
 * but it looks at the length of a source only: hence the hash.
 */
function keptCode(path: string): (name: string, source: string) => Buffer | undefined {
  if (!existsSync(path)) return () => undefined;
  const file = readFileSync(path);
  const headEnd = file.indexOf('\n');
  const { maker, chunks = {} } = headOf(file.toString('latin1', 0, Math.max(headEnd, 0)));
  if (maker !== MAKER) return () => undefined;
  let bytes: Buffer | undefined = file.subarray(headEnd + 1);
  const waiting = new Map(Object.entries(chunks));
  return (name, source) => {
    const place = waiting.get(name);
    if (place === undefined || bytes === undefined) return undefined;
    const code = bytes.subarray(place.offset, place.offset + place.length);
    // Whoever may still ask for a chunk must not keep the code of all others for as long as the thread lives.
    waiting.delete(name);
    if (waiting.size === 0) bytes = undefined;
    return hashOf(source, code) === place.hash ? code : undefined;
  };
}

/** SHA-256, which a start has at hand: `node:crypto` is loaded by every thread, `node:zlib` with its sums by one. */
export function hashOf(source: string, code: Uint8Array): string {
  return hash('sha256', hash('sha256', source) + hash('sha256', code));
}

/** Of a file that is damaged nothing is used. */
function headOf(line: string): Partial<KeptCode> {
  try {
    const head: Partial<KeptCode> | null = JSON.parse(line);
    return head ?? {};
  } catch {
    return {};
  }
}
