/** deploy/systemd as systemd itself takes it: a machine whose first process is systemd starts, watches and ends the gateway. */
import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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
let webPort: number;

before(async () => {
  const upstream = await startUpstream(scope);
  webPort = await freePort();
  configuration = `version: 1
listeners:
  - { name: tunnel, address: "unix:/run/sallyport/http.sock", client: { kind: cloudflare-tunnel, proof: unix-socket } }
  - { name: web, address: "127.0.0.1:${webPort}" }
upstreams: { game: "${upstream.url}" }
routes: [{ name: all, upstream: game, profile: game }]
operations: { address: "127.0.0.1:${await freePort()}" }
admin: { socket: /run/sallyport/admin.sock }
state: { folder: /var/lib/sallyport/state }
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
  assert.equal(await machine.property(t, 'StatusText'), 'listening: tunnel, web');
});

void test('the service has no capability, no way to gain one, a user and a filter of system calls, and its files (R3.2)', async (t) => {
  const pid = await machine.property(t, 'MainPID');
  const status = readFileSync(machine.path(`/proc/${pid}/status`), 'utf8');
  for (const line of [/^NoNewPrivs:\t1$/m, /^Seccomp:\t2$/m, /^Uid:\t64971\t64971\t/m]) assert.match(status, line);
  assert.equal(status.match(/^Cap(?:Eff|Prm|Bnd|Amb):\t0{16}$/gm)?.length, 4, status);
  const modes = [
    '/run/sallyport',
    '/run/sallyport/http.sock',
    '/run/sallyport/admin.sock',
    '/var/lib/sallyport',
    '/var/lib/sallyport/state',
    '/var/lib/sallyport/state/state.db',
    '/var/log/sallyport',
  ].map((path) => {
    const { mode, uid, gid } = statSync(machine.path(path));
    return `${path} ${(mode & 0o777).toString(8)} ${uid}:${gid}`;
  });
  assert.deepEqual(modes, [
    '/run/sallyport 750 64971:64971',
    '/run/sallyport/http.sock 660 64971:64971',
    '/run/sallyport/admin.sock 600 64971:64971',
    '/var/lib/sallyport 700 64971:64971',
    '/var/lib/sallyport/state 700 64971:64971',
    '/var/lib/sallyport/state/state.db 600 64971:64971',
    '/var/log/sallyport 750 64971:64971',
  ]);
});

void test('a changed configuration comes into force by a reload, and a wrong one does not (R3.8)', async (t) => {
  const pid = await machine.property(t, 'MainPID');
  for (const [changed, sign] of [
    [configuration.replace('profile: game', 'profile: webapp'), /"msg":"a new policy is in force"/],
    [configuration.replace('profile: game', 'profile: gaem'), /"msg":"the configuration is refused/],
    [configuration, /"what":"policy-activated","detail":"policy 3/],
  ] as const) {
    writeFileSync(machine.path(CONFIGURATION), changed);
    assert.equal((await machine.systemctl(t, 'reload', 'sallyport')).code, 0);
    await eventually(String(sign), () => (sign.test(log()) ? true : undefined));
    await eventually('the end of the reload', async () =>
      (await machine.property(t, 'ActiveState')) === 'active' ? true : undefined,
    );
    assert.equal(await ask(), 200);
  }
  assert.equal(await machine.property(t, 'MainPID'), pid);
});

void test('a process hands over to its successor, systemd follows it, and nobody is refused (R0.35)', async (t) => {
  const pids = [await machine.property(t, 'MainPID')];
  const hammer = new Hammer([ask, ask, ask]);
  // The second one tells that a successor can have a successor.
  for (let round = 0; round < 2; round += 1) {
    await machine.systemctl(t, 'kill', '--kill-who=main', '--signal=SIGUSR2', 'sallyport');
    pids.push(
      await eventually('another main process', async () => {
        const pid = await machine.property(t, 'MainPID');
        return pids.includes(pid) || pid === '0' ? undefined : pid;
      }),
    );
    await eventually('the end of the one before', () =>
      existsSync(machine.path(`/proc/${pids.at(-2)}`)) ? undefined : true,
    );
    await hammer.more();
  }
  const answered = await hammer.end();
  assert.equal(await machine.property(t, 'ActiveState'), 'active');
  assert.equal(await machine.property(t, 'NRestarts'), '0');
  t.diagnostic(`${answered} requests answered, none refused`);
});

void test('a gateway that crashes is started again', async (t) => {
  await machine.systemctl(t, 'kill', '--signal=SIGKILL', 'sallyport');
  await servesAgain(t, 1);
});

void test('a gateway that hangs is ended by the watchdog and started again', async (t) => {
  // Five seconds, so that nobody waits for the unit's minute.
  mkdirSync(machine.path('/etc/units/sallyport.service.d'));
  writeFileSync(machine.path('/etc/units/sallyport.service.d/watchdog.conf'), '[Service]\nWatchdogSec=5s\n');
  await machine.systemctl(t, 'daemon-reload');
  await machine.systemctl(t, 'restart', 'sallyport');
  assert.equal(await ask(), 200);
  // A successor is watched like the first one: it has to tell that it lives, and is ended when it does not.
  const first = await machine.property(t, 'MainPID');
  await machine.systemctl(t, 'kill', '--kill-who=main', '--signal=SIGUSR2', 'sallyport');
  await eventually('a successor', async () => ((await machine.property(t, 'MainPID')) === first ? undefined : true));
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  assert.equal(await machine.property(t, 'NRestarts'), '0');
  await machine.systemctl(t, 'kill', '--kill-who=main', '--signal=SIGSTOP', 'sallyport');
  await servesAgain(t, 1);
});

void test('a stop drains, and is no failure', async (t) => {
  assert.equal((await machine.systemctl(t, 'stop', 'sallyport')).code, 0);
  assert.equal(await machine.property(t, 'ActiveState'), 'inactive');
  assert.equal(await machine.property(t, 'Result'), 'success');
  assert.equal(await machine.property(t, 'ExecMainStatus'), '0');
  assert.match(log(), /"what":"stopped"/);
});

void test('with socket units a client waits for the first start and through a restart, and none is refused', async (t) => {
  mkdirSync(machine.path('/etc/units/sallyport-web.socket.d'));
  const drop = `[Socket]\nListenStream=\nListenStream=127.0.0.1:${webPort}\n`;
  writeFileSync(machine.path('/etc/units/sallyport-web.socket.d/port.conf'), drop);
  await machine.systemctl(t, 'daemon-reload');
  const { code, stderr } = await machine.systemctl(t, 'start', 'sallyport-tunnel.socket', 'sallyport-web.socket');
  assert.equal(code, 0, stderr);
  assert.equal(await machine.property(t, 'ActiveState'), 'inactive');
  // The first request is what starts the service.
  const web = `http://127.0.0.1:${webPort}/`;
  assert.equal((await httpRequest(web)).status, 200);
  await eventually('the message that it listens', async () =>
    (await machine.property(t, 'ActiveState')) === 'active' ? true : undefined,
  );
  assert.equal(await ask(), 200);
  const hammer = new Hammer([ask, async () => (await httpRequest(web)).status]);
  const first = await machine.property(t, 'MainPID');
  assert.equal((await machine.systemctl(t, 'restart', 'sallyport')).code, 0);
  assert.notEqual(await machine.property(t, 'MainPID'), first);
  await hammer.more();
  const answered = await hammer.end();
  t.diagnostic(`${answered} requests answered, none refused`);
  await machine.systemctl(t, 'stop', 'sallyport-tunnel.socket', 'sallyport-web.socket', 'sallyport.service');
});

void test('a wrong configuration is told at once and not tried again', async (t) => {
  writeFileSync(machine.path(CONFIGURATION), configuration.replace('profile: game', 'profile: gaem'));
  assert.equal((await machine.systemctl(t, 'start', 'sallyport')).code, 1);
  assert.equal(await machine.property(t, 'ActiveState'), 'failed');
  assert.equal(await machine.property(t, 'ExecMainStatus'), '78');
  assert.equal(await machine.property(t, 'NRestarts'), '0');
});

/** Clients that ask one request after the other, and take no other answer than 200. */
class Hammer {
  #answered = 0;
  #isOver = false;
  readonly #clients: readonly Promise<void>[];

  constructor(clients: readonly (() => Promise<number>)[]) {
    this.#clients = clients.map((client) => this.#hammer(client));
  }

  /** Waits for a few more answers. */
  async more(): Promise<void> {
    const before = this.#answered;
    await eventually('more answers', () => (this.#answered > before + 20 ? true : undefined));
  }

  /** @throws Error when one request was refused or cut. */
  async end(): Promise<number> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.#answered;
  }

  async #hammer(client: () => Promise<number>): Promise<void> {
    while (!this.#isOver) {
      assert.equal(await client(), 200);
      this.#answered += 1;
    }
  }
}

/** The status of a request through the tunnel's socket. */
async function ask(): Promise<number> {
  const socket = machine.path('/run/sallyport/http.sock');
  const { status } = await httpRequest('http://a/', { socket, headers: { 'cf-connecting-ip': '203.0.113.9' } });
  return status;
}

function log(): string {
  return readFileSync(machine.path('/var/log/sallyport/events.jsonl'), 'utf8');
}

async function servesAgain(t: Scope, restarts: number): Promise<void> {
  await eventually('another start', async () =>
    (await machine.property(t, 'NRestarts')) === String(restarts) ? true : undefined,
  );
  await eventually('service', async () => ((await ask().catch(() => 0)) === 200 ? true : undefined));
}
