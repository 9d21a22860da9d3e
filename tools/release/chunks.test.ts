import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleLoader } from './bundle.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-chunks-'));
const CODE = join(folder, 'thread.code');
const CHUNKS = {
  'thread.chunk.cjs': `const other = require('./other.cjs'); exports.said = other.twice(require('node:path').basename(__filename));`,
  'other.cjs': `exports.twice = function twice(text) { return text + ' ' + text; };`,
};
const RECORDER = fileURLToPath(new URL('record-thread.ts', import.meta.url));
let kept: Buffer;

beforeAll(async () => {
  await bundleLoader(folder);
  writeFileSync(join(folder, 'thread.cjs'), `console.log(require('./chunks.cjs').loadThread('thread').said);`);
  // What V8 says of the code that it was given: undefined where it was given none.
  writeFileSync(
    join(folder, 'watch.cjs'),
    `require('node:diagnostics_channel').subscribe('sallyport:chunk', ({ name, script }) => console.log(name, script.cachedDataRejected));`,
  );
  writeChunks();
  expect(run(RECORDER)).toBe('thread.chunk.cjs thread.chunk.cjs\n');
  kept = readFileSync(CODE);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('code that was kept for a bundle', () => {
  it('is used by a thread that loads the same chunks', () => {
    expect(loaded(kept)).toEqual([false, false]);
  });

  it('is not used where there is none', () => {
    rmSync(CODE);
    expect(loaded()).toEqual([undefined, undefined]);
  });

  it.each([
    ['version', process.version, 'v25.0.0'],
    ['architecture', process.arch, 'other'],
  ])('is not used when it was made by a Node.js of another %s', (_, from, to) => {
    const headEnd = kept.indexOf('\n');
    const head = kept.toString('latin1', 0, headEnd).replace(from, to);
    expect(loaded(Buffer.concat([Buffer.from(head), kept.subarray(headEnd)]))).toEqual([undefined, undefined]);
  });

  it('is rejected by a V8 with other settings, which compiles instead', () => {
    expect(loaded(kept, '--no-maglev')).toEqual([true, true]);
  });

  it('is not used for a chunk whose source has changed, however little', () => {
    writeChunks({ ...CHUNKS, 'other.cjs': CHUNKS['other.cjs'].replace("' '", "'+'") });
    expect(run(join(folder, 'watch.cjs'))).toContain('thread.chunk.cjs+thread.chunk.cjs');
    expect(loaded(kept)).toEqual([false, undefined]);
    writeChunks();
  });

  it('is not used when its bytes have changed or are missing', () => {
    const changed = Buffer.from(kept);
    changed.writeUInt8(changed.readUInt8(changed.length - 9) ^ 1, changed.length - 9);
    expect(loaded(changed)).toEqual([false, undefined]);
    expect(loaded(kept.subarray(0, -9))).toEqual([false, undefined]);
    for (const damaged of [kept.subarray(0, 20), Buffer.alloc(0), Buffer.from('null\n'), Buffer.from('{}\n')])
      expect(loaded(damaged)).toEqual([undefined, undefined]);
  });
});

function writeChunks(chunks: Readonly<Record<string, string>> = CHUNKS): void {
  for (const [name, code] of Object.entries(chunks)) {
    const text = `(function (exports, require, module, __filename, __dirname) { ${code}\n})\n`;
    writeFileSync(join(folder, name), text);
  }
}

/** Whether V8 rejected what it was given, of the thread's first chunk and of the other one. */
function loaded(code?: Buffer, ...settings: readonly string[]): readonly (boolean | undefined)[] {
  if (code !== undefined) writeFileSync(CODE, code);
  const said = run(join(folder, 'watch.cjs'), ...settings);
  return Object.keys(CHUNKS).map((name) => {
    const word = new RegExp(`^${name} (true|false|undefined)$`, 'm').exec(said)?.[1];
    return word === 'undefined' ? undefined : word === 'true';
  });
}

function run(required: string, ...settings: readonly string[]): string {
  const environment = { ...process.env, RECORDED_CODE_FOLDER: folder };
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...settings, '--require', required, join(folder, 'thread.cjs')],
    { encoding: 'utf8', env: environment },
  );
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}
