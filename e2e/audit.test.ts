import { strict as assert } from 'node:assert';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';

void describe('the audit log', () => {
  void test('has an entry for each sign-in, reload and refusal, and events say who came', async (t) => {
    const { gateway, ask } = await start(t, temporaryFolder(t));
    const link = /#token=(\S+)/.exec((await ask('admin', 'link', '--name', 'alice')).stdout)?.[1] ?? '';
    assert.equal((await signIn(gateway, link)).status, 200);
    assert.equal((await signIn(gateway, link)).status, 401);
    const guess = `${link.slice(0, -43)}${'A'.repeat(43)}`;
    assert.equal((await signIn(gateway, guess)).status, 401);
    gateway.program.signal('SIGHUP');
    await entries(ask, ({ operation }) => operation === 'reload');
    const file = join(gateway.directory, 'sallyport.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('profile: game', 'profile: gaem'));
    gateway.program.signal('SIGHUP');
    const audited = await entries(ask, ({ operation, result }) => operation === 'reload' && result === 'refused');
    const shown = audited.map(({ author, operation, result }) => `${author.replace(/:.*/, '')} ${operation} ${result}`);
    assert.deepEqual(shown, [
      'socket createLink done',
      ' openSession done',
      ' openSession LINK_REFUSED',
      ' openSession LINK_REFUSED',
      'signal reload done',
      'signal reload refused',
    ]);
    const signIns = gateway.log().filter(({ kind }) => kind === 'authentication');
    assert.partialDeepStrictEqual(signIns, [
      { realm: 'administration', method: 'link', result: 'success', subject: 'alice' },
      { realm: 'administration', method: 'link', result: 'failure' },
      { realm: 'administration', method: 'link', result: 'failure' },
    ]);
    assert.equal(signIns.length, 3);
    const secrets = [link, guess].map((token) => token.slice(-43));
    const output = gateway.program.lines.join('\n');
    assert.ok(!secrets.some((secret) => output.includes(secret)));
  });
});

void describe('an audit log', () => {
  void test('that somebody changes while the gateway runs is found out', async (t) => {
    const { gateway, ask } = await start(t, temporaryFolder(t));
    for (const client of ['192.0.2.1', '192.0.2.2', '192.0.2.3'])
      await ask('decisions', 'add', 'ban', client, '--reason', 'spam');
    assert.match((await ask('audit', 'verify')).stdout, /^whole: 3 entries checked; its head is 3:[0-9a-f]{64}\n$/);
    const database = new DatabaseSync(join(gateway.directory, 'state/state.db'));
    database.exec(`UPDATE audit SET entry = replace(entry, '192.0.2.2', '192.0.2.9') WHERE sequence = 2`);
    const changed = await ask('audit', 'verify');
    assert.deepEqual([changed.code, /^NOT WHOLE: .*\b2\b/.test(changed.stdout)], [1, true], changed.stdout);
    database.exec('DELETE FROM audit WHERE sequence = 2');
    assert.match((await ask('audit', 'verify')).stdout, /^NOT WHOLE: /);
    database.close();
    // What it decides by is in its memory, and it goes on.
    assert.equal((await ask('decisions', 'add', 'ban', '192.0.2.4', '--reason', 'spam')).code, 0);
  });

  void test('that was put back to an earlier state is found out by a head from the log', async (t) => {
    const directory = temporaryFolder(t);
    const first = await start(t, directory);
    await first.ask('decisions', 'add', 'ban', '192.0.2.1', '--reason', 'spam');
    await first.gateway.stop();
    const path = join(directory, 'state/state.db');
    copyFileSync(path, `${path}.copy`);
    const second = await start(t, directory);
    await second.ask('decisions', 'add', 'ban', '192.0.2.2', '--reason', 'spam');
    const { sequence, hash } = await second.gateway.logged({ msg: 'the audit log has grown', sequence: 2 });
    const head = `${String(sequence)}:${String(hash)}`;
    assert.match((await second.ask('audit', 'verify', '--head', head)).stdout, /^whole: 2 entries/);
    await second.gateway.stop();
    for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, { force: true });
    copyFileSync(`${path}.copy`, path);
    const { ask } = await start(t, directory);
    // By itself it is whole, and the keys are right.
    assert.equal((await ask('audit', 'verify')).code, 0);
    const cut = await ask('audit', 'verify', '--head', head);
    assert.equal(cut.code, 1);
    assert.match(cut.stdout, /^NOT WHOLE: the log ends before entry 2: its end was cut off/);
    await ask('decisions', 'add', 'ban', '192.0.2.3', '--reason', 'spam');
    assert.match(
      (await ask('audit', 'verify', '--head', head)).stdout,
      /entry 2 is another one than the log has shown/,
    );
  });
});

interface Entry {
  readonly author: string;
  readonly operation: string;
  readonly result: string;
}

type Ask = (...words: readonly string[]) => Promise<Finished>;

/** The whole log, as soon as it has an entry like that. */
function entries(ask: Ask, isThere: (entry: Entry) => boolean): Promise<readonly Entry[]> {
  return eventually('the entry', async () => {
    const answer: { readonly entries: readonly Entry[] } = JSON.parse((await ask('audit', 'list', '--json')).stdout);
    return answer.entries.some(isThere) ? answer.entries : undefined;
  });
}

async function signIn(gateway: GatewayProcess, token: string): Promise<{ readonly status: number }> {
  const { address } = await gateway.logged({ msg: 'serving the admin API', kind: 'log' });
  return httpRequest(`http://${String(address)}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ token, as: 'bearer' }),
  });
}

async function start(
  t: TestContext,
  directory: string,
): Promise<{ readonly gateway: GatewayProcess; readonly ask: Ask }> {
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
workers: { count: 1 }
reload: { watch: false }
state: { folder: state }
admin: { socket: admin.sock, address: "127.0.0.1:0" }
`;
  const gateway = await GatewayProcess.start(t, { yaml, directory });
  const ask: Ask = (...words) =>
    run(t, { command: process.execPath, arguments: [SALLYPORT, ...words], directory: gateway.directory });
  return { gateway, ask };
}
