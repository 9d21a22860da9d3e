/**
 * What V8 makes of the code of a release, kept beside it: a start then compiles no function that a gateway runs to answer its first
 * requests. Code is kept here, where nobody but the owner of a release writes, and not by a gateway that runs: what can write there
 * could otherwise choose what the next process does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const RECORDER = fileURLToPath(new URL('record-thread.ts', import.meta.url));

/** Runs the command of a release and writes what V8 made of it to `bundle`. @throws Error when a gateway does not start, answer or end. */
export async function recordCode(command: string, bundle: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-record-'));
  const upstream = createServer((request, response) => request.resume().on('end', () => response.end('ok')));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  try {
    const config = join(folder, 'sallyport.yaml');
    writeFileSync(config, configuration(folder, portOf(upstream.address())));
    // The first start compiles the rules; most find them compiled.
    await runOnce(command, config, {});
    await runOnce(command, config, { NODE_OPTIONS: `--require=${RECORDER}`, RECORDED_CODE_FOLDER: bundle });
  } finally {
    upstream.close();
    rmSync(folder, { recursive: true });
  }
}

function configuration(folder: string, upstreamPort: number): string {
  return `version: 1
listeners: [{ name: front, address: 127.0.0.1:0 }]
upstreams: { app: { servers: [http://127.0.0.1:${upstreamPort}] } }
routes: [{ name: app, upstream: app, profile: webapp }]
workers: { count: 1 }
waf: { mode: block }
operations: false
admin: { socket: ${folder}/admin.sock }
state: { folder: ${folder}/state }
log: { destination: { file: ${folder}/log } }
`;
}

async function runOnce(command: string, config: string, more: Readonly<Record<string, string>>): Promise<void> {
  const log = join(config, '../log');
  rmSync(log, { force: true });
  const started = spawn(process.execPath, [command, 'run', '-c', config], {
    env: { ...process.env, ...more },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  started.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(started, 'exit');
  try {
    const port = await Promise.race([portIn(log), ended.then(() => undefined)]);
    if (port === undefined) throw new Error(`a gateway of the release does not start: ${said}`);
    for (const [path, init] of REQUESTS) await (await fetch(`http://127.0.0.1:${port}${path}`, init)).text();
  } finally {
    started.kill('SIGTERM');
    await ended;
  }
  if (started.exitCode !== 0) throw new Error(`a gateway of the release ends with ${started.exitCode}: ${said}`);
}

/** One of each kind of what gateways see first. */
const REQUESTS: readonly (readonly [string, RequestInit?])[] = [
  ['/games?page=2&sort=name'],
  ['/games?id=1%27%20or%201=1--'],
  ['/login', { method: 'POST', body: new URLSearchParams({ name: 'somebody', text: 'a few words '.repeat(2_000) }) }],
  [
    '/api',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ list: [1, 'two', { three: true }] }),
    },
  ],
  ['/upload', { method: 'POST', body: uploaded() }],
];

function uploaded(): FormData {
  const form = new FormData();
  form.set('title', 'a picture');
  form.set('file', new Blob(['bytes'.repeat(10_000)], { type: 'image/png' }), 'picture.png');
  return form;
}

/** The port that the log says, once it does. @throws Error when that takes too long. */
async function portIn(log: string): Promise<number> {
  for (let tries = 0; tries < START_TRIES_MAX; tries += 1) {
    const found = /"listener":"front","address":"127\.0\.0\.1:(\d+)"/.exec(textOf(log));
    if (found?.[1] !== undefined) return Number(found[1]);
    await sleep(POLL_MS);
  }
  throw new Error('a gateway of the release does not say where it listens');
}

const POLL_MS = 50;
const START_TRIES_MAX = 1_200;

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
