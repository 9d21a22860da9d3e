/** `deploy/rollout.sh`: releases that serve, and releases that are taken back. */
import { strict as assert } from 'node:assert';
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import { type Finished, run as runProgram, temporaryFolder } from './harness/program.ts';
import { SuiteScope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

const ROLLOUT = fileURLToPath(new URL('../deploy/rollout.sh', import.meta.url));

const scope = new SuiteScope();
after(scope.end);
const notices: string[] = [];
let root: string;
let port: number;
let operations: number;

before(async () => {
  root = temporaryFolder(scope);
  [port, operations] = [await freePort(), await freePort()];
  const receiver = await startUpstream(scope, {
    onRequest: (request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => {
        const notice: unknown = JSON.parse(text);
        const content: unknown = Reflect.get(Object(notice), 'content');
        assert.equal(Reflect.get(Object(notice), 'text'), content);
        notices.push(String(content));
      });
      request.on('end', () => response.end());
    },
  });
  writeFileSync(join(root, 'webhook'), `${receiver.url}/secret-hook\n`, { mode: 0o600 });
  writeFileSync(
    join(root, 'sallyport.yaml'),
    `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:${port}" }]
upstreams: { app: "${receiver.url}" }
routes: [{ name: all, upstream: app, profile: api }]
operations: { address: "127.0.0.1:${operations}" }
log: { destination: { file: "${join(root, 'log')}" } }
`,
  );
  // What a service manager does: end the old process, start what the link points to.
  writeFileSync(
    join(root, 'restart'),
    `#!/bin/sh
[ ! -f "${root}/pid" ] || { kill "$(cat "${root}/pid")" 2>/dev/null; while kill -0 "$(cat "${root}/pid")" 2>/dev/null; do sleep 0.1; done; }
"${root}/current/bin/sallyport" run -c "${root}/sallyport.yaml" >/dev/null 2>&1 &
echo $! >"${root}/pid"
`,
    { mode: 0o755 },
  );
  scope.after(async () => void (await run('sh', ['-c', `kill "$(cat "${root}/pid")"`])));
});

void test('a release that becomes healthy is put into service, and people are told (R0.28)', async () => {
  assert.equal((await rollOut('v1', 'exec')).code, 0);
  assert.equal(inService(), 'v1');
  assert.equal((await httpRequest(`http://127.0.0.1:${port}/`)).status, 200);
  assert.equal(notices.at(-1), 'sallyport v1 is in service');
});

void test('a release that does not become healthy is taken back by itself (R0.28)', async () => {
  const { code, stdout } = await rollOut('v2', '[ "$1" = run ] && exit 1; exec');
  assert.equal(code, 1);
  assert.equal(inService(), 'v1');
  assert.equal((await httpRequest(`http://127.0.0.1:${port}/`)).status, 200);
  assert.equal(notices.at(-1), 'sallyport v2 did not become healthy; v1 is in service again');
  assert.ok(!stdout.includes('secret-hook'));
});

void test('a release that does not accept the configuration changes nothing (R0.28)', async () => {
  const { code } = await rollOut('v3', '[ "$1" = check ] && exit 78; exec');
  assert.equal(code, 1);
  assert.equal(inService(), 'v1');
  assert.equal((await httpRequest(`http://127.0.0.1:${operations}/readyz`)).status, 200);
  assert.equal(notices.at(-1), 'sallyport v3 does not accept the configuration; nothing was changed');
});

void test('a release whose process never takes over is not in service because the old one answers', async () => {
  const { code } = await rollOut('v4', 'exec', { restart: 'true', deadline: 3 });
  assert.equal(code, 1);
  assert.equal(inService(), 'v1');
  assert.equal(notices.at(-1), 'sallyport v4 did not become healthy; v1 is in service again');
});

void test('a call that names too little says how it is meant', async () => {
  const { code, stderr } = await run(ROLLOUT, ['/nowhere']);
  assert.equal(code, 64);
  assert.match(stderr, /rollout\.sh RELEASE --root DIR/);
});

/** Makes a release whose command begins with `first`, and rolls it out. */
function rollOut(
  name: string,
  first: string,
  { restart, deadline }: { readonly restart: string; readonly deadline: number } = {
    restart: join(root, 'restart'),
    deadline: 15,
  },
): Promise<Finished> {
  const release = join(root, 'releases', name);
  mkdirSync(join(release, 'bin'), { recursive: true });
  const script = `#!/bin/sh\n${first} "${process.execPath}" "${SALLYPORT}" "$@"\n`;
  writeFileSync(join(release, 'bin', 'sallyport'), script, { mode: 0o755 });
  const health = `http://127.0.0.1:${operations}/readyz`;
  const where = ['--root', root, '--config', join(root, 'sallyport.yaml'), '--health', health];
  const how = ['--restart', restart, '--deadline', String(deadline), '--notify-file', join(root, 'webhook')];
  return run(ROLLOUT, [release, ...where, ...how]);
}

function inService(): string | undefined {
  return readlinkSync(join(root, 'current')).split('/').at(-1);
}

function run(command: string, words: readonly string[]): Promise<Finished> {
  return runProgram(scope, { command, arguments: words });
}
