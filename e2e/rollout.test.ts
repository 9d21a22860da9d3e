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
  assert.equal(notices.at(-1), 'sallyport v2 did not become healthy (no answer); v1 is in service again');
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
  const seen = 'status 200, ready, by the process from before';
  assert.equal(notices.at(-1), `sallyport v4 did not become healthy (${seen}); v1 is in service again`);
});

void test('time in which the old process drains does not count, and what was seen last is told', async (t) => {
  // Four looks at a process that drains, with two seconds to go; then another one that never gets ready.
  let looks = 0;
  const gateway = await startUpstream(t, {
    onRequest: ({ url }, response) => {
      if (url === '/readyz') looks += 1;
      const isDraining = looks > 1 && looks < 6;
      if (url === '/readyz') return void response.writeHead(503).end(isDraining ? 'draining' : 'upstream app is down');
      response.end(`sallyport_draining ${isDraining ? 1 : 0}\nprocess_start_time_seconds ${isDraining ? 1 : 2}\n`);
    },
  });
  const how = { restart: 'true', deadline: 2, health: `${gateway.url}/readyz` };
  const { code, stderr } = await rollOut('v5', 'exec', how);
  assert.equal(code, 2);
  // One before, four that did not count and two that did; then the way back.
  assert.equal(looks, 1 + 4 + 2 + 1 + 2);
  assert.match(stderr, /^nothing else came within 2 s; last seen at http:\S+: status 503, upstream app is down$/m);
  const seen = '(status 503, upstream app is down)';
  assert.equal(notices.at(-1), `sallyport v5 did not become healthy ${seen}, and neither did v1 ${seen}`);
});

void test('a restart that fails is told as that', async () => {
  assert.equal((await rollOut('v6', 'exec', { restart: 'exit 3', deadline: 2 })).code, 2);
  const seen = '(the restart failed)';
  assert.equal(notices.at(-1), `sallyport v6 did not become healthy ${seen}, and neither did v1 ${seen}`);
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
  { restart = join(root, 'restart'), deadline = 15, health = `http://127.0.0.1:${operations}/readyz` } = {},
): Promise<Finished> {
  const release = join(root, 'releases', name);
  mkdirSync(join(release, 'bin'), { recursive: true });
  const script = `#!/bin/sh\n${first} "${process.execPath}" "${SALLYPORT}" "$@"\n`;
  writeFileSync(join(release, 'bin', 'sallyport'), script, { mode: 0o755 });
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
