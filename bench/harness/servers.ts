/**
 * Servers under measurement: how each is configured, and all of those of a benchmark together.
 *
 * Every proxy here has one worker, keeps 64 connections to the upstream alive, and passes the client's Host on.
 */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Program } from './process.ts';

export interface Server {
  readonly name: string;
  readonly port: number;
  readonly program: Program;
}

/** What a launch may use: a folder of its own benchmark, its port, and where the upstream listens (0 without one). */
export interface Place {
  readonly directory: string;
  readonly port: number;
  readonly upstreamPort: number;
}

/** How one program is started: the text of its configuration file, and the arguments once that has a path. */
export type Launch = (place: Place) => {
  readonly name: string;
  readonly command: string;
  readonly text: string;
  readonly commandLine: (path: string) => readonly string[];
};

/** The programs that one benchmark started. */
export class Servers {
  /** Everything written lies here; gone after `stop`. Servers that give up root may look into it. */
  readonly directory: string = mkdtempSync(join(tmpdir(), 'sallyport-bench-'));
  readonly #running: Program[] = [];

  constructor() {
    chmodSync(this.directory, 0o755);
  }

  /** Starts one and waits until it listens. `cpus` is a list as taskset takes it. @throws Error with its output. */
  async start(launch: Launch, cpus: number | string, upstreamPort: number = 0): Promise<Server> {
    const port = await freePort();
    const { name, command, commandLine } = launch({ directory: this.directory, port, upstreamPort });
    const path = this.rewrite(launch, port, upstreamPort);
    const outputFile = join(this.directory, `${name}.out`);
    const program = await Program.start({ command, arguments: commandLine(path), cpus, outputFile }, port);
    this.#running.push(program);
    return { name, port, program };
  }

  /** Writes the configuration of one that runs anew, and answers where it lies. */
  rewrite(launch: Launch, port: number, upstreamPort: number): string {
    const { name, text } = launch({ directory: this.directory, port, upstreamPort });
    const path = join(this.directory, `${name}.conf`);
    writeFileSync(path, text);
    return path;
  }

  /** Stops all and deletes what they wrote. */
  async stop(): Promise<void> {
    for (const program of this.#running.toReversed()) await program.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** What the upstream answers with every time: 100 bytes. */
export const UPSTREAM_BODY: string = '{"games":[]}'.padEnd(100, ' ');

/** Connections each proxy keeps to the upstream: as many as clients there are. */
export const UPSTREAM_CONNECTIONS = 64;

export const upstream: Launch = ({ directory, port }) =>
  nginx({
    name: 'upstream',
    directory,
    http: [
      'access_log off; client_max_body_size 16m; client_body_buffer_size 2m;',
      `server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${UPSTREAM_BODY}'; } }`,
    ],
  });

export interface NginxParts {
  readonly name: string;
  readonly directory: string;
  /** Directives of the `http` block. */
  readonly http: readonly string[];
  /** Directives before it. */
  readonly main?: readonly string[];
}

/** An nginx of its own, which touches nothing of the system's. */
export function nginx({ name, directory, http, main = [] }: NginxParts): ReturnType<Launch> {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${directory}/${name}-${kind};`,
  );
  // Only root may give workers another user, and only then is the directive allowed without a warning.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return {
    name,
    command: 'nginx',
    text: `${main.join('\n')}
${user} daemon off; worker_processes 1; pid ${directory}/${name}.pid; error_log stderr warn;
events { worker_connections 1024; }
http { ${temporary.join(' ')} keepalive_requests 1000000000; ${http.join('\n')} }
`,
    commandLine: (path) => ['-c', path, '-e', 'stderr', '-p', directory],
  };
}

/** The directives of nginx as a proxy for `upstreamPort`. */
export function nginxProxyDirectives({ port, upstreamPort }: Place, location: string = ''): readonly string[] {
  return [
    `upstream app { server 127.0.0.1:${upstreamPort}; keepalive ${UPSTREAM_CONNECTIONS}; keepalive_requests 1000000000; }`,
    `server { listen 127.0.0.1:${port}; location / { ${location} proxy_pass http://app; proxy_http_version 1.1;`,
    'proxy_set_header Host $http_host; proxy_set_header Connection "";',
    'proxy_set_header X-Forwarded-For $remote_addr; } }',
  ];
}

export interface SallyportParts {
  readonly name: string;
  readonly place: Place;
  /** Worker threads. Default: 1. */
  readonly workers?: number;
  /** The section `waf`, in one line of YAML. Default: no rule runs. */
  readonly waf?: string;
  /** A release, with the settings of Node.js that its service unit has. Default: the sources. */
  readonly release?: string;
  /** More keys of the first listener, of the only route, and at the top; lines of YAML. */
  readonly listener?: readonly string[];
  readonly route?: readonly string[];
  readonly top?: readonly string[];
}

/** Sallyport, one route to the upstream, every event as JSON in a file. */
export function sallyport({
  name,
  place,
  workers = 1,
  waf = '{ mode: off }',
  release,
  listener = [],
  route = [],
  top = [],
}: SallyportParts): ReturnType<Launch> {
  const { directory, port, upstreamPort } = place;
  const indented = (lines: readonly string[]): string => lines.map((line) => `    ${line}\n`).join('');
  return {
    name,
    command: 'env',
    text: `version: 1
listeners:
  - name: front
    address: 127.0.0.1:${port}
${indented(listener)}upstreams:
  app:
    servers: [http://127.0.0.1:${upstreamPort}]
    pool: { idle: ${UPSTREAM_CONNECTIONS}, idleTime: 30s }
routes:
  - name: app
    upstream: app
    profile: webapp
${indented(route)}# All clients of this load have one address, and their connections arrive in one burst.
connections: { perClientMax: 8192, halfOpenPerClientMax: 1024 }
workers: { count: ${workers} }
waf: ${waf}
operations: false
log:
  destination: { file: ${directory}/${name}-access.log }
${top.join('\n')}
`,
    commandLine: (path) => [...startOf(release), 'run', '-c', path],
  };
}

/** How operators start a release (deploy/systemd/sallyport.service), and developers the sources. */
function startOf(release: string | undefined): readonly string[] {
  if (release === undefined) return [process.execPath, fileURLToPath(SOURCES)];
  const settings = ['MALLOC_ARENA_MAX=2', 'MALLOC_TRIM_THRESHOLD_=131072'];
  return [...settings, process.execPath, '--max-semi-space-size=8', join(release, 'bin/sallyport')];
}

const SOURCES = new URL('../../packages/cli/src/main.ts', import.meta.url);
