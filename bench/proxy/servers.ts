/**
 * The proxies that are compared and the upstream behind all of them, with their configuration.
 *
 * Everybody has one worker, keeps 64 connections to the upstream alive, sends X-Forwarded-For, passes the client's Host on,
 * and writes one line for each request to a file: nginx its `combined` line, in batches of 64 KiB; HAProxy its HTTP line
 * through its standard output, which it cannot batch; Sallyport its whole event as JSON. Only Sallyport also judges.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Program } from './process.ts';

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
}

export interface Proxies {
  readonly nginx: Server;
  readonly haproxy: Server;
  readonly sallyport: Server;
  /** Stops all and deletes what they wrote. */
  stop(): Promise<void>;
}

/** What the upstream answers with every time: 100 bytes. */
export const UPSTREAM_BODY: string = '{"games":[]}'.padEnd(100, ' ');

/** Connections each proxy keeps to the upstream: as many as clients there are. */
const UPSTREAM_CONNECTIONS = 64;

/** Starts everything: the upstream on `upstreamCpu`, the proxies on `proxyCpu`. */
export async function startProxies(upstreamCpu: number, proxyCpu: number): Promise<Proxies> {
  const directory = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  const running: Program[] = [];
  const stop = async (): Promise<void> => {
    for (const program of running.toReversed()) await program.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  const start = async (launch: Launch, cpu: number, upstreamPort = 0): Promise<Server> => {
    const port = await freePort();
    const { name, command, file, text, commandLine } = launch({ directory, port, upstreamPort });
    const path = join(directory, file);
    writeFileSync(path, text);
    const outputFile = join(directory, `${name}.out`);
    const program = await Program.start({ command, arguments: commandLine(path), cpu, outputFile }, port);
    running.push(program);
    return { name, port, program };
  };
  try {
    const { port } = await start(upstream, upstreamCpu);
    const nginx = await start(nginxProxy, proxyCpu, port);
    const haproxy = await start(haproxyProxy, proxyCpu, port);
    const sallyport = await start(sallyportProxy, proxyCpu, port);
    return { nginx, haproxy, sallyport, stop };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

interface Place {
  readonly directory: string;
  readonly port: number;
  readonly upstreamPort: number;
}

/** How one program is started: the text of its configuration file, and the arguments once that has a path. */
type Launch = (place: Place) => {
  readonly name: string;
  readonly command: string;
  readonly file: string;
  readonly text: string;
  readonly commandLine: (path: string) => readonly string[];
};

const upstream: Launch = ({ directory, port }) =>
  nginx('upstream', directory, [
    'access_log off;',
    `server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${UPSTREAM_BODY}'; } }`,
  ]);

const nginxProxy: Launch = ({ directory, port, upstreamPort }) =>
  nginx('nginx', directory, [
    `access_log ${directory}/nginx-access.log combined buffer=64k flush=1s;`,
    `upstream app { server 127.0.0.1:${upstreamPort}; keepalive ${UPSTREAM_CONNECTIONS}; keepalive_requests 1000000000; }`,
    `server { listen 127.0.0.1:${port}; location / { proxy_pass http://app; proxy_http_version 1.1;`,
    'proxy_set_header Host $http_host; proxy_set_header Connection "";',
    'proxy_set_header X-Forwarded-For $remote_addr; } }',
  ]);

function nginx(name: string, directory: string, http: readonly string[]): ReturnType<Launch> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${name}-${kind};`,
  );
  // Only root may give workers another user, and only then is the directive allowed without a warning.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return {
    name,
    command: 'nginx',
    file: `${name}.conf`,
    text: `${user} daemon off; worker_processes 1; pid ${directory}/${name}.pid; error_log stderr warn;
events { worker_connections 1024; }
http { ${temporary.join(' ')} keepalive_requests 1000000000; ${http.join('\n')} }
`,
    commandLine: (path) => ['-c', path, '-e', 'stderr', '-p', directory],
  };
}

const haproxyProxy: Launch = ({ port, upstreamPort }) => ({
  name: 'haproxy',
  command: 'haproxy',
  file: 'haproxy.cfg',
  text: `global
  nbthread 1
  maxconn 1024
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server app 127.0.0.1:${upstreamPort} pool-max-conn ${UPSTREAM_CONNECTIONS}
`,
  commandLine: (path) => ['-db', '-f', path],
});

const sallyportProxy: Launch = ({ directory, port, upstreamPort }) => ({
  name: 'sallyport',
  command: process.execPath,
  file: 'sallyport.yaml',
  text: `version: 1
listeners:
  - name: front
    address: 127.0.0.1:${port}
upstreams:
  app:
    servers: [http://127.0.0.1:${upstreamPort}]
    pool: { idle: ${UPSTREAM_CONNECTIONS}, idleTime: 30s }
routes:
  - name: app
    upstream: app
    profile: webapp
# All clients of this load have one address, and their connections arrive in one burst.
connections: { halfOpenPerClientMax: 256 }
operations: false
log:
  destination: { file: ${directory}/sallyport-access.log }
`,
  commandLine: (path) => [fileURLToPath(new URL('../../packages/cli/src/main.ts', import.meta.url)), 'run', '-c', path],
});
