import { describe, expect, test } from 'vitest';
import { checkDocumented, checkLocked, type LockedPackage } from './dependencies.ts';

describe('the check of dependencies (R0.27)', () => {
  const good: LockedPackage = { license: 'MIT', integrity: 'sha512-abc', dev: false };

  test.each<[string, string, LockedPackage, readonly string[]]>([
    ['accepts a package', 'node_modules/a', good, []],
    ['accepts a choice of licences', 'node_modules/a', { ...good, license: '(MIT OR GPL-3.0-only)' }, []],
    [
      'refuses two licences of which one is not allowed',
      'node_modules/a',
      { ...good, license: 'MIT AND GPL-3.0-only' },
      ['a: licence MIT AND GPL-3.0-only is not on the list'],
    ],
    [
      'refuses a licence that nobody knows',
      'node_modules/@a/b',
      { integrity: 'sha512-abc' },
      ['@a/b: licence none is not on the list'],
    ],
    ['accepts file-level copyleft in a tool', 'node_modules/a', { ...good, license: 'MPL-2.0', dev: true }, []],
    [
      'refuses it in the product',
      'node_modules/a',
      { ...good, license: 'MPL-2.0' },
      ['a: licence MPL-2.0 is not on the list'],
    ],
    [
      'refuses a package without a strong hash',
      'node_modules/a/node_modules/b',
      { ...good, integrity: 'sha1-abc' },
      ['b: the lock file has no SHA-512 for it'],
    ],
    [
      'refuses a script at install',
      'node_modules/a',
      { ...good, hasInstallScript: true },
      ['a: runs a script at install, which nobody has approved'],
    ],
    [
      'refuses a download host',
      'node_modules/a',
      { ...good, resolved: 'https://example.com/a.tgz' },
      ['a: the lock file names a download host'],
    ],
    ['accepts a workspace', 'node_modules/a', { link: true, resolved: 'packages/a' }, []],
  ])('%s', (_, path, locked, problems) => {
    expect(checkLocked(path, locked)).toEqual(problems);
  });

  test.each<[string, readonly string[], string, readonly string[]]>([
    ['is content when each is explained', ['a', '@b/c'], '| `a`, `@b/c` | why |\n', []],
    ['misses one', ['a', 'b'], '| `a` | `b` |\n', ['docs/dependencies.md does not explain b']],
    [
      'notices one that is gone',
      ['a'],
      '| `a` |\n| `b` |\n',
      ['docs/dependencies.md explains b, which no manifest names'],
    ],
  ])('%s', (_, names, document, problems) => {
    expect(checkDocumented(names, document)).toEqual(problems);
  });
});
