/** Required in each thread of a gateway that record-code.ts runs: when the thread ends, keeps what V8 has made of its chunks. */
import { Buffer } from 'node:buffer';
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashOf, type KeptCode, LOADING, type LoadedChunk, MAKER } from './chunks.ts';

const loaded: LoadedChunk[] = [];
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only chunks.ts publishes there, and this.
subscribe(LOADING, (chunk) => void loaded.push(chunk as LoadedChunk));
process.on('exit', () => {
  const [first] = loaded;
  if (first !== undefined) keep(join(process.env['RECORDED_CODE_FOLDER'] ?? '.', `${first.thread}.code`));
});

function keep(path: string): void {
  const codes: Buffer[] = [];
  const chunks: Record<string, KeptCode['chunks'][string]> = {};
  let offset = 0;
  for (const { name, source, script } of loaded) {
    const code = script.createCachedData();
    chunks[name] = { offset, length: code.length, hash: hashOf(source, code) };
    codes.push(code);
    offset += code.length;
  }
  const head: KeptCode = { maker: MAKER, chunks };
  writeFileSync(path, Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), ...codes]));
}
