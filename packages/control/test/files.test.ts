import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { machineFiles } from '../src/index.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-files-'));
  writeFileSync(join(folder, 'ten'), '0123456789', { mode: 0o600 });
  writeFileSync(join(folder, 'open'), 'x', { mode: 0o644 });
  writeFileSync(join(folder, 'latin1'), Buffer.from([0x63, 0xe9]));
  writeFileSync(join(folder, 'empty'), '');
  symlinkSync('ten', join(folder, 'link'));
  execFileSync('sh', ['-c', 'mkfifo pipe'], { cwd: folder });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('the files of this machine', () => {
  it.each([
    ['ten', 10, { kind: 'content', text: '0123456789', mode: 0o600 }],
    ['ten', 9, { kind: 'failure', why: 'is larger than 9 bytes', isMissing: false }],
    ['link', 10, { kind: 'content', text: '0123456789', mode: 0o600 }],
    ['open', 10, { kind: 'content', text: 'x', mode: 0o644 }],
    ['empty', 10, { kind: 'content', text: '', mode: 0o644 }],
    ['latin1', 10, { kind: 'failure', why: 'is not valid UTF-8', isMissing: false }],
    ['nowhere', 10, { kind: 'failure', why: 'does not exist', isMissing: true }],
    ['ten/below', 10, { kind: 'failure', why: 'does not exist', isMissing: true }],
    ['.', 10, { kind: 'failure', why: 'is not a regular file', isMissing: false }],
    // A pipe that nobody writes to would block an ordinary read for ever.
    ['pipe', 10, { kind: 'failure', why: 'is not a regular file', isMissing: false }],
  ])('reads %s with at most %i bytes', (name, bytesMax, expected) => {
    expect(machineFiles.read(join(folder, name), bytesMax)).toEqual(expected);
  });
});
