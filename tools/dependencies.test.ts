import { describe, expect, test } from 'vitest';
import { completed, gapsIn, type LockedPackage, type LockFile } from './complete-lock.ts';
import { checkDocumented, checkLocked } from './dependencies.ts';

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
      'accepts one for a platform that is not ours',
      'node_modules/a',
      { license: 'MIT', optional: true, os: ['darwin'], cpu: ['arm64'] },
      [],
    ],
    [
      'refuses one for ours',
      'node_modules/a',
      { license: 'MIT', optional: true, os: ['linux'], cpu: ['arm64'], libc: ['glibc'] },
      ['a: the lock file has no SHA-512 for it'],
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

describe('completing the lock file', () => {
  const tool: LockedPackage = {
    version: '1.2.3',
    license: 'MIT',
    dev: true,
    optionalDependencies: { '@a/linux-x64-gnu': '1.2.3', '@a/linux-arm64-musl': '1.2.3', '@a/darwin-arm64': '1.2.3' },
  };
  const lock: LockFile = {
    packages: { '': {}, 'node_modules/@a/linux-x64-gnu': { version: '1.2.3' }, 'node_modules/a': tool },
  };

  test('finds what npm ci calls missing', () => {
    expect(gapsIn(lock).map(({ name }) => name)).toEqual(['@a/linux-arm64-musl', '@a/darwin-arm64']);
  });

  test('writes down the platform and nothing that is not known', () => {
    const { packages } = completed(lock);
    expect(Object.keys(packages)).toEqual([
      '',
      'node_modules/@a/darwin-arm64',
      'node_modules/@a/linux-arm64-musl',
      'node_modules/@a/linux-x64-gnu',
      'node_modules/a',
    ]);
    expect(packages['node_modules/@a/linux-arm64-musl']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      dev: true,
      libc: ['musl'],
      license: 'MIT',
      optional: true,
      os: ['linux'],
    });
    expect(gapsIn({ packages })).toEqual([]);
  });

  test('refuses a name that says no platform', () => {
    const odd: LockFile = { packages: { a: { optionalDependencies: { b: '1.0.0' } } } };
    expect(() => completed(odd)).toThrow('b does not say which platform it is for');
  });
});
