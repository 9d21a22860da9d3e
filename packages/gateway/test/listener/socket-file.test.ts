import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkSocketFile, listenOnPath } from '../../src/listener/bind.ts';

describe('a socket file', () => {
  it('never replaces what is not a socket, not even for a process that takes over', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
    const path = join(folder, 'sallyport.yaml');
    writeFileSync(path, 'precious');
    try {
      await expect(listenOnPath(createServer(), { kind: 'unix', path, mode: 0o600 }, true)).rejects.toThrow(/in use/);
      await expect(checkSocketFile(path)).rejects.toThrow(/in use/);
      await expect(checkSocketFile(join(folder, 'none', 's.sock'))).rejects.toThrow(/cannot be written/);
      await checkSocketFile(join(folder, 's.sock'));
      expect(readFileSync(path, 'utf8')).toBe('precious');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
