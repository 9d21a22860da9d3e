import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import type { RuleProvenance } from '@sallyport/kernel';
import type { RuleFiles, RuleSource } from '@sallyport/waf';
import type { FileReader } from '../files.ts';

/** What the entries of `rules` lead to. */
export interface FoundRules {
  /** What only sets variables, and comes before our own settings: `crs-setup.conf`, configurations of plugins. */
  readonly setup: readonly RuleSource[];
  readonly rules: readonly RuleSource[];
  /** What is wrong, by the index of the entry: clauses without subject. */
  readonly problems: readonly {
    readonly index: number;
    readonly problem: string;
    readonly allowed: string | undefined;
  }[];
}

/**
 * Reads rule files: single ones, all `*.conf` of a folder by name, or a folder that is laid out like a release of the CRS
 * (`crs-setup.conf` or its example, `plugins`, `rules`).
 */
export function readRules(paths: readonly string[], files: FileReader): FoundRules {
  const setup: RuleSource[] = [];
  const rules: RuleSource[] = [];
  const problems: { index: number; problem: string; allowed: string | undefined }[] = [];
  for (const [index, path] of paths.entries()) {
    const found = readEntry(path, files);
    setup.push(...found.setup);
    rules.push(...found.rules);
    for (const problem of found.problems) {
      problems.push({ index, problem, allowed: problem === MISSING ? INSTALL : undefined });
    }
  }
  return { setup, rules, problems };
}

/** Finds the files that rules name, relative to the file that names them. */
export function ruleFilesOf(files: FileReader): RuleFiles {
  return {
    readFile: (path, from) => {
      const name = resolve(dirname(from), path);
      const read = readText(name, files);
      return read.kind === 'text' ? { name, text: read.text } : undefined;
    },
  };
}

/** Remembers what rules asked for. */
export class RecordedFiles implements RuleFiles {
  readonly #files: RuleFiles;
  readonly #read: Map<
    string,
    { readonly path: string; readonly from: string; readonly source: RuleSource | undefined }
  > = new Map();

  constructor(files: RuleFiles) {
    this.#files = files;
  }

  readFile(path: string, from: string): RuleSource | undefined {
    const key = `${from}\0${path}`;
    const known = this.#read.get(key);
    if (known !== undefined) return known.source;
    const source = this.#files.readFile(path, from);
    this.#read.set(key, { path, from, source });
    return source;
  }

  get hashes(): RuleProvenance['files'] {
    return [...this.#read.values()].map(({ path, from, source }) => ({ path, from, hash: hashOf(source) }));
  }
}

/** True when everything that rules asked for once is still as it was. */
export function areFilesAsBefore(before: RuleProvenance['files'], files: RuleFiles): boolean {
  return before.every(({ path, from, hash }) => hashOf(files.readFile(path, from)) === hash);
}

function hashOf(source: RuleSource | undefined): string | undefined {
  return source === undefined ? undefined : createHash('sha256').update(source.text, 'latin1').digest('base64url');
}

/** Largest rule or data file, in bytes: the largest of the CRS has 0.3 MB. */
const RULE_FILE_BYTES_MAX = 16_777_216;

/** Most rule files of one folder: the CRS has 30. */
const RULE_FILES_MAX = 1_000;

const MISSING = 'names a file or folder that does not exist';
const INSTALL =
  'a folder with rules; install the CRS with: sallyport rules install crs VERSION; leave `rules` out for the built-in pack';

interface FoundEntry {
  readonly setup: readonly RuleSource[];
  readonly rules: readonly RuleSource[];
  readonly problems: readonly string[];
}

function readEntry(path: string, files: FileReader): FoundEntry {
  const folder = files.list(path);
  if (folder.kind === 'failure') {
    if (folder.isMissing) return { setup: [], rules: [], problems: [MISSING] };
    const read = readText(path, files);
    if (read.kind === 'problem') return { setup: [], rules: [], problems: [`names a file that ${read.why}`] };
    return { setup: [], rules: [{ name: path, text: read.text }], problems: [] };
  }
  const { names } = folder;
  const example = 'crs-setup.conf.example';
  const isRelease = names.includes('rules') || names.includes('crs-setup.conf') || names.includes(example);
  return isRelease ? readRelease(path, names, files) : readFolder(path, names, files);
}

function readFolder(path: string, names: readonly string[], files: FileReader): FoundEntry {
  const chosen = names.filter((name) => name.endsWith('.conf'));
  if (chosen.length === 0) return { setup: [], rules: [], problems: ['names a folder without any *.conf file'] };
  return { setup: [], ...readAll(path, chosen, files) };
}

function readRelease(path: string, names: readonly string[], files: FileReader): FoundEntry {
  const setupName = names.includes('crs-setup.conf') ? 'crs-setup.conf' : 'crs-setup.conf.example';
  const plugins = listed(join(path, 'plugins'), files);
  const own = listed(join(path, 'rules'), files);
  const before = plugins.filter((name) => name.endsWith('-before.conf'));
  const after = plugins.filter((name) => name.endsWith('-after.conf'));
  const configs = plugins.filter((name) => name.endsWith('-config.conf'));
  const parts = [
    readAll(path, names.includes(setupName) ? [setupName] : [], files),
    readAll(join(path, 'plugins'), configs, files),
    readAll(join(path, 'plugins'), before, files),
    readAll(join(path, 'rules'), own, files),
    readAll(join(path, 'plugins'), after, files),
  ];
  const problems = parts.flatMap((part) => part.problems);
  if (own.length === 0) problems.push('names a folder whose folder `rules` has no *.conf file');
  return {
    setup: parts.slice(0, 2).flatMap(({ rules }) => rules),
    rules: parts.slice(2).flatMap(({ rules }) => rules),
    problems,
  };
}

function listed(folder: string, files: FileReader): readonly string[] {
  const list = files.list(folder);
  return list.kind === 'failure' ? [] : list.names.filter((name) => name.endsWith('.conf'));
}

function readAll(
  folder: string,
  names: readonly string[],
  files: FileReader,
): { readonly rules: readonly RuleSource[]; readonly problems: readonly string[] } {
  if (names.length > RULE_FILES_MAX) {
    return { rules: [], problems: [`names a folder with more than ${RULE_FILES_MAX} rule files`] };
  }
  const rules: RuleSource[] = [];
  const problems: string[] = [];
  // By name, whatever the file system's order: rules hold in the order in which they are read.
  for (const name of names.toSorted()) {
    const read = readText(join(folder, name), files);
    if (read.kind === 'text') rules.push({ name: join(folder, name), text: read.text });
    else problems.push(`has a file ${basename(name)} that ${read.why}`);
  }
  return { rules, problems };
}

type ReadText = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'problem'; readonly why: string };

/** Rules are byte strings, whatever encoding their comments and phrases have. */
function readText(path: string, files: FileReader): ReadText {
  const read = files.readBytes(path, RULE_FILE_BYTES_MAX);
  if (read.kind === 'failure') return { kind: 'problem', why: read.why };
  return { kind: 'text', text: read.bytes.toString('latin1') };
}
