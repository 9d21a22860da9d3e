/** HTTP/2 clients that other people wrote, through a gateway process. */
import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { Authority } from './harness/certificates.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { type Finished, Program, run, temporaryFolder } from './harness/program.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';

const BIG = Buffer.alloc(3_000_000, 'All streams are equal. ');

const scope = new SuiteScope();
after(scope.end);
const folder = temporaryFolder(scope);
const authority = Authority.create(folder, 'public');
const { certificate, key } = authority.issue('game', ['localhost', '127.0.0.1']);
const tls = `tls: { certificates: [{ certificate: "${certificate}", key: "${key}" }] }`;
let upstream: Upstream;
let gateway: GatewayProcess;

const configuration = (url: string): string => `version: 1
listeners:
  - { name: public, address: "127.0.0.1:0", ${tls} }
  - { name: old, address: "127.0.0.1:0", ${tls}, http2: { enabled: false } }
  - { name: narrow, address: "127.0.0.1:0", ${tls}, http2: { streams: 2 } }
upstreams: { app: { servers: ["${url}"], pool: { connections: 500 } } }
routes: [{ name: all, upstream: app, profile: webapp }]
connections: { perClientMax: 1000, halfOpenPerClientMax: 1000 }
drain: { deadline: 20s }
`;

before(async () => {
  upstream = await startUpstream(scope, { onRequest: serve });
  gateway = await GatewayProcess.start(scope, { yaml: configuration(upstream.url) });
});

const secureUrl = (path: string, listener = 'public'): string => `https://${gateway.address(listener)}${path}`;

const curl = (t: TestContext, url: string, ...args: readonly string[]): Promise<Finished> =>
  run(t, {
    command: 'curl',
    arguments: ['-sS', '--max-time', '30', '--cacert', authority.certificate, ...args, url],
    directory: folder,
  });

void test('curl gets pages, sends bodies and hears refusals over HTTP/2 (R3.12)', async (t) => {
  const page = await curl(t, secureUrl('/page'), '--http2', '-i', '-b', 'a=1; b=2');
  assert.match(page.stdout, /^HTTP\/2 200 \r\n/);
  assert.match(page.stdout, /\r\n\r\npage$/);
  assert.doesNotMatch(page.stdout, /transfer-encoding|connection:|keep-alive/i);
  assert.equal(upstream.requests.at(-1)?.headers.cookie, 'a=1; b=2');
  const file = join(folder, 'upload');
  writeFileSync(file, BIG);
  const upload = await curl(t, secureUrl('/hash'), '--http2', '--data-binary', `@${file}`);
  assert.equal(upload.stdout, createHash('sha256').update(BIG).digest('hex'), upload.stderr);
  const head = await curl(t, secureUrl('/page'), '--http2', '-I');
  assert.match(head.stdout, /^HTTP\/2 200 \r\n/);
  const refused = await curl(t, secureUrl('/a%2fb'), '--http2', '-i', '--path-as-is');
  assert.match(refused.stdout, /^HTTP\/2 400 \r\n[^]*"code":"PATH_ENCODED_SLASH"/);
  await gateway.logged({ kind: 'exchange', httpVersion: '2', reason: 'PATH_ENCODED_SLASH' });
});

void test('a listener on which HTTP/2 is off, and a client that does not ask for it, speak HTTP/1.1', async (t) => {
  assert.match((await curl(t, secureUrl('/page', 'old'), '--http2', '-i')).stdout, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match((await curl(t, secureUrl('/page'), '--http1.1', '-i')).stdout, /^HTTP\/1\.1 200 OK\r\n/);
});

void test('nghttp gets a large page with all its resources at once, whole', async (t) => {
  const urls = Array.from({ length: 20 }, (_, index) => secureUrl(`/big?${index}`));
  const got = await run(t, { command: 'nghttp', arguments: ['--no-verify-peer', '-ns', ...urls], directory: folder });
  assert.equal(got.code, 0, got.stderr);
  // One line for each: its number, its times, its status, its size.
  assert.equal(got.stdout.match(/ 200 +2M \/big\?/g)?.length, urls.length, got.stdout);
});

void test('h2load gets an answer to each of 4,000 requests on 10 connections, 50 at a time', async (t) => {
  const done = await h2load(t, secureUrl('/page'), ['-n', '4000', '-c', '10', '-m', '50']);
  assert.match(done.stdout, /4000 total, 4000 started, 4000 done, 4000 succeeded, 0 failed, 0 errored, 0 timeout/);
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('gateway_internal_errors_total'), 0);
});

void test('h2load keeps to the number of streams that the gateway allows, as soon as it has heard of it', async (t) => {
  const done = await h2load(t, secureUrl('/page', 'narrow'), ['-n', '1000', '-c', '5', '-m', '50']);
  const [, succeeded = '', failed = ''] = /1000 done, (\d+) succeeded, (\d+) failed/.exec(done.stdout) ?? [];
  assert.equal(Number(succeeded) + Number(failed), 1_000, done.stdout);
  // What came before the settings of the gateway had arrived was refused, one by one, and each has its event.
  await eventually('an event for each', async () => {
    const refused = gateway.log().filter(({ reason }) => reason === 'HTTP2_STREAMS_TOO_MANY');
    return refused.length === Number(failed) ? true : undefined;
  });
});

void test('a gateway that stops while h2load runs loses none of the requests that it began (R1.10)', async (t) => {
  const second = await GatewayProcess.start(t, { yaml: configuration(upstream.url) });
  const load = Program.start(t, {
    command: 'h2load',
    arguments: ['-c', '5', '-m', '10', '-D', '30', `https://${second.address('public')}/page`],
  });
  const before = upstream.requests.length;
  await second.program.until('traffic', () => (upstream.requests.length > before + 500 ? true : undefined));
  second.program.signal('SIGTERM');
  assert.deepEqual(await second.program.exited(), { code: 0, signal: null });
  const exchanges = second.log().filter(({ kind }) => kind === 'exchange');
  assert.ok(exchanges.length > 500, `${exchanges.length} exchanges`);
  assert.deepEqual(
    [...new Set(exchanges.map(({ verdict, status }) => `${String(verdict)} ${String(status)}`))],
    ['pass 200'],
  );
  assert.ok(second.log().some(({ detail }) => detail === '0 connections cut'));
  load.signal('SIGKILL');
});

function h2load(t: TestContext, url: string, args: readonly string[]): Promise<Finished> {
  return run(t, { command: 'h2load', arguments: [...args, url], directory: folder });
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  if (request.url?.startsWith('/big')) return void response.end(BIG);
  if (request.url === '/hash') {
    const hash = createHash('sha256');
    request.on('data', (piece: Buffer) => hash.update(piece));
    request.on('end', () => response.end(hash.digest('hex')));
    return;
  }
  response.end('page');
}
