/**
 * The units of deploy/systemd: read by systemd's own judges, and lived under. No service manager runs here, so a sandbox
 * does what the unit tells systemd to do: user, file system, address families, and the filter of system calls.
 */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Authority } from './harness/certificates.ts';
import { SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import { Program, type ProgramOptions, run, temporaryFolder } from './harness/program.ts';
import { inSandbox, insideOf, MACHINE } from './harness/sandbox.ts';
import { eventually, type Scope, SuiteScope } from './harness/scope.ts';
import { allowedCalls, compileFilter } from './harness/seccomp.ts';
import { UnitFile } from './harness/unit-file.ts';
import { startUpstream } from './harness/upstream.ts';
import { nextMessage, openWebSocket } from './harness/websocket-client.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const UNITS = join(ROOT, 'deploy/systemd');
const SERVICE = UnitFile.read(join(UNITS, 'sallyport.service'));

/** Any number that is nobody else's. */
const USER = 64_971;

/** Of linux/socket.h. */
const FAMILIES: Readonly<Record<string, number>> = { AF_UNIX: 1, AF_INET: 2, AF_INET6: 10 };

/** `systemd-analyze security` of 252 says 1.3; the rest is what a gateway is for: the network and its sockets. */
const EXPOSURE_MAX = 1.5;

const scope = new SuiteScope();
after(scope.end);
let units: string;
let filter: Buffer;

before(() => {
  filter = compileFilter({ calls: allowedCalls(SERVICE), families: allowedFamilies() });
  // The programs lie where they lie on this machine: `verify` looks for them.
  units = temporaryFolder(scope);
  for (const name of readdirSync(UNITS)) {
    if (!/\.(?:service|socket)$/.test(name)) continue;
    const text = readFileSync(join(UNITS, name), 'utf8').replace(/^ExecStart=\S+/m, `ExecStart=${process.execPath}`);
    writeFileSync(join(units, name), text);
  }
});

void test('systemd finds nothing wrong with the units, and something with a unit that has a mistake', async (t) => {
  const paths = readdirSync(units).map((name) => join(units, name));
  assert.ok(paths.length >= 4);
  assert.deepEqual(await verify(t, paths), { code: 0, stderr: '' });
  const wrong = join(temporaryFolder(t), 'sallyport.service');
  writeFileSync(
    wrong,
    readFileSync(join(units, 'sallyport.service'), 'utf8').replace('NoNewPrivileges', 'NoNewPrivilege'),
  );
  assert.match((await verify(t, [wrong])).stderr, /Unknown key (?:name )?'NoNewPrivilege'/);
});

void test('systemd rates what the service may do as harmless, without a capability and with a filter (R3.2)', async (t) => {
  for (const [extra, exposureMax] of [
    ['', EXPOSURE_MAX],
    [readFileSync(join(UNITS, 'low-ports.conf'), 'utf8'), EXPOSURE_MAX + 0.3],
  ] as const) {
    const file = join(temporaryFolder(t), 'sallyport.service');
    writeFileSync(file, `${readFileSync(join(units, 'sallyport.service'), 'utf8')}\n${extra}`);
    const words = ['security', '--no-pager', '--offline=true', `--threshold=${exposureMax * 10}`, file];
    const { code, stdout } = await run(t, { command: 'systemd-analyze', arguments: words });
    assert.equal(code, 0, stdout);
  }
  assert.deepEqual(SERVICE.all('Service', 'CapabilityBoundingSet'), []);
  const lowPorts = UnitFile.read(join(UNITS, 'sallyport.service'), join(UNITS, 'low-ports.conf'));
  for (const key of ['CapabilityBoundingSet', 'AmbientCapabilities'])
    assert.deepEqual(lowPorts.all('Service', key), ['CAP_NET_BIND_SERVICE']);
  for (const key of ['NoNewPrivileges', 'PrivateDevices', 'RestrictNamespaces', 'PrivateUsers'])
    assert.equal(SERVICE.one('Service', key), 'yes');
  assert.equal(SERVICE.one('Service', 'ProtectSystem'), 'strict');
});

void test('every socket unit names a listener of an example, with its address', () => {
  const listeners = readdirSync(join(ROOT, 'deploy/examples')).flatMap((name) => {
    const text = readFileSync(join(ROOT, 'deploy/examples', name), 'utf8');
    return [...text.matchAll(/- name: (\S+)\n\s+address: (\S+)/g)].map(
      ([, listener, address]) => `${listener} ${address}`,
    );
  });
  const sockets = readdirSync(UNITS).filter((name) => name.endsWith('.socket'));
  assert.equal(sockets.length, 3);
  for (const name of sockets) {
    const unit = UnitFile.read(join(UNITS, name));
    const listener = unit.one('Socket', 'FileDescriptorName');
    assert.equal(name, `sallyport-${listener}.socket`);
    const stream = unit.one('Socket', 'ListenStream');
    const address = stream.startsWith('/') ? `unix:${stream}` : stream;
    assert.ok(listeners.includes(`${listener} ${address}`), `${name}: ${listener} ${address}`);
    assert.equal(unit.one('Socket', 'Service'), 'sallyport.service');
  }
});

void test('every example keeps its state below the folder that the unit makes', () => {
  const folder = `/var/lib/${SERVICE.one('Service', 'StateDirectory')}`;
  for (const name of readdirSync(join(ROOT, 'deploy/examples')))
    assert.match(
      readFileSync(join(ROOT, 'deploy/examples', name), 'utf8'),
      new RegExp(`^state: \\{ folder: ${folder}/state \\}$`, 'm'),
      name,
    );
});

void test('users and folders are made as the service needs them', async (t) => {
  const root = temporaryFolder(t);
  const sysusers = ['--dry-run', `--root=${root}`, join(UNITS, 'sallyport.sysusers.conf')];
  const users = await run(t, { command: 'systemd-sysusers', arguments: sysusers });
  assert.equal(users.code, 0, users.stderr);
  assert.match(users.stdout + users.stderr, /Creating user '?sallyport'? .*Sallyport gateway/);
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), `sallyport:x:${USER}:${USER}::/nonexistent:/usr/sbin/nologin\n`);
  writeFileSync(join(root, 'etc/group'), `sallyport:x:${USER}:\n`);
  const tmpfiles = ['--create', `--root=${root}`, join(UNITS, 'sallyport.tmpfiles.conf')];
  const folders = await run(t, { command: 'systemd-tmpfiles', arguments: tmpfiles });
  assert.equal(folders.code, 0, folders.stderr);
  const stat = (path: string): string =>
    execFileSync('stat', ['-c', '%a %u %g', join(root, path)], { encoding: 'utf8' }).trim();
  assert.equal(stat('run/sallyport'), `750 ${USER} ${USER}`);
  assert.equal(stat('etc/sallyport'), `750 0 ${USER}`);
});

void test('a gateway lives under the unit: it serves, is watched, drains, and may not do more (R3.2)', async (t) => {
  const house = await House.build(t);
  const manager = await house.listenAsManager(t);
  const gateway = Program.start(t, house.command(filter, SERVICE.one('Service', 'ExecStart').split(' ')));
  const said = await manager.until(
    'READY=1',
    () => /READY=1\nMAINPID=(\d+)\nSTATUS=listening: .*/.exec(manager.stdout)?.[0],
  );
  assert.match(said, /tunnel/);
  const pid = insideOf(gateway.pid);
  assert.ok(said.includes(`MAINPID=${pid}\n`), said);
  await house.use();
  await eventually('a beat of the watchdog', () => (manager.stdout.includes('WATCHDOG=1') ? true : undefined));
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  for (const line of [
    'NoNewPrivs:\t1',
    'Seccomp:\t2',
    'CapEff:\t0000000000000000',
    'CapBnd:\t0000000000000000',
    `Uid:\t${USER}\t`,
  ])
    assert.ok(status.includes(line), `${line} in ${status}`);
  process.kill(pid, 'SIGTERM');
  assert.equal((await gateway.exited()).code, 0, gateway.stderr);
  await manager.until('STOPPING=1', () => (manager.stdout.includes('STOPPING=1\nSTATUS=draining') ? true : undefined));
});

void test('under the unit nothing can be written but its own folders, no namespace, mount or other socket made (R3.2)', async (t) => {
  const house = await House.build(t);
  const script = `
    import { openSync, writeFileSync } from 'node:fs';
    import { spawnSync } from 'node:child_process';
    const tried = {};
    const attempt = (name, act) => { try { act(); tried[name] = 'done'; } catch (error) { tried[name] = error.code; } };
    for (const path of ['/usr/x', '/etc/sallyport/x', '/x', '/opt/x', '/run/sallyport/x', '/var/lib/sallyport/x', '/var/log/sallyport/x', '/tmp/x'])
      attempt(path, () => writeFileSync(path, ''));
    attempt('setuid', () => process.setuid(0));
    for (const command of [['unshare', '--user', 'true'], ['mount', '-t', 'tmpfs', 'x', '/tmp'], ['perl', '-e', 'socket(my $s, 16, 3, 0) or die $!']]) {
      const { error, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8' });
      tried[command[0]] = error?.code ?? stderr.split('\\n')[0];
    }
    console.log(JSON.stringify(tried));`;
  const command = house.command(filter, [house.node, '--input-type=module', '-e', script]);
  const { stdout, stderr } = await run(t, command);
  assert.deepEqual(
    JSON.parse(stdout || '{}'),
    {
      '/usr/x': 'EROFS',
      '/etc/sallyport/x': 'EROFS',
      '/x': 'EROFS',
      '/opt/x': 'EROFS',
      '/run/sallyport/x': 'done',
      '/var/lib/sallyport/x': 'done',
      '/var/log/sallyport/x': 'done',
      '/tmp/x': 'done',
      setuid: 'EPERM',
      unshare: 'unshare: unshare failed: Operation not permitted',
      mount: 'mount: /tmp: must be superuser to use mount.',
      perl: 'Address family not supported by protocol at -e line 1.',
    },
    stderr,
  );
});

void test('every system call of a gateway at work is inside the filter (R3.2)', async (t) => {
  const house = await House.build(t);
  const manager = await house.listenAsManager(t);
  const counts = join(house.folder, 'state', 'calls');
  // As under the unit, where Node is told no.
  const denied = 'io_uring_setup';
  const inject = `inject=${denied}:error=EPERM`;
  const traced = ['strace', '-f', '-qq', '-c', '-S', 'name', '-e', inject, '-o', '/var/lib/sallyport/calls'];
  const started = Program.start(
    t,
    house.command(undefined, [...traced, ...SERVICE.one('Service', 'ExecStart').split(' ')]),
  );
  const said = await manager.until('READY=1', () => /READY=1\nMAINPID=(\d+)/.exec(manager.stdout)?.[1]);
  await house.use();
  process.kill(Number(said), 'SIGTERM');
  assert.equal((await started.exited()).code, 0, started.stderr);
  const used = callsIn(readFileSync(counts, 'utf8'));
  assert.ok(used.length > 50 && used.includes('accept4') && used.includes('execve'), used.join());
  const allowed = allowedCalls(SERVICE);
  assert.deepEqual(
    used.filter((name) => !allowed.has(name)),
    [denied],
  );
  t.diagnostic(`${used.length} system calls used, ${allowed.size} allowed`);
});

/** The machine as the unit expects it, in a folder. */
class House {
  readonly folder: string;
  readonly #ports: { readonly web: number; readonly operations: number };
  readonly node = SERVICE.one('Service', 'ExecStart').split(' ')[0] ?? '';

  private constructor(folder: string, ports: { readonly web: number; readonly operations: number }) {
    this.folder = folder;
    this.#ports = ports;
  }

  static async build(t: Scope): Promise<House> {
    const folder = temporaryFolder(t);
    const ports = { web: await freePort(), operations: await freePort() };
    for (const name of ['run', 'state', 'logs', 'etc', 'manager']) mkdirSync(join(folder, name));
    const authority = Authority.create(join(folder, 'etc'), 'ca');
    const { certificate, key } = authority.issue('web', ['localhost', '127.0.0.1']);
    const upstream = await startUpstream(t);
    writeFileSync(
      join(folder, 'etc/sallyport.yaml'),
      `version: 1
listeners:
  - { name: tunnel, address: "unix:/run/sallyport/http.sock", client: { kind: cloudflare-tunnel, proof: unix-socket } }
  - name: web
    address: "127.0.0.1:${ports.web}"
    tls: { certificates: [{ certificate: ${basename(certificate)}, key: ${basename(key)} }] }
upstreams: { game: { servers: ["${upstream.url}"], healthCheck: /health } }
routes: [{ name: all, upstream: game, profile: game }]
operations: { address: "127.0.0.1:${ports.operations}" }
admin: { socket: /run/sallyport/admin.sock }
state: { folder: /var/lib/sallyport/state }
log: { destination: { file: /var/log/sallyport/events.jsonl } }
drain: { webSocketSpread: 0s }
`,
    );
    // As an installation has it: the service may read its configuration, and own only what it writes.
    const owned = ['run', 'state', 'logs', ...readdirSync(join(folder, 'etc')).map((name) => `etc/${name}`)];
    for (const path of owned) chownSync(join(folder, path), USER, USER);
    execFileSync('chmod', ['755', folder, join(folder, 'etc'), join(folder, 'manager')]);
    return new House(folder, ports);
  }

  /** Runs a command as the unit would. */
  command(filter: Buffer | undefined, command: readonly string[]): ProgramOptions {
    const { folder } = this;
    const options = inSandbox(
      {
        user: USER,
        group: USER,
        visible: new Map([
          ...MACHINE,
          [dirname(process.execPath), dirname(this.node)],
          [ROOT, ROOT],
          [join(folder, 'etc'), '/etc/sallyport'],
        ]),
        writable: new Map([
          [join(folder, 'run'), `/run/${SERVICE.one('Service', 'RuntimeDirectory')}`],
          [join(folder, 'state'), `/var/lib/${SERVICE.one('Service', 'StateDirectory')}`],
          [join(folder, 'logs'), `/var/log/${SERVICE.one('Service', 'LogsDirectory')}`],
          [join(folder, 'manager'), '/run/systemd'],
        ]),
        temporary: ['/tmp'],
        links: new Map([['/opt/sallyport/current/bin/sallyport', SALLYPORT]]),
        environment: {
          PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
          NOTIFY_SOCKET: '/run/systemd/notify',
          // Two seconds, so that nobody waits half of the unit's minute for a beat.
          WATCHDOG_USEC: '2000000',
        },
        ...(filter === undefined ? {} : { filter }),
      },
      folder,
      command,
    );
    return options;
  }

  /** What a service manager has: a socket for datagrams. What comes is on its standard output. */
  async listenAsManager(t: Scope): Promise<Program> {
    const socket = join(this.folder, 'manager/notify');
    const manager = Program.start(t, { command: 'perl', arguments: ['-MSocket', '-e', RECEIVER, socket] });
    await eventually('the socket of the manager', () => readdirSync(dirname(socket)).includes('notify') || undefined);
    return manager;
  }

  /** Something of everything: both listeners, a WebSocket, health, metrics, a refusal, files. */
  async use(): Promise<void> {
    const socket = join(this.folder, 'run/http.sock');
    const headers = { 'cf-connecting-ip': '203.0.113.9', 'x-forwarded-proto': 'https' };
    const answer = await httpRequest('http://play.example.com/', { socket, headers });
    assert.equal(answer.status, 200, answer.text);
    const refused = { ...headers, x_forwarded_for: '127.0.0.1' };
    assert.equal((await httpRequest('http://play.example.com/', { socket, headers: refused })).status, 400);
    const upload = { socket, headers, method: 'POST', body: Buffer.alloc(100_000) };
    assert.equal((await httpRequest('http://play.example.com/', upload)).status, 200);
    const player = await openWebSocket(`wss://127.0.0.1:${this.#ports.web}/ws`, { rejectUnauthorized: false });
    const echo = nextMessage(player);
    player.send('hello');
    assert.equal(await echo, 'hello');
    for (const path of ['readyz', 'metrics'])
      assert.equal((await httpRequest(`http://127.0.0.1:${this.#ports.operations}/${path}`)).status, 200);
    await eventually('the log', () =>
      readFileSync(join(this.folder, 'logs/events.jsonl'), 'utf8').includes('"open"') ? true : undefined,
    );
  }
}

/** Prints every datagram. It closes what comes along with one, and that is how systemd-notify learns that it was read. */
const RECEIVER = `
$| = 1;
umask 0;
socket(my $manager, AF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($manager, pack_sockaddr_un($ARGV[0])) or die $!;
print "$_\\n" while defined recv($manager, $_, 4096, 0);`;

function allowedFamilies(): readonly number[] {
  const names = SERVICE.one('Service', 'RestrictAddressFamilies').split(' ');
  return names.map((name) => {
    const number = FAMILIES[name];
    if (number === undefined) throw new Error(`${name} is not expected in the unit`);
    return number;
  });
}

/** The last column of strace's summary. */
function callsIn(summary: string): readonly string[] {
  const rows = summary
    .split('\n')
    .filter((line) => /^\s*[0-9]+\.[0-9]+\s/.test(line) && !line.trimEnd().endsWith(' total'));
  return rows.map((line) => line.trimEnd().split(/\s+/).at(-1) ?? '');
}

async function verify(
  t: Scope,
  paths: readonly string[],
): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const words = ['verify', '--man=no', '--recursive-errors=no', ...paths];
  const { code, stderr } = await run(t, { command: 'systemd-analyze', arguments: words });
  return { code, stderr };
}
