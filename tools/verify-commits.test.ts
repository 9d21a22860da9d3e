import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from './source/files.ts';

describe('the check of signatures (R3.10)', () => {
  const home = mkdtempSync(join(tmpdir(), 'sallyport-gpg-'));
  const repository = mkdtempSync(join(tmpdir(), 'sallyport-commits-'));
  // Nothing of the person who runs this: no keyring, no configuration, no identity.
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    GNUPGHOME: home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'Ann',
    GIT_AUTHOR_EMAIL: 'ann@example.com',
    GIT_COMMITTER_NAME: 'Ann',
    GIT_COMMITTER_EMAIL: 'ann@example.com',
  };

  function git(...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: repository, env, encoding: 'utf8' }).trim();
  }

  function verify(range: string): { readonly status: number | null; readonly stderr: string } {
    return spawnSync('sh', [join(ROOT, 'tools/verify-commits.sh'), range], { cwd: repository, env, encoding: 'utf8' });
  }

  beforeAll(() => {
    const key = ['--quick-generate-key', 'Ann <ann@example.com>', 'ed25519', 'sign', 'never'];
    execFileSync('gpg', ['--batch', '--quiet', '--passphrase', '', ...key], { env, stdio: 'pipe' });
    git('init', '--quiet', '--initial-branch=main');
    git('commit', '--quiet', '--allow-empty', '--message=first', '--gpg-sign=ann@example.com');
    git('commit', '--quiet', '--allow-empty', '--message=second', '--gpg-sign=ann@example.com');
    git('commit', '--quiet', '--allow-empty', '--message=third', '--no-gpg-sign');
  });

  afterAll(() => {
    execFileSync('gpgconf', ['--kill', 'all'], { env });
    rmSync(home, { recursive: true, force: true });
    rmSync(repository, { recursive: true, force: true });
  });

  test('accepts commits that a known key signed', () => {
    expect(verify('HEAD~2..HEAD~1')).toMatchObject({ status: 0, stderr: '' });
  });

  test('names the commit that nobody signed', () => {
    const { status, stderr } = verify('HEAD~2..HEAD');
    expect(status).toBe(1);
    expect(stderr).toContain(`no good signature: ${git('log', '-1', '--format=%h')} Ann: third`);
    expect(stderr).toContain('1 of 2 commits');
  });
});
