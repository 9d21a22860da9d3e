import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT, readScan, readText, workspaceFiles } from './source/files.ts';
import { scan } from './source/scan.ts';
import { limitsOf, rationaleGaps } from './tidy/limits.ts';
import {
  consoleOutput,
  fileLength,
  functionLength,
  hiddenInput,
  importEnding,
  LONG_FILES,
  leftoverNote,
  type SourceFile,
  unstrippable,
  weakTest,
} from './tidy/source-rules.ts';
import { deadLink, leftoverNoteInText, machineTrace, namelessFolder, oneTitle } from './tidy/text-rules.ts';

const PATHS = workspaceFiles();
const SOURCES: readonly SourceFile[] = PATHS.filter((path) => path.endsWith('.ts')).map((path) => ({
  path,
  scan: readScan(path),
}));

describe('the house', () => {
  test.each([
    ['keeps files short', fileLength],
    ['keeps functions short', functionLength],
    ['names files in imports as they are', importEnding],
    ['has no notes to itself in its sources', leftoverNote],
    ['runs as it is written', unstrippable],
    ['takes time and randomness as parameters', hiddenInput],
    ['speaks through its log', consoleOutput],
    ['runs every test and mocks nothing', weakTest],
  ])('%s', (_, rule) => {
    expect(SOURCES.flatMap(rule)).toEqual([]);
  });

  test.each([
    ['names no machine and no registry', machineTrace],
    ['has no notes to itself in its documents', leftoverNoteInText],
    ['gives every document one title', oneTitle],
  ])('%s', (_, rule) => {
    expect(PATHS.flatMap((path) => rule({ path, text: readText(path) }))).toEqual([]);
  });

  test('has no link that leads nowhere', () => {
    const exists = (path: string): boolean => existsSync(join(ROOT, path));
    expect(PATHS.flatMap((path) => deadLink({ path, text: readText(path) }, exists))).toEqual([]);
  });

  test('has no folder without a subject', () => {
    expect(PATHS.flatMap(namelessFolder)).toEqual([]);
  });

  test('explains every limit in RATIONALE.md', () => {
    expect(rationaleGaps(readText('RATIONALE.md'), SOURCES)).toEqual([]);
  });

  test('lists no long file that is gone or has become short', () => {
    const long = SOURCES.filter(({ scan: { text } }) => text.trimEnd().split('\n').length > 400).map(
      ({ path }) => path,
    );
    expect([...LONG_FILES.keys()].filter((path) => !long.includes(path))).toEqual([]);
  });
});

describe('a rule about sources', () => {
  const lines = (count: number): string => 'a();\n'.repeat(count);
  const body = (count: number): string => `function a(): void {\n${'  b();\n'.repeat(count - 2)}}\n`;

  test.each([
    ['a file of 400 lines', fileLength, lines(400), 'packages/a/src/b.ts', 0],
    ['a file of 401 lines', fileLength, lines(401), 'packages/a/src/b.ts', 1],
    ['a function of 70 lines', functionLength, body(70), 'packages/a/src/b.ts', 0],
    ['a function of 71 lines', functionLength, body(71), 'packages/a/src/b.ts', 1],
    ['a long function that says why', functionLength, `// Flat: RFC 9112.\n${body(71)}`, 'packages/a/src/b.ts', 0],
    ['an import with its ending', importEnding, "import './a.ts';", 'packages/a/src/b.ts', 0],
    ['an import without its ending', importEnding, "import './a';", 'packages/a/src/b.ts', 1],
    ['a note', leftoverNote, '// TODO: later', 'packages/a/src/b.ts', 1],
    ['the same word in a string', leftoverNote, "const a = 'TODO';", 'packages/a/src/b.ts', 0],
    ['an enum', unstrippable, 'export const enum A { B }', 'packages/a/src/b.ts', 1],
    ['a word that begins like one', unstrippable, 'const enumerable = true;', 'packages/a/src/b.ts', 0],
    ['a clock of its own', hiddenInput, 'const a = Date.now();', 'packages/a/src/b.ts', 1],
    ['a clock as a default', hiddenInput, 'const a = options.nowMs ?? Date.now();', 'packages/a/src/b.ts', 0],
    ['a clock in the composition root', hiddenInput, 'const a = Date.now();', 'packages/cli/src/b.ts', 0],
    ['a clock in a test', hiddenInput, 'const a = Date.now();', 'packages/a/test/b.test.ts', 0],
    ['a date that was given', hiddenInput, 'const a = new Date(b);', 'packages/a/src/b.ts', 0],
    ['a line on the console', consoleOutput, 'console.log(a);', 'packages/a/src/b.ts', 1],
    ['a mock', weakTest, 'vi.mock(a);', 'packages/a/test/b.test.ts', 1],
    ['a hidden test', weakTest, 'describe.skip(a);', 'packages/a/test/b.test.ts', 1],
    ['a test', weakTest, 'test.each(a);', 'packages/a/test/b.test.ts', 0],
  ])('judges %s', (_, rule, text, path, count) => {
    expect(rule({ path, scan: scan(text) })).toHaveLength(count);
  });
});

describe('a rule about texts', () => {
  // Put together here, because this file is judged as well.
  const folder = (name: string): string => `/${name}/`;
  const host = ['npmjs', 'org'].join('.');

  test.each([
    ['a machine path', machineTrace, 'a.md', `see ${folder('work')}main`, 1],
    ['a home folder', machineTrace, 'a.md', `see ${folder('home')}anna/sallyport`, 1],
    ['a URL with such a path', machineTrace, 'a.md', `https://example.com${folder('work')}main`, 0],
    ['a registry', machineTrace, 'a.json', `https://registry.${host}/a`, 1],
    ['a note in a document', leftoverNoteInText, 'a.md', 'TODO: write', 1],
    ['a document with a title', oneTitle, 'a.md', '# A\n\n## B\n', 0],
    ['a document without a title', oneTitle, 'a.md', '## B\n', 1],
    ['a document with two', oneTitle, 'a.md', '# A\n\n# B\n', 1],
    ['a comment in a code block', oneTitle, 'a.md', '# A\n\n```sh\n# b\n```\n', 0],
    ['a title that comes late', oneTitle, 'a.md', '## B\n\n# A\n', 1],
  ])('judges %s', (_, rule, path, text, count) => {
    expect(rule({ path, text })).toHaveLength(count);
  });

  test.each([
    ['to a file that exists', '[a](./b.md#c)', 0],
    ['to a file that does not', '[a](c.md)', 1],
    ['to another site', '[a](https://example.com/c.md)', 0],
    ['to a heading', '[a](#b)', 0],
    ['in a code block', '```\n[a](c.md)\n```', 0],
  ])('judges a link %s', (_, text, count) => {
    expect(deadLink({ path: 'docs/a.md', text }, (path) => path === 'docs/b.md')).toHaveLength(count);
  });

  test.each([
    ['packages/a/src/utils/b.ts', 1],
    ['packages/a/src/common/b.ts', 1],
    ['packages/a/src/commonmark/b.ts', 0],
  ])('judges the folder of %s', (path, count) => {
    expect(namelessFolder(path)).toHaveLength(count);
  });
});

describe('the rule about limits', () => {
  const sources: readonly SourceFile[] = [
    { path: 'packages/a/src/b.ts', scan: scan('export const NAME_LENGTH_MAX = 3;\nconst MAXIMAL = 4;\n') },
    { path: 'packages/a/src/c.ts', scan: scan('export const A_LIMITS: A = {\n  // Why.\n  stepsMax: 4,\n};\n') },
    { path: 'packages/a/test/b.test.ts', scan: scan('const STEPS_MAX = 3;\n') },
  ];

  test('knows constants and members of tables', () => {
    expect(limitsOf(sources).map(({ name }) => name)).toEqual(['NAME_LENGTH_MAX', 'stepsMax']);
  });

  test.each([
    ['is content with both', '| `NAME_LENGTH_MAX` | 3 |\n| `A_LIMITS.stepsMax` | 4 |\n', []],
    ['is content with prose', 'Bounds of a domain: `NAME_LENGTH_MAX`, `stepsMax`.', []],
    ['misses one', '| `stepsMax` | 4 |\n', ['RATIONALE.md does not explain NAME_LENGTH_MAX (packages/a/src/b.ts)']],
    [
      'names what is gone',
      '| `NAME_LENGTH_MAX`, `stepsMax`, `oldMax` | 4 |\n',
      ['RATIONALE.md explains oldMax, which is not in the code'],
    ],
  ])('%s', (_, rationale, gaps) => {
    expect(rationaleGaps(rationale, sources)).toEqual(gaps);
  });
});
