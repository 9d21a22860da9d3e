import { strict as assert } from 'node:assert';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { type Finished, Program, run, temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';
import { closingOf, openWebSocket } from './harness/websocket-client.ts';

void describe('an operator on the machine', () => {
  void test('sees what runs, changes it, is told what is wrong, and takes it back', async (t) => {
    const { gateway, ask } = await start(t);
    const status = await ask('status');
    assert.equal(status.code, 0, status.stderr);
    assert.match(status.stdout, /^\S+: ready, development, version \S+, up \d+s/);
    assert.match(status.stdout, /\nworkers: 2 of 2 running; attack level 0\n/);
    assert.match(status.stdout, new RegExp(`\\npublic +${gateway.address('public')} +plaintext\\n`));
    assert.match((await ask('workers')).stdout, /\n0 +running .*\n1 +running /);

    const file = join(gateway.directory, 'sallyport.yaml');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, good.replace('profile: game', 'profile: game, request: { methods: [GET] }'));
    const reload = await ask('reload');
    assert.match(reload.stdout, /^version 2 \([0-9a-f]+\) is in force\n$/);
    assert.equal((await httpRequest(gateway.url('/'), { method: 'POST' })).status, 405);

    writeFileSync(file, good.replace('profile: game', 'profile: gaem'));
    const refused = await ask('reload');
    assert.deepEqual([refused.code, refused.stdout], [78, '']);
    assert.match(refused.stderr, /sallyport\.yaml:\d+:\d+ routes\[0\]\.profile: is not one of the choices \("gaem"/);
    assert.equal((await httpRequest(gateway.url('/'), { method: 'POST' })).status, 405);

    assert.match((await ask('policies', 'diff', '1')).stdout, /^\+ routes\[game\]\.request\.methods\[GET\]: GET\n$/m);
    assert.match((await ask('policies', 'rollback', '1')).stdout, /^version 3 /);
    assert.equal((await httpRequest(gateway.url('/'), { method: 'POST' })).status, 200);
    const history = (await ask('policies')).stdout
      .split('\n')
      .slice(1)
      .map((line) => line.split(/ {2,}/).join('|'));
    assert.match(history[0] ?? '', /^\*\|3\|.*\|rollback\|socket:\S+\|published$/);
    assert.match(history[1] ?? '', /\|-\|.*\|api\|socket:\S+\|refused\|.*gaem/);
    const line = await gateway.logged({ msg: 'admin call', operation: 'rollback', result: 'done' });
    assert.match(String(line['author']), /^socket:/);
  });

  void test('bans a client everywhere at once, and lets it in again', async (t) => {
    const { gateway, ask } = await start(t);
    const socket = await openWebSocket(gateway.webSocketUrl('/'));
    const other = await openWebSocket(gateway.webSocketUrl('/'), { localAddress: '127.0.0.2' });
    const listed: unknown = JSON.parse((await ask('connections', '--kind', 'websocket', '--json')).stdout);
    assert.partialDeepStrictEqual(listed, {
      total: 2,
      connections: [
        { kind: 'websocket', client: '127.0.0.1', route: 'game', listener: 'public' },
        { kind: 'websocket', client: '127.0.0.2' },
      ],
    });
    const closing = closingOf(socket);
    const ban = await ask('decisions', 'add', 'ban', '127.0.0.1', '--reason', 'rude', '--for', '1h', '--key', 'one');
    assert.match(ban.stdout, /^ban of 127\.0\.0\.1 is in force until .*, in 2 of 2 workers: (\S+)\n$/);
    assert.equal((await closing).code, 4403);
    assert.equal(await refusalOf(gateway), 'refused');
    assert.equal((await httpRequest(gateway.url('/'), { from: '127.0.0.2' })).status, 200);

    const id = /workers: (\S+)/.exec(ban.stdout)?.[1] ?? '';
    assert.match((await ask('decisions', '--client', '127.0.0.1')).stdout, new RegExp(`${id} +ban +127\\.0\\.0\\.1`));
    assert.equal((await ask('decisions', 'revoke', id)).stdout, 'ended in 2 of 2 workers\n');
    assert.equal((await httpRequest(gateway.url('/'))).status, 200);

    const otherClosing = closingOf(other);
    assert.match(
      (await ask('connections', 'close', '--client', '127.0.0.2', '--reason', 'rude')).stdout,
      /^closed 1 connection\n$/,
    );
    assert.equal((await otherClosing).code, 4403);
  });
});

void describe('the end of a gateway', () => {
  void test('drains the gateway, which ends in order and takes its socket with it', async (t) => {
    const { gateway, ask } = await start(t);
    assert.equal(statSync(join(gateway.directory, 'admin.sock')).mode & 0o777, 0o600);
    assert.equal((await ask('drain')).stdout, 'draining: 2 of 2 workers\n');
    assert.deepEqual(await gateway.program.exited(), { code: 0, signal: null });
    assert.equal(existsSync(join(gateway.directory, 'admin.sock')), false);
    const after = await ask('status');
    assert.equal(after.code, 69);
    assert.match(after.stderr, /admin\.sock does not exist: the gateway does not run/);
  });

  void test('still finds the gateway when another process has taken over', async (t) => {
    const { gateway, ask } = await start(t);
    const boot = async (): Promise<unknown> => bootIn((await ask('status', '--json')).stdout);
    const before = await boot();
    const port = await adminPort(gateway);
    gateway.program.signal('SIGUSR2');
    const after = await eventually('another process behind the socket', async () => {
      const found = await boot();
      return found === undefined || found === before ? undefined : found;
    });
    assert.notEqual(after, before);
    assert.equal((await httpRequest(`http://127.0.0.1:${port}/api/v1/status`)).status, 401);
    // Its output is that of its successor as well, so only its place among the processes says that it is gone.
    await eventually('the end of the first process', () => (existsSync(`/proc/${gateway.pid}`) ? undefined : true));
    assert.equal((await ask('status')).code, 0);
    assert.equal((await ask('drain')).code, 0);
    await gateway.program.exited();
  });
});

void describe('what is stored', () => {
  void test('holds after a hand-over, with the audit log, and the next process goes on with it', async (t) => {
    const { gateway, ask } = await start(t, 'state: { folder: state }');
    const ban = async (client: string): Promise<void> => {
      assert.equal((await ask('decisions', 'add', 'ban', client, '--reason', 'rude')).code, 0);
    };
    const banned = async (): Promise<readonly string[]> => {
      const { stdout } = await ask('decisions', '--json');
      return [...stdout.matchAll(/"value": ?"([^"]+)"/g)].map(([, value = '']) => value).toSorted();
    };
    await ban('192.0.2.1');
    const before = bootIn((await ask('status', '--json')).stdout);
    gateway.program.signal('SIGUSR2');
    await eventually('another process behind the socket', async () => {
      const found = bootIn((await ask('status', '--json')).stdout);
      return found === undefined || found === before ? undefined : found;
    });
    await ban('192.0.2.2');
    assert.deepEqual(await banned(), ['192.0.2.1', '192.0.2.2']);
    assert.match(
      (await ask('audit', 'verify')).stdout,
      /^whole: [0-9]+ entries checked; its head is [0-9]+:[0-9a-f]{64}\n$/,
    );
    assert.equal((await ask('drain')).code, 0);
    await gateway.program.exited();
  });
});

void describe('an administrator in a browser', () => {
  void test('signs in by a link that works once, and is recorded by name', async (t) => {
    const { gateway, ask } = await start(t);
    const link = (await ask('admin', 'link', '--name', 'alice')).stdout.trim();
    const [page = '', token = ''] = link.split('#token=');
    assert.equal((await httpRequest(page)).status, 200);
    const origin = new URL(page).origin;
    const signIn = (): ReturnType<typeof httpRequest> =>
      httpRequest(`${origin}/api/v1/session`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token, as: 'bearer' }),
      });
    const opened: unknown = JSON.parse((await signIn()).text);
    assert.ok(typeof opened === 'object' && opened !== null && 'bearer' in opened);
    const headers = { authorization: `Bearer ${String(opened.bearer)}` };
    assert.equal((await httpRequest(`${origin}/api/v1/reload`, { method: 'POST', headers })).status, 200);
    await gateway.logged({ msg: 'admin call', operation: 'reload', author: 'session:alice', result: 'done' });
    assert.match((await ask('admin', 'sessions')).stdout, /\n[0-9a-f]{16} +alice +bearer /);

    assert.equal((await signIn()).status, 401);
    assert.equal((await httpRequest(`${origin}/api/v1/status`, { headers })).status, 401);
    await gateway.logged({ msg: 'an admin link was used twice' });
    const secret = token.slice(-43);
    assert.ok(!gateway.program.stdout.includes(secret) && !gateway.program.stderr.includes(secret));
  });

  void test('is shown a first link on the terminal, and nowhere else', async (t) => {
    const folder = temporaryFolder(t);
    const log = join(folder, 'log');
    const text = `${configuration('http://127.0.0.1:9')}operations: false\nlog: { destination: { file: ${JSON.stringify(log)} } }\n`;
    writeFileSync(join(folder, 'sallyport.yaml'), text);
    const command = `${process.execPath} ${SALLYPORT} run`;
    // What runs in it has a terminal for its input and output.
    const terminal = Program.start(t, {
      command: 'script',
      arguments: ['-qec', command, '/dev/null'],
      directory: folder,
      input: '',
    });
    const link = await terminal.until('a link', () => /http:\S+#token=splink_\S+/.exec(terminal.stdout)?.[0]);
    const { origin } = new URL(link);
    assert.equal((await httpRequest(`${origin}/.sallyport/admin`)).status, 200);
    assert.ok(!readFileSync(log, 'utf8').includes(link.slice(-43)));
    const drained = await run(t, {
      command: process.execPath,
      arguments: [SALLYPORT, 'drain'],
      directory: folder,
    });
    assert.equal(drained.code, 0, drained.stderr);
    await terminal.exited();
  });
});

interface Started {
  readonly gateway: GatewayProcess;
  /** Runs a command where the configuration is. */
  readonly ask: (...words: readonly string[]) => Promise<Finished>;
}

async function start(t: TestContext, more = ''): Promise<Started> {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, { yaml: `${configuration(upstream.url)}${more}\n` });
  const ask: Started['ask'] = (...words) =>
    run(t, { command: process.execPath, arguments: [SALLYPORT, ...words], directory: gateway.directory });
  return { gateway, ask };
}

/** Changes of the file are taken over by order only, so that a test knows which. */
function configuration(upstream: string): string {
  return `version: 1
mode: development
listeners:
  - { name: public, address: "127.0.0.1:0" }
upstreams:
  game: ${upstream}
routes:
  - { name: game, upstream: game, profile: game }
workers: { count: 2 }
reload: { watch: false }
drain: { deadline: 2s, webSocketSpread: 0s }
admin: { socket: admin.sock, address: "127.0.0.1:0" }
`;
}

/** How a request from 127.0.0.1 ends that is not let in. */
async function refusalOf(gateway: GatewayProcess): Promise<'answered' | 'refused'> {
  return httpRequest(gateway.url('/')).then(
    ({ status }) => (status === 403 ? 'refused' : 'answered'),
    () => 'refused',
  );
}

async function adminPort(gateway: GatewayProcess): Promise<number> {
  const line = await gateway.logged({ msg: 'serving the admin API' });
  return Number(String(line['address']).split(':').at(-1));
}

function bootIn(text: string): unknown {
  if (text === '') return undefined;
  const status: unknown = JSON.parse(text);
  return typeof status === 'object' && status !== null && 'boot' in status ? status.boot : undefined;
}
