import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './program.ts';
import type { Scope } from './scope.ts';

/** A folder that is a file system of its own, of half a megabyte: in a namespace of its own, seen through the process that holds it. */
export async function smallDisk(scope: Scope): Promise<string> {
  const folder = temporaryFolder(scope);
  const script = 'mount -t tmpfs -o size=512k,mode=0700 none "$0" && echo ready && exec sleep 600';
  const words = ['--map-root-user', '--mount', 'sh', '-c', script, folder];
  const holder = spawn('unshare', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.after(() => void holder.kill('SIGKILL'));
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve());
    holder.once('exit', (code) => reject(new Error(`no file system could be made: ${code}`)));
  });
  return join(`/proc/${holder.pid}/root`, folder);
}

/** Takes all the room that a file system has left. */
export function fillDisk(path: string): void {
  const block = Buffer.alloc(4_096);
  const fill = (): void => {
    for (;;) writeFileSync(path, block, { flag: 'a' });
  };
  assert.throws(fill, { code: 'ENOSPC' });
}
