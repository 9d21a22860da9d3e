import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Modules of Node.js that are loaded in a process that has loaded `entry`. */
function loadedBy(entry: string): readonly string[] {
  const url = new URL(entry, import.meta.url).href;
  const program = `await import(${JSON.stringify(url)}); process.stdout.write(process.moduleLoadList.join('\\n'));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  return output.split('\n');
}

test('what a worker logs with knows nothing of stores of events', () => {
  const entry = new URL('../../stores/src/log.ts', import.meta.url).href;
  const program = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => { urls.push(url); return next(url, context); } });
    await import(${JSON.stringify(entry)});
    process.stdout.write(urls.join('\\n'));`;
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' });
  const urls = output.split('\n');
  expect(urls).toContain(entry);
  expect(urls.filter((url) => /packages\/(siem|stores\/src\/events)\//.test(url))).toEqual([]);
});

test('what a gateway is made of loads no web client with node:http', () => {
  const loaded = loadedBy('../src/commands/run.ts');
  expect(loaded).toContain('NativeModule http');
  expect(loaded.filter((name) => name.includes('undici'))).toEqual([]);
});
