/**
 * Proof that the tools we trust say something: each is shown code that breaks its rules. A checker that silently checks
 * nothing looks exactly like one that is content.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ROOT, readText } from './source/files.ts';

const BIN = join(ROOT, 'node_modules/.bin');

function output(program: string, args: readonly string[], cwd: string = ROOT): string {
  const { stdout, stderr } = spawnSync(join(BIN, program), args, {
    cwd,
    encoding: 'utf8',
    env: { PATH: `${BIN}:${process.env['PATH'] ?? ''}`, NO_COLOR: '1' },
  });
  return stdout + stderr;
}

describe('the linter', () => {
  const folder = 'tools/fixtures/lint-bad';
  const found = output('oxlint', ['-c', `${folder}/oxlintrc.json`, '--type-aware', '-f', 'unix', folder]);

  test.each([
    ['a promise that nobody awaits', 5, 'typescript(no-floating-promises)'],
    ['a switch that forgets a case', 9, 'typescript(switch-exhaustiveness-check)'],
    ['an `as` on something that was parsed', 17, 'typescript(no-unsafe-type-assertion)'],
    ['a non-null assertion', 21, 'typescript(no-non-null-assertion)'],
    ['an any', 24, 'typescript(no-explicit-any)'],
    ['five parameters', 28, 'eslint(max-params)'],
    ['an `as` that narrows', 33, 'typescript(no-unsafe-type-assertion)'],
  ])('finds %s', (_, line, rule) => {
    const lines = found.split('\n').filter((text) => text.startsWith(`${folder}/careless.ts:${line}:`));
    expect(lines.join('\n')).toContain(rule);
  });
});

describe('the formatter', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-structure-'));
  cpSync(join(ROOT, 'tools/fixtures/structure-bad'), folder, { recursive: true });
  // Our own rules for another tree: the workspace's configuration leaves fixtures out.
  const configuration: { readonly $schema?: string; readonly files?: unknown } = JSON.parse(readText('biome.json'));
  writeFileSync(join(folder, 'biome.json'), JSON.stringify({ ...configuration, $schema: undefined, files: undefined }));
  const found = output('biome', ['ci', '--colors=off', '--reporter=github', '.'], folder);

  afterAll(() => rmSync(folder, { recursive: true }));

  test.each([
    ['files that import each other', 'lint/suspicious/noImportCycles', 'left.ts'],
    ['an import that no manifest declares', 'lint/correctness/noUndeclaredDependencies', 'undeclared.ts'],
    ['imports out of order', 'assist/source/organizeImports', 'unsorted.ts'],
    ['another format', 'format', 'unsorted.ts'],
  ])('finds %s', (_, rule, file) => {
    const lines = found.split('\n').filter((line) => line.includes(rule) && line.includes(`src/${file}`));
    expect(lines).not.toEqual([]);
  });
});

describe('the compiler', () => {
  test.each([
    ['an enum, which no type stripping can strip', 'export enum A {}', 'TS1294'],
    ['a parameter property', 'export class A {\n  constructor(readonly a: string) {}\n}', 'TS1294'],
    ['an exported value without a type', 'export const a = [1].map(String);', 'TS9'],
    ['an index that may be absent', 'export const a: string = [""][1];', 'TS2322'],
    ['an import without its ending', "export { a } from './a';", 'TS28'],
  ])('refuses %s', (_, text, code) => {
    const folder = mkdtempSync(join(ROOT, 'tools/fixtures/compile-'));
    try {
      writeFileSync(join(folder, 'a.ts'), text);
      const include = { extends: '../../../tsconfig.json', include: ['a.ts'], exclude: [] };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(include));
      expect(output('tsc', ['--noEmit', '--pretty', 'false', '-p', join(folder, 'tsconfig.json')])).toContain(code);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
