/** Clients that other people wrote, through a gateway process, against every shape of answer an upstream has. */
import { strict as assert } from 'node:assert';
import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GatewayProcess } from './harness/gateway.ts';
import { type Finished, Program, run, temporaryFolder } from './harness/program.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { closingOf, nextMessage, openWebSocket } from './harness/websocket-client.ts';

const PAGE = Buffer.from('All animals are equal, and some of them are bytes. '.repeat(200));
const ETAG = '"v1"';

/** A body that nobody can keep by accident: 100 MB, each 64 KiB different. */
const BIG_PARTS = 1_600;
const PART_BYTES = 65_536;
const BIG_SHA256 = bigHash();

/** Bodies of the routes' limits: profile game has 1 MB, webapp 10 MB. */
const MEBIBYTE = 1_048_576;

const scope = new SuiteScope();
after(scope.end);
const folder = temporaryFolder(scope);
const events: ServerResponse[] = [];
let upstream: Upstream;
let gateway: GatewayProcess;

before(async () => {
  upstream = await startUpstream(scope, { onRequest: (request, response) => void serve(request, response, events) });
  gateway = await GatewayProcess.start(scope, {
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { a: "${upstream.url}" }
routes:
  - { name: game, upstream: a, profile: game }
  - { name: uploads, match: { path: /uploads }, upstream: a, profile: webapp }
`,
  });
});

const curl = (t: TestContext, path: string, ...args: readonly string[]): Promise<Finished> =>
  run(t, { command: 'curl', arguments: ['-sS', '--max-time', '20', ...args, gateway.url(path)], directory: folder });

void test('curl gets a page, its head alone, a part of it, and a 304', async (t) => {
  const whole = await curl(t, '/page', '-i');
  assert.equal(whole.code, 0, whole.stderr);
  assert.match(whole.stdout, /^HTTP\/1\.1 200 OK\r\n/);
  assert.ok(whole.stdout.endsWith(PAGE.toString()));
  const head = await curl(t, '/page', '-I');
  assert.match(head.stdout, new RegExp(`^content-length: ${PAGE.length}\r$`, 'im'));
  assert.ok(head.stdout.endsWith('\r\n\r\n'));
  const part = await curl(t, '/page', '-i', '-r', '100-149');
  assert.match(part.stdout, /^HTTP\/1\.1 206 Partial Content\r\n/);
  assert.match(part.stdout, new RegExp(`content-range: bytes 100-149/${PAGE.length}`, 'i'));
  assert.ok(part.stdout.endsWith(`\r\n\r\n${PAGE.subarray(100, 150).toString()}`));
  const unchanged = await curl(t, '/page', '-i', '-H', `If-None-Match: ${ETAG}`);
  assert.match(unchanged.stdout, /^HTTP\/1\.1 304 Not Modified\r\n[\s\S]*etag: "v1"[\s\S]*\r\n\r\n$/i);
});

for (const version of ['--http1.0', '--http1.1'])
  for (const path of ['/page', '/chunked', '/until-close', '/gzip', '/empty'])
    void test(`curl ${version} reads ${path} whole`, async (t) => {
      const { code, stdout, stderr } = await curl(t, path, version, '--compressed');
      assert.equal(code, 0, stderr);
      assert.equal(stdout, path === '/empty' ? '' : PAGE.toString());
    });

void test('curl posts a form, a file and a stream, and each arrives as it was sent', async (t) => {
  const body = Buffer.from('name=Ada&score=7');
  writeFileSync(join(folder, 'body'), body);
  for (const args of [
    ['-d', '@body'],
    ['--data-binary', '@body'],
    ['-T', 'body'],
    ['-X', 'POST', '-H', 'Transfer-Encoding: chunked', '--data-binary', '@body'],
  ]) {
    const { code, stdout, stderr } = await curl(t, '/hash', ...args);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `${body.length} ${sha256(body)}`, args.join(' '));
  }
  const streamed = await run(t, {
    command: 'curl',
    arguments: ['-sS', '--max-time', '20', '-T', '-', gateway.url('/hash')],
    input: body,
  });
  assert.equal(streamed.stdout, `${body.length} ${sha256(body)}`);
  assert.equal(upstream.requests.at(-1)?.headers['transfer-encoding'], 'chunked');
});

void test('curl waits for 100 Continue, and gets it from the upstream side, not before', async (t) => {
  const answer = await curl(t, '/hash', '-v', '--expect100-timeout', '60', '-H', 'Expect: 100-continue', '-d', 'body');
  assert.match(answer.stderr, /^< HTTP\/1\.1 100 Continue\r?$/m);
  assert.equal(answer.stdout, `4 ${sha256(Buffer.from('body'))}`);
  const refused = await curl(
    t,
    '/nothing-here',
    '-v',
    '--expect100-timeout',
    '60',
    '-H',
    'Expect: 100-continue',
    '-H',
    'Host: a..b',
    '-d',
    'body',
  );
  assert.doesNotMatch(refused.stderr, /100 Continue/);
  assert.match(refused.stderr, /^< HTTP\/1\.1 400 /m);
});

for (const [what, args] of [
  ['with Expect', ['--data-binary', '@large']],
  ['without Expect', ['-H', 'Expect:', '--data-binary', '@large']],
  ['as a stream', ['-H', 'Expect:', '-X', 'POST', '-T', 'large', '-H', 'Transfer-Encoding: chunked']],
] as const)
  void test(`curl reads why an upload of 10 MB ${what} is refused with 413`, async (t) => {
    writeFileSync(join(folder, 'large'), Buffer.alloc(10 * MEBIBYTE, 'x'));
    const { code, stdout, stderr } = await curl(t, '/hash', '-w', '\n%{http_code}', ...args);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /"code":"BODY_TOO_LARGE".*\n413$/);
  });

void test('an upload of exactly 10 MB passes where 10 MB are allowed, and one byte more does not', async (t) => {
  const body = bytes(10 * MEBIBYTE);
  writeFileSync(join(folder, 'allowed'), body);
  writeFileSync(join(folder, 'beyond'), Buffer.concat([body, Buffer.of(0)]));
  const allowed = await curl(t, '/uploads/hash', '--data-binary', '@allowed');
  assert.equal(allowed.stdout, `${body.length} ${sha256(body)}`, allowed.stderr);
  const streamed = await curl(t, '/uploads/hash', '-T', 'allowed', '-H', 'Transfer-Encoding: chunked');
  assert.equal(streamed.stdout, `${body.length} ${sha256(body)}`, streamed.stderr);
  for (const args of [
    ['--data-binary', '@beyond'],
    ['-T', 'beyond', '-H', 'Transfer-Encoding: chunked'],
  ])
    assert.match((await curl(t, '/uploads/hash', ...args)).stdout, /"code":"BODY_TOO_LARGE"/);
});

void test('a download of 100 MB arrives byte by byte, and a slow reader does not fill the gateway', async (t) => {
  const before = await residentBytes(gateway);
  const download = Program.start(t, {
    command: 'curl',
    arguments: ['-sS', '--limit-rate', '40M', '-o', 'big', gateway.url('/big')],
    directory: folder,
  });
  let peak = before;
  await eventually('the download', async () => {
    peak = Math.max(peak, await residentBytes(gateway));
    return download.ending;
  });
  assert.deepEqual([download.ending?.code, download.stderr], [0, '']);
  assert.equal(await fileSha256(join(folder, 'big')), BIG_SHA256);
  t.diagnostic(`resident memory: ${mebibytes(before)} MiB before, ${mebibytes(peak)} MiB at most`);
  assert.ok(peak - before < (BIG_PARTS * PART_BYTES) / 2, 'it is passed on, not gathered');
});

void test('an event stream arrives event by event, however long it pauses', async (t) => {
  const stream = Program.start(t, { command: 'curl', arguments: ['-sS', '-N', '-i', gateway.url('/events')] });
  const response = await eventually('the stream', () => events.at(-1));
  for (const event of ['first', 'second']) {
    response.write(`data: ${event}\n\n`);
    await stream.until(event, () => (stream.stdout.includes(`data: ${event}\n\n`) ? true : undefined));
  }
  response.end();
  assert.equal((await stream.exited()).code, 0);
});

void test('fetch gets, posts and streams', async () => {
  const page = await fetch(gateway.url('/page'));
  assert.deepEqual([page.status, await page.text()], [200, PAGE.toString()]);
  const posted = await fetch(gateway.url('/hash'), { method: 'POST', body: PAGE });
  assert.equal(await posted.text(), `${PAGE.length} ${sha256(PAGE)}`);
  const compressed = await fetch(gateway.url('/gzip'));
  assert.equal(await compressed.text(), PAGE.toString());
  const controller = new AbortController();
  const { body } = await fetch(gateway.url('/events'), { signal: controller.signal });
  const response = await eventually('the stream', () => events.find(({ writableEnded }) => !writableEnded));
  response.write('data: hello\n\n');
  const { value } = (await body?.getReader().read()) ?? {};
  assert.equal(Buffer.from(value ?? []).toString(), 'data: hello\n\n');
  const gone = once(response, 'close');
  controller.abort();
  await gone;
});

void test('ws exchanges text, binary and large messages', async () => {
  const socket = await openWebSocket(gateway.webSocketUrl('/ws'));
  for (const message of ['text ✓', 'x'.repeat(MEBIBYTE)]) {
    const answer = nextMessage(socket);
    socket.send(message);
    assert.equal(await answer, message);
  }
  const binary = bytes(100_000);
  socket.send(binary);
  const [data] = await once(socket, 'message');
  assert.deepEqual(data, binary);
  const closed = closingOf(socket);
  socket.close(4001, 'done');
  assert.deepEqual(await closed, { code: 4001, reason: 'done' });
});

void test('wrk sees no error in two seconds', async (t) => {
  const { code, stdout } = await run(t, { command: 'wrk', arguments: ['-t1', '-c20', '-d2s', gateway.url('/page')] });
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /Socket errors|Non-2xx/);
  assert.match(stdout, /[1-9]\d* requests in/);
  t.diagnostic(stdout.match(/Requests\/sec:.*/)?.[0] ?? '');
});

void test('nobody met an error of the gateway itself', async () => {
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('gateway_internal_errors_total') + metrics.value('sallyport_internal_errors_total'), 0);
});

/** The upstream: every shape of answer. */
async function serve(request: IncomingMessage, response: ServerResponse, events: ServerResponse[]): Promise<void> {
  const path = (request.url ?? '').replace('/uploads', '');
  switch (path) {
    case '/page':
      return servePage(request, response);
    case '/chunked':
      response.write(PAGE.subarray(0, 1_000));
      response.end(PAGE.subarray(1_000));
      return;
    case '/until-close':
      response.setHeader('connection', 'close');
      response.useChunkedEncodingByDefault = false;
      response.write(PAGE.subarray(0, 1_000));
      response.end(PAGE.subarray(1_000));
      return;
    case '/gzip':
      response.setHeader('content-encoding', 'gzip');
      response.end(gzipSync(PAGE));
      return;
    case '/empty':
      response.writeHead(204).end();
      return;
    case '/big':
      return serveBig(response);
    case '/events':
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      events.push(response);
      return;
    case '/hash':
      return serveHash(request, response);
    default:
      response.writeHead(404).end();
  }
}

function servePage(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('etag', ETAG);
  response.setHeader('accept-ranges', 'bytes');
  const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
  if (request.headers['if-none-match'] === ETAG) response.writeHead(304).end();
  else if (range === null) response.writeHead(200, { 'content-length': PAGE.length }).end(PAGE);
  else {
    const [first, last] = [Number(range[1]), Number(range[2])];
    const headers = { 'content-length': last - first + 1, 'content-range': `bytes ${first}-${last}/${PAGE.length}` };
    response.writeHead(206, headers).end(PAGE.subarray(first, last + 1));
  }
}

async function serveHash(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const hash = createHash('sha256');
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    length += chunk.length;
  });
  request.once('end', () => response.end(`${length} ${hash.digest('hex')}`));
}

async function serveBig(response: ServerResponse): Promise<void> {
  response.writeHead(200, { 'content-length': BIG_PARTS * PART_BYTES });
  for (let part = 0; part < BIG_PARTS && !response.destroyed; part += 1)
    if (!response.write(bigPart(part))) await once(response, 'drain');
  response.end();
}

function bigPart(part: number): Buffer {
  return Buffer.alloc(PART_BYTES, `part ${part} of ${BIG_PARTS}.`);
}

function bigHash(): string {
  const hash = createHash('sha256');
  for (let part = 0; part < BIG_PARTS; part += 1) hash.update(bigPart(part));
  return hash.digest('hex');
}

/** Bytes with every value, and no two kilobytes alike. */
function bytes(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => index ^ (index >> 8) ^ (index >> 16)));
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

async function fileSha256(path: string): Promise<string> {
  const hash: Hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) if (Buffer.isBuffer(chunk)) hash.update(chunk);
  return hash.digest('hex');
}

async function residentBytes(gateway: GatewayProcess): Promise<number> {
  return (await gateway.metrics()).value('process_resident_memory_bytes');
}

function mebibytes(count: number): number {
  return Math.round(count / MEBIBYTE);
}
