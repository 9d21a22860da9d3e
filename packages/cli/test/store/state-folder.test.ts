import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStateFolder } from '../../src/store/state-folder.ts';

let base = '';

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'sallyport-state-'));
});

afterEach(() => {
  chmodSync(base, 0o700);
  rmSync(base, { recursive: true });
});

describe('the state folder', () => {
  it('is made for its owner alone, with the folders above it', () => {
    const path = join(base, 'lib', 'state');
    openStateFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    openStateFolder(path);
  });

  it('is refused when others may open it, with the command that mends it', () => {
    const path = join(base, 'state');
    mkdirSync(path);
    chmodSync(path, 0o750);
    expect(() => openStateFolder(path)).toThrow(
      `the state folder ${path} may be opened by others (mode 0750); mend it with: chmod 700 ${path}`,
    );
  });

  it('is refused when a file has its place', () => {
    const path = join(base, 'state');
    writeFileSync(path, '');
    expect(() => openStateFolder(path)).toThrow(`the state folder ${path} is not a folder`);
  });

  it('is refused when it belongs to somebody else', () => {
    const path = join(base, 'state');
    mkdirSync(path, { mode: 0o700 });
    const { uid } = statSync(path);
    expect(() => openStateFolder(path, uid + 1)).toThrow(
      `the state folder ${path} belongs to user ${uid}, and the gateway runs as user ${uid + 1}`,
    );
  });

  it('is refused when it cannot be made', () => {
    writeFileSync(join(base, 'file'), '');
    expect(() => openStateFolder(join(base, 'file', 'state'))).toThrow(/cannot be made: ENOTDIR/);
  });
});
