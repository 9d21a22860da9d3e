/** deploy/systemd as systemd itself takes it: a machine whose first process is systemd starts, watches and ends the gateway. */
import { strict as assert } from 'node:assert';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { httpRequest } from './harness/http-client.ts';
import { Machine } from './harness/machine.ts';
import { freePort } from './harness/ports.ts';
import { eventually, type Scope, SuiteScope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

const CONFIGURATION = '/etc/sallyport/sallyport.yaml';

const scope = new SuiteScope();
after(scope.end);
let machine: Machine;
let configuration: string;

before(async () => {
  const upstream = await startUpstream(scope);
  configuration = `version: 1
listeners:
  - { name: tunnel, address: "unix:/run/sallyport/http.sock", client: { kind: cloudflare-tunnel, proof: unix-socket } }
upstreams: { game: "${upstream.url}" }
routes: [{ name: all, upstream: game, profile: game }]
operations: { address: "127.0.0.1:${await freePort()}" }
log: { destination: { file: /var/log/sallyport/events.jsonl } }
`;
  machine = await Machine.start(scope, configuration);
});

void test('systemd starts the service, and takes it as started when it listens', async (t) => {
  const { code, stderr } = await machine.systemctl(t, 'start', 'sallyport');
  assert.equal(code, 0, stderr);
  // No waiting in between: that is what the message to the service manager is for.
  assert.equal(await ask(), 200);
  assert.equal(await machine.property(t, 'ActiveState'), 'active');
  assert.equal(await machine.property(t, 'StatusText'), 'listening: tunnel');
});

void test('the service has no capability, no way to gain one, a user and a filter of system calls, and its files (R3.2)', async (t) => {
  const pid = await machine.property(t, 'MainPID');
  const status = readFileSync(machine.path(`/proc/${pid}/status`), 'utf8');
  for (const line of [/^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m, /^Uid:\t64971\t64971\t/m]) assert.match(status, line);
  assert.equal(status.match(/^Cap(?:Eff|Prm|Bnd|Amb):\t0{16}$/gm)?.length, 4, status);
  const modes = ['/run/sallyport', '/run/sallyport/http.sock', '/var/lib/sallyport', '/var/log/sallyport'].map(
    (path) => {
      const { mode, uid, gid } = statSync(machine.path(path));
      return `${path} ${(mode & 0o777).toString(8)} ${uid}:${gid}`;
    },
  );
  assert.deepEqual(modes, [
    '/run/sallyport 750 64971:64971',
    '/run/sallyport/http.sock 660 64971:64971',
    '/var/lib/sallyport 700 64971:64971',
    '/var/log/sallyport 750 64971:64971',
  ]);
});

void test('a reload reaches the service and leaves it running', async (t) => {
  const before = await machine.property(t, 'MainPID');
  assert.equal((await machine.systemctl(t, 'reload', 'sallyport')).code, 0);
  assert.equal(await ask(), 200);
  assert.equal(await machine.property(t, 'MainPID'), before);
  assert.equal(await machine.property(t, 'ActiveState'), 'active');
});

void test('a gateway that crashes is started again', async (t) => {
  await machine.systemctl(t, 'kill', '--signal=SIGKILL', 'sallyport');
  await servesAgain(t, 1);
});

void test('a gateway that hangs is ended by the watchdog and started again', async (t) => {
  // Two seconds, so that nobody waits for the unit's minute.
  mkdirSync(machine.path('/etc/units/sallyport.service.d'));
  writeFileSync(machine.path('/etc/units/sallyport.service.d/watchdog.conf'), '[Service]\nWatchdogSec=2s\n');
  await machine.systemctl(t, 'daemon-reload');
  await machine.systemctl(t, 'restart', 'sallyport');
  assert.equal(await ask(), 200);
  await machine.systemctl(t, 'kill', '--kill-who=main', '--signal=SIGSTOP', 'sallyport');
  await servesAgain(t, 1);
});

void test('a stop drains, and is no failure', async (t) => {
  assert.equal((await machine.systemctl(t, 'stop', 'sallyport')).code, 0);
  assert.equal(await machine.property(t, 'ActiveState'), 'inactive');
  assert.equal(await machine.property(t, 'Result'), 'success');
  assert.equal(await machine.property(t, 'ExecMainStatus'), '0');
  assert.match(readFileSync(machine.path('/var/log/sallyport/events.jsonl'), 'utf8'), /"what":"stopped"/);
});

void test('a wrong configuration is told at once and not tried again', async (t) => {
  writeFileSync(machine.path(CONFIGURATION), configuration.replace('profile: game', 'profile: gaem'));
  assert.equal((await machine.systemctl(t, 'start', 'sallyport')).code, 1);
  assert.equal(await machine.property(t, 'ActiveState'), 'failed');
  assert.equal(await machine.property(t, 'ExecMainStatus'), '78');
  assert.equal(await machine.property(t, 'NRestarts'), '0');
});

/** The status of a request through the tunnel's socket. */
async function ask(): Promise<number> {
  const socket = machine.path('/run/sallyport/http.sock');
  const { status } = await httpRequest('http://a/', { socket, headers: { 'cf-connecting-ip': '203.0.113.9' } });
  return status;
}

async function servesAgain(t: Scope, restarts: number): Promise<void> {
  await eventually('another start', async () =>
    (await machine.property(t, 'NRestarts')) === String(restarts) ? true : undefined,
  );
  await eventually('service', async () => ((await ask().catch(() => 0)) === 200 ? true : undefined));
}
