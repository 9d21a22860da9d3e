/** Two processes during a hand-over: the old one has connections still, the new one decides. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { httpRequest } from './harness/http-client.ts';
import { eventually } from './harness/scope.ts';
import { LISTENER, Town } from './harness/succession.ts';
import { closingOf } from './harness/websocket-client.ts';

void test('a ban that the new process takes ends what the old one still has open, and nothing else (R0.35)', async (t) => {
  const town = await Town.start(t);
  const [banned, innocent] = [await town.player('127.0.0.1'), await town.player('127.0.0.2')];
  const closing = closingOf(banned);
  await town.handOver();
  const { stdout } = await town.ask('decisions', 'add', 'ban', '127.0.0.1', '--reason', 'rude', '--for', '1h');
  assert.match(stdout, /^ban of 127\.0\.0\.1 is in force until .*, in ([34]) of \1 workers: /);
  // It was confirmed, so it holds: at most the close frame is on its way.
  assert.equal((await closing).code, 4403);
  const event = await town.gateway.logged({ kind: 'connection', phase: 'close', reason: 'CLIENT_BANNED' });
  assert.equal(event['closedBy'], 'gateway');
  assert.equal(innocent.readyState, innocent.OPEN);
  assert.ok((await town.gateway.metrics()).value('sallyport_predecessor_workers') > 0);
});

void test('a ban reaches the old process where the sockets are those of a service manager', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const town = await Town.start(t, '', { activation: new Map([['public', server]]) });
  assert.deepEqual(address, { address: '127.0.0.1', family: 'IPv4', port: town.gateway.port() });
  const [banned, innocent] = [await town.player('127.0.0.1'), await town.player('127.0.0.2')];
  const closing = closingOf(banned);
  await town.handOver();
  const mine = await town.player('127.0.0.1');
  const mineClosing = closingOf(mine);
  const { stdout } = await town.ask('decisions', 'add', 'ban', '127.0.0.1', '--reason', 'rude', '--for', '1h');
  assert.match(stdout, /in ([34]) of \1 workers: /);
  assert.deepEqual([(await closing).code, (await mineClosing).code], [4403, 4403]);
  assert.equal(innocent.readyState, innocent.OPEN);
});

void test('a ban from before the hand-over is kept where it was, and a network is as good as an address', async (t) => {
  const town = await Town.start(t, 'state: { folder: state }');
  assert.equal((await town.ask('decisions', 'add', 'ban', '127.0.0.9', '--reason', 'rude')).code, 0);
  const players = [await town.player('127.0.1.1'), await town.player('127.0.1.2'), await town.player('127.0.2.1')];
  const closings = players.slice(0, 2).map(closingOf);
  await town.handOver();
  assert.match((await town.ask('decisions')).stdout, /127\.0\.0\.9/);
  assert.equal((await town.ask('decisions', 'add', 'ban', '127.0.1.0/24', '--reason', 'all of them')).code, 0);
  for (const closing of closings) assert.equal((await closing).code, 4403);
  assert.equal(players[2]?.readyState, players[2]?.OPEN);
});

void test('a policy that the new process puts in force judges what the old one still has open', async (t) => {
  const town = await Town.start(t);
  const [unwanted, welcome] = [await town.player('127.0.0.1'), await town.player('127.0.0.2')];
  const closing = closingOf(unwanted);
  await town.handOver();
  await town.handOver();
  // Two listeners more, which are the new process's alone, and one client less.
  const more = `  - { name: file, address: "unix:./game.sock" }\n  - { name: second, address: "127.0.0.1:0" }\n`;
  town.edit((yaml) => `${yaml.replace(LISTENER, `${LISTENER}\n${more}`)}lists: { deny: [127.0.0.1] }\n`);
  assert.equal((await town.ask('reload')).code, 0);
  assert.deepEqual(await closing, { code: 4403, reason: 'policy changed' });
  const event = await town.gateway.logged({ kind: 'connection', phase: 'close', reason: 'POLICY_CHANGED' });
  assert.equal(event['closedBy'], 'gateway');
  await town.gateway.logged({ msg: 'the process before this one judges what it has by the policy in force' });
  assert.equal(welcome.readyState, welcome.OPEN);
  assert.deepEqual(
    town.gateway.log().filter(({ msg }) => msg === 'a listener cannot be opened' || msg === 'a listener failed'),
    [],
  );
  // It is there and judges: who comes by a file has no address.
  assert.equal((await httpRequest('http://game/', { socket: join(town.gateway.directory, 'game.sock') })).status, 403);
});

void test('a configuration that was changed before the hand-over judges what the old process still has open', async (t) => {
  const town = await Town.start(t);
  const [unwanted, welcome] = [await town.player('127.0.0.1'), await town.player('127.0.0.2')];
  const closing = closingOf(unwanted);
  town.edit((yaml) => `${yaml}lists: { deny: [127.0.0.1] }\n`);
  await town.handOver();
  assert.equal((await closing).code, 4403);
  assert.equal(welcome.readyState, welcome.OPEN);
});

void test('connections of the old process are listed by the new one, and closed by id and by client', async (t) => {
  const town = await Town.start(t);
  const [one, other] = [await town.player('127.0.0.1'), await town.player('127.0.0.2')];
  await town.handOver();
  const mine = await town.player('127.0.0.3');
  const listed = (await town.ask('connections', '--kind', 'websocket')).stdout;
  const idOf = (client: string): string => new RegExp(`^(\\S+) +websocket +${client} `, 'm').exec(listed)?.[1] ?? '';
  assert.match(idOf('127.0.0.1'), new RegExp(`^${town.gateway.pid}:[01]-[0-9]+$`));
  assert.match(idOf('127.0.0.3'), /^[01]-[0-9]+$/);
  const closing = closingOf(one);
  assert.equal(
    (await town.ask('connections', 'close', idOf('127.0.0.1'), '--reason', 'enough')).stdout,
    'closed 1 connection\n',
  );
  assert.equal((await closing).code, 4403);
  const otherClosing = closingOf(other);
  const closed = await town.ask('connections', 'close', '--client', '127.0.0.2', '--reason', 'enough');
  assert.equal(closed.stdout, 'closed 1 connection\n');
  assert.equal((await otherClosing).code, 4403);
  assert.equal(mine.readyState, mine.OPEN);
});

void test('the attack level goes on, and counters do not begin again', async (t) => {
  const town = await Town.start(t);
  for (let asked = 0; asked < 7; asked += 1) await httpRequest(town.gateway.url('/'));
  assert.equal((await town.ask('attack-level', '2')).code, 0);
  const before = (await town.gateway.metrics()).value('http_server_request_duration_seconds_count');
  assert.equal(before, 7);
  const started = (await town.gateway.metrics()).value('process_start_time_seconds');
  await town.handOver();
  const after = await town.gateway.metrics();
  assert.equal(after.value('http_server_request_duration_seconds_count'), 7);
  assert.equal(after.value('sallyport_attack_level'), 2);
  assert.equal(after.value('sallyport_draining'), 0);
  assert.ok(after.value('process_start_time_seconds') >= started);
  await httpRequest(town.gateway.url('/'));
  await town.end(0);
  const left = await eventually('the end of the old process', async () => {
    const metrics = await town.gateway.metrics();
    return metrics.value('sallyport_predecessors_total') === 1 ? metrics : undefined;
  });
  assert.equal(left.value('http_server_request_duration_seconds_count'), 8);
});

void test('the new process alone answers on the operations port, from the first moment that it is asked', async (t) => {
  const town = await Town.start(t);
  await town.player('127.0.0.1');
  const heard = new Set<number | string>();
  const state = { isOver: false };
  const asking = (async () => {
    while (!state.isOver) {
      // A rejection while something else is waited for would end the test before its processes are known.
      heard.add(await town.gateway.readiness().then(({ status }) => status, String));
    }
  })();
  await town.handOver();
  state.isOver = true;
  await asking;
  assert.deepEqual([...heard], [200]);
  // Ten times, because two processes at one port would answer in turn.
  for (let asked = 0; asked < 10; asked += 1)
    assert.equal((await town.gateway.metrics()).value('sallyport_draining'), 0);
});

void test('nobody who asks the admin API is reset, by its socket file or by its port, while processes hand over', async (t) => {
  const town = await Town.start(t, '', { admin: '{ socket: ./admin.sock, address: "127.0.0.1:0" }' });
  await town.player('127.0.0.1');
  const { address } = await town.gateway.logged({ msg: 'serving the admin API' });
  const socket = join(town.gateway.directory, 'admin.sock');
  const heard = new Map<number | string, number>();
  const state = { isOver: false };
  const ask = async (url: string, where: { socket?: string }): Promise<void> => {
    while (!state.isOver) {
      const status = await httpRequest(url, where).then((answer) => answer.status, String);
      heard.set(status, (heard.get(status) ?? 0) + 1);
    }
  };
  const asking = [1, 2, 3].flatMap(() => [
    ask('http://localhost/api/v1/status', { socket }),
    ask(`http://${String(address)}/.sallyport/admin`, {}),
  ]);
  for (let round = 0; round < 2; round += 1) await town.handOver();
  state.isOver = true;
  await Promise.all(asking);
  assert.deepEqual([...heard.keys()], [200]);
  t.diagnostic(`${heard.get(200)} calls answered`);
});

void test('an old process whose successor is killed does not live on, and ends in order', async (t) => {
  const town = await Town.start(t);
  const player = await town.player('127.0.0.1');
  const closing = closingOf(player);
  await town.handOver();
  town.kill(1);
  await town.gateway.logged({ msg: 'the process that has taken over is gone: what is still open here ends soon' });
  await closing;
  assert.deepEqual(await town.gateway.program.exited(), { code: 0, signal: null });
});

void test('an old process that does not answer is ended by its successor, with what it has open', async (t) => {
  const town = await Town.start(t);
  const closing = closingOf(await town.player('127.0.0.1'));
  await town.handOver();
  process.kill(town.gateway.pid, 'SIGSTOP');
  await town.gateway.logged({ msg: 'the process before this one does not answer, and is ended' });
  await closing;
  await eventually('the count', async () =>
    (await town.gateway.metrics()).value('sallyport_predecessors_total', { end: 'lost' }) === 1 ? true : undefined,
  );
  assert.equal((await httpRequest(town.gateway.url('/'))).status, 200);
});

void test('three processes at once: what the youngest decides holds in the oldest, and each waits for the one before it', async (t) => {
  const town = await Town.start(t);
  const oldest = await town.player('127.0.0.1');
  const closing = closingOf(oldest);
  await town.handOver();
  const middle = await town.player('127.0.0.2');
  const middleClosing = closingOf(middle);
  await town.handOver();
  const youngest = await town.player('127.0.0.3');
  const listed = (await town.ask('connections', '--kind', 'websocket')).stdout;
  assert.match(listed, new RegExp(`^${town.pids[0]}:\\S+ +websocket +127\\.0\\.0\\.1 `, 'm'));
  assert.match(listed, new RegExp(`^${town.pids[1]}:\\S+ +websocket +127\\.0\\.0\\.2 `, 'm'));
  const ban = await town.ask('decisions', 'add', 'ban', '127.0.0.1', '--reason', 'rude');
  // Two of the youngest, and of each other process at least the one with a player.
  assert.match(ban.stdout, /in ([456]) of \1 workers/);
  assert.equal((await closing).code, 4403);
  const id = new RegExp(`^(${town.pids[1]}:\\S+) +websocket +127\\.0\\.0\\.2 `, 'm').exec(listed)?.[1] ?? '';
  assert.equal((await town.ask('connections', 'close', id, '--reason', 'enough')).stdout, 'closed 1 connection\n');
  assert.equal((await middleClosing).code, 4403);
  assert.equal(youngest.readyState, youngest.OPEN);
  await eventually('the end of both', () => (town.isRunning(0) || town.isRunning(1) ? undefined : true));
  assert.equal((await httpRequest(town.gateway.url('/'), { from: '127.0.0.3' })).status, 200);
});
