import { functionsOf } from '../source/functions.ts';
import { importsOf } from '../source/imports.ts';
import { lineOf, type Scan } from '../source/scan.ts';

/** One TypeScript file under judgement. */
export interface SourceFile {
  /** Below the workspace. */
  readonly path: string;
  readonly scan: Scan;
}

/** Lines of a file (style 7). */
const FILE_LINES_MAX = 400;

/** Lines of a file that is allowed to be long: beyond this it has two subjects. */
const LONG_FILE_LINES_MAX = 500;

/** Lines of a function, its signature included (style 7). */
const FUNCTION_LINES_MAX = 70;

/** Files that may have more than 400 lines, each with its reason. */
export const LONG_FILES: ReadonlyMap<string, string> = new Map([
  [
    'packages/gateway/test/upstream/failure.test.ts',
    'one table: everything that can fail upstream, and whose fault it is',
  ],
  [
    'packages/gateway/test/websocket/relay.test.ts',
    'one rig of two real sockets, and everything the relay does between them',
  ],
]);

export function fileLength({ path, scan }: SourceFile): readonly string[] {
  const lines = scan.text.trimEnd().split('\n').length;
  const max = LONG_FILES.has(path) ? LONG_FILE_LINES_MAX : FILE_LINES_MAX;
  return lines > max ? [`${path} has ${lines} lines, ${max} are allowed`] : [];
}

/** A flat list of guards or one hot state machine may be longer when a comment `Flat: reason` says so. */
export function functionLength({ path, scan }: SourceFile): readonly string[] {
  return functionsOf(scan)
    .filter(({ from, to, isFlat }) => to - from + 1 > FUNCTION_LINES_MAX && !isFlat)
    .map(
      ({ name, from, to }) => `${path}:${from}: ${name} has ${to - from + 1} lines, ${FUNCTION_LINES_MAX} are allowed`,
    );
}

/** Node runs the sources as they are: what stands in an import has to be the file. */
export function importEnding({ path, scan }: SourceFile): readonly string[] {
  return importsOf(scan)
    .filter(({ specifier }) => specifier.startsWith('.') && !/\.(?:ts|js|json|svelte|css)$/.test(specifier))
    .map(({ specifier, line }) => `${path}:${line}: ${specifier} names no file`);
}

export function leftoverNote({ path, scan }: SourceFile): readonly string[] {
  return scan.comments
    .filter(({ value }) => /\b(?:FIXME|TODO|XXX|HACK)\b/.test(value))
    .map(({ start }) => `${path}:${lineOf(scan.text, start)}: a note to ourselves; do it or write an issue`);
}

/** Types that type stripping cannot strip, and `any` in a place the linter does not look at. */
export function unstrippable({ path, scan }: SourceFile): readonly string[] {
  return found(
    { path, scan },
    /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/gm,
    'cannot be stripped',
  );
}

/** Time and randomness are parameters everywhere below the composition root, with or without a default (style 6). */
export function hiddenInput({ path, scan }: SourceFile): readonly string[] {
  if (!isProduct(path) || path.startsWith('packages/cli/') || path.startsWith('packages/console/')) return [];
  const pattern = /(?<!\?\? )\b(?:Date\.now\b|performance\.now\b|Math\.random\b|new Date\(\))/g;
  return found({ path, scan }, pattern, 'is an input; take it as a parameter');
}

/** The composition root decides where words go. */
export function consoleOutput({ path, scan }: SourceFile): readonly string[] {
  if (!isProduct(path) || path.startsWith('packages/cli/') || path.startsWith('packages/console/')) return [];
  return found({ path, scan }, /\bconsole\s*\.\s*\w+/g, 'writes past the log');
}

/** We test with implementations of ports, and a test that does not run proves nothing. */
export function weakTest({ path, scan }: SourceFile): readonly string[] {
  if (!path.endsWith('.test.ts')) return [];
  return [
    ...found({ path, scan }, /\bvi\.(?:mock|fn|spyOn|doMock)\b|\bmock\.(?:method|fn|module)\b/g, 'is a mock'),
    ...found({ path, scan }, /\b(?:test|it|describe|suite)\.(?:skip|only|todo|skipIf|runIf)\b/g, 'hides tests'),
  ];
}

function found({ path, scan }: SourceFile, pattern: RegExp, why: string): readonly string[] {
  return [...scan.code.matchAll(pattern)].map(
    ({ 0: text, index }) => `${path}:${lineOf(scan.text, index + text.search(/\S/))}: ${text.trim()} ${why}`,
  );
}

function isProduct(path: string): boolean {
  return /^packages\/[^/]+\/src\//.test(path) && !path.endsWith('.test.ts');
}
