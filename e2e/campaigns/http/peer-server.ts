import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Another reverse proxy, as a process, from each of its ports to one upstream. */
export interface PeerServer {
  readonly name: string;
  readonly ports: readonly number[];
  close(): Promise<void>;
}

/** nginx as Debian ships it, with what a gateway would set. */
export function startNginx(upstreamPorts: readonly number[]): Promise<PeerServer> {
  return start('nginx', upstreamPorts, (pairs, folder) => ({
    command: ['/usr/sbin/nginx', '-p', folder, '-e', 'error.log', '-c', 'peer.conf'],
    file: `
      daemon off; worker_processes 1; pid nginx.pid; error_log error.log crit;
      events { worker_connections 1024; }
      http {
        access_log off; client_max_body_size 1m; underscores_in_headers on;
        client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
        ${pairs.map(({ port, upstreamPort }) => nginxServer(port, upstreamPort)).join('\n')}
      }`,
  }));
}

function nginxServer(port: number, upstreamPort: number): string {
  return `server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${upstreamPort}; proxy_http_version 1.1; proxy_next_upstream off;
      proxy_set_header Connection ""; proxy_set_header Host $http_host;
    }
  }`;
}

/** HAProxy as Debian ships it. */
export function startHaproxy(upstreamPorts: readonly number[]): Promise<PeerServer> {
  return start('haproxy', upstreamPorts, (pairs, folder) => ({
    command: ['/usr/sbin/haproxy', '-f', join(folder, 'peer.conf')],
    file: `
defaults
  mode http
  retries 0
  timeout connect 2s
  timeout client 5s
  timeout server 5s
  timeout http-request 5s
${pairs
  .map(
    ({ port, upstreamPort }) => `
frontend in${port}
  bind 127.0.0.1:${port}
  default_backend out${port}
backend out${port}
  server only 127.0.0.1:${upstreamPort}
`,
  )
  .join('')}`,
  }));
}

interface Pair {
  readonly port: number;
  readonly upstreamPort: number;
}

interface Setup {
  readonly command: readonly [string, ...string[]];
  readonly file: string;
}

async function start(
  name: string,
  upstreamPorts: readonly number[],
  setup: (pairs: readonly Pair[], folder: string) => Setup,
): Promise<PeerServer> {
  const folder = mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  const ports = await Promise.all(upstreamPorts.map(freePort));
  const pairs = upstreamPorts.map((upstreamPort, index) => ({ port: ports[index] ?? 0, upstreamPort }));
  const { command, file } = setup(pairs, folder);
  writeFileSync(join(folder, 'peer.conf'), file);
  const [program, ...args] = command;
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => {
    complaint = (complaint + text.toString()).slice(-2_000);
  });
  for (const port of ports) await listening(child, port, () => `${name}: ${complaint}`);
  const close = async (): Promise<void> => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    if (child.exitCode === null && child.kill('SIGTERM')) await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { name, ports, close };
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

const START_TRIES = 100;

async function listening(child: ChildProcess, port: number, complaint: () => string): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries += 1) {
    if (child.exitCode !== null) throw new Error(`did not start: ${complaint()}`);
    if (await canConnect(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`listens on nothing: ${complaint()}`);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const done = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
