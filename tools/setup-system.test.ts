import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from './source/files.ts';

describe('the check for system programs', () => {
  test('names what is missing and the command that installs it', () => {
    const script = join(ROOT, 'tools/setup-system.sh');
    // A path without the folders in which Debian installs programs for everybody.
    const { status, stderr } = spawnSync('/bin/sh', [script, '--check'], { env: { PATH: '' }, encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/^missing:.* wrk slowhttptest chromium/);
    expect(stderr).toContain('npm run setup:system');
  });
});
