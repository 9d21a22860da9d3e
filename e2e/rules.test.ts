/** Installing rules as an operator does: an archive made by tar and signed by gpg, fetched by the command. */
import { strict as assert } from 'node:assert';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SALLYPORT } from './harness/gateway.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { type Scope, SuiteScope } from './harness/scope.ts';

const DATA = process.env['SALLYPORT_DATA'] ?? fileURLToPath(new URL('../.data', import.meta.url));

const scope = new SuiteScope();
after(scope.end);

void test('a release of the CRS that gpg signed is installed, verified, and refused when a byte of it is another', async (t) => {
  const folder = temporaryFolder(scope);
  const { files, fingerprint, archive } = await release(t, folder);
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? '');
    response.writeHead(file === undefined ? 404 : 200).end(file);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const sallyport = (...args: readonly string[]): Promise<Finished> =>
    run(t, {
      command: process.execPath,
      arguments: [
        SALLYPORT,
        'rules',
        ...args,
        '--base-url',
        url,
        '--key-url',
        `${url}/security.asc`,
        '--fingerprint',
        fingerprint,
      ],
      directory: folder,
    });

  const installed = await sallyport('install', 'crs', '4.29.0', '--into', 'installed');
  assert.deepEqual([installed.code, installed.stderr], [0, '']);
  assert.match(
    installed.stdout,
    /^crs 4\.29\.0: \d\d rule files, proved by signature [0-9a-f]{40}\nIn use: installed\/crs is version 4\.29\.0\n/,
  );
  const verified = await sallyport('verify', '--into', 'installed');
  assert.deepEqual(
    [verified.code, verified.stdout],
    [0, 'crs 4.29.0: as it was installed, and it runs\n'],
    verified.stderr,
  );

  const bytes = Buffer.from(files.get(archive) ?? '');
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  files.set(archive, bytes);
  const refused = await sallyport('install', 'crs', '4.29.0', '--into', 'elsewhere');
  assert.deepEqual([refused.code, refused.stdout], [1, '']);
  assert.match(
    refused.stderr,
    /the signature is not one of the key [0-9a-f]{40} over this archive; nothing was installed\n$/,
  );
});

interface Release {
  /** By path, as a server serves them. */
  readonly files: Map<string, Buffer>;
  readonly fingerprint: string;
  /** The path of the archive. */
  readonly archive: string;
}

/** Packs and signs the rules of the test data with programs that others wrote. */
async function release(t: Scope, folder: string): Promise<Release> {
  const home = join(folder, 'gnupg');
  mkdirSync(home, { mode: 0o700 });
  const gpg = (...args: readonly string[]): Promise<Finished> =>
    done(t, 'gpg', ['--homedir', home, '--batch', '--yes', '--quiet', '--passphrase', '', ...args]);
  await gpg('--quick-generate-key', 'Release <release@example.com>', 'rsa3072', 'sign', 'never');
  t.after(async () => {
    await done(t, 'gpgconf', ['--homedir', home, '--kill', 'all']);
  });
  const listed = await gpg('--with-colons', '--list-keys');
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed.stdout)?.[1] ?? '';
  await gpg('--armor', '--output', join(folder, 'security.asc'), '--export');

  const top = 'coreruleset-4.29.0';
  for (const part of ['rules', 'crs-setup.conf.example']) {
    cpSync(join(DATA, 'crs-4.29', part), join(folder, top, part), { recursive: true, dereference: true });
  }
  const name = `${top}-minimal.tar.gz`;
  await done(t, 'tar', ['-C', folder, '--format=pax', '-czf', join(folder, name), top]);
  await gpg('--armor', '--detach-sign', '--output', join(folder, `${name}.asc`), join(folder, name));

  const archive = `/releases/download/v4.29.0/${name}`;
  const files = new Map([
    [archive, readFileSync(join(folder, name))],
    [`${archive}.asc`, readFileSync(join(folder, `${name}.asc`))],
    ['/security.asc', readFileSync(join(folder, 'security.asc'))],
  ]);
  return { files, fingerprint, archive };
}

async function done(t: Scope, command: string, args: readonly string[]): Promise<Finished> {
  const finished = await run(t, { command, arguments: args });
  assert.equal(finished.code, 0, `${command} ${args.join(' ')}: ${finished.stderr}`);
  return finished;
}
