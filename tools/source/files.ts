import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Scan, scan } from './scan.ts';

/** The folder of the workspace. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Extensions of files that are not text. */
const BINARY = /\.(?:png|jpg|ico|gif|woff2?|wasm|gz|zip|mmdb|der|p12)$/;

/** Every file that git tracks or would track, by path below the workspace; fixtures are left out. */
export function workspaceFiles(): readonly string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(listed.split('\0'))]
    .filter((path) => path !== '' && !path.includes('/fixtures/') && !BINARY.test(path))
    .filter((path) => statSync(join(ROOT, path), { throwIfNoEntry: false })?.isFile() === true)
    .toSorted();
}

/** The text of a file of the workspace. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The scan of a TypeScript file of the workspace; a file is read once per process. */
export function readScan(path: string): Scan {
  const known = SCANS.get(path);
  if (known !== undefined) return known;
  const made = scan(readText(path));
  SCANS.set(path, made);
  return made;
}

const SCANS = new Map<string, Scan>();
