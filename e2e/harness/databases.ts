import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { freePort } from './ports.ts';
import { Program } from './program.ts';
import { eventually, type Scope } from './scope.ts';

/** A server of Debian's that runs for a test. */
export interface Database {
  readonly port: number;
  stop(): Promise<unknown>;
}

export async function startRedis(scope: Scope, password: string): Promise<Database> {
  const port = await freePort();
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--requirepass', password];
  const program = Program.start(scope, { command: 'redis-server', arguments: options });
  await listening(port);
  return { port, stop: () => program.stop() };
}

/**
 * PostgreSQL with TLS, and a role for each way to sign in: `postgres` by SCRAM, `hashed` by MD5, `clear` with the password itself, and
 * `ticket` by GSSAPI. It refuses to run as root, so it runs as its own user then.
 */
export async function startPostgres(scope: Scope, password: string, pair: KeyPair): Promise<Database> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-postgres-'));
  scope.after(() => rmSync(folder, { recursive: true, force: true }));
  const isRoot = process.geteuid?.() === 0;
  const owner = (path: string): void => {
    if (isRoot) chownSync(path, userId('-u'), userId('-g'));
  };
  writeFileSync(join(folder, 'password'), password, { mode: 0o600 });
  copyFileSync(pair.certificate, join(folder, 'server.pem'));
  copyFileSync(pair.key, join(folder, 'server.key'));
  for (const name of ['', 'password', 'server.pem', 'server.key']) owner(join(folder, name));
  const binaries = join(VERSIONS, readdirSync(VERSIONS).at(-1) ?? '', 'bin');
  const as = isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : ['env'];
  const [command = '', ...before] = as;
  const data = join(folder, 'data');
  const initial = ['-D', data, '-U', 'postgres', '--auth=scram-sha-256', `--pwfile=${join(folder, 'password')}`, '-N'];
  execFileSync(command, [...before, join(binaries, 'initdb'), ...initial], { cwd: folder, stdio: 'ignore' });
  const roles = [
    "SET password_encryption = 'md5'",
    `CREATE ROLE hashed LOGIN PASSWORD '${password}'`,
    `CREATE ROLE clear LOGIN PASSWORD '${password}'`,
    'CREATE ROLE ticket LOGIN',
  ];
  execFileSync(command, [...before, join(binaries, 'postgres'), '--single', '-D', data, 'postgres'], {
    cwd: folder,
    input: `${roles.join('\n')}\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ways = [
    'hashed 127.0.0.1/32 md5',
    'clear 127.0.0.1/32 password',
    'ticket 127.0.0.1/32 gss',
    'all 127.0.0.1/32 scram-sha-256',
  ];
  writeFileSync(join(data, 'pg_hba.conf'), ways.map((way) => `host all ${way}\n`).join(''));
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    ssl: 'on',
    ssl_cert_file: join(folder, 'server.pem'),
    ssl_key_file: join(folder, 'server.key'),
    fsync: 'off',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = [...before, join(binaries, 'postgres'), '-D', data, ...flags];
  const program = Program.start(scope, { command, arguments: server, directory: folder });
  await listening(port);
  return { port, stop: () => program.stop() };
}

/** Where Debian puts the servers of each version. */
const VERSIONS = '/usr/lib/postgresql';

function userId(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

async function listening(port: number): Promise<void> {
  await eventually(`somebody at port ${port}`, async () => {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    return isThere ? true : undefined;
  });
}
