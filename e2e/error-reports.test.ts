import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

/** Throws in the control plane and in its worker what no code of ours would, once they are ready for what nobody foresaw. */
const BROKEN = `import { isMainThread, threadName } from 'node:worker_threads';
const message = 'alice@example.com from 192.0.2.1 sent Cookie: sid=1';
const timer = setInterval(() => {
  if (process.listenerCount('uncaughtException') === 0) return;
  clearInterval(timer);
  if (isMainThread) throw new RangeError(message);
  if (threadName === 'worker 0') throw new TypeError(message);
}, 50);
timer.unref();
`;

/** Throws in the stage that looks at the method of a request. */
const BROKEN_STAGE = `const { includes } = Array.prototype;
Array.prototype.includes = function (value, ...from) {
  if (value === 'DELETE' && /protocol/.test(new Error().stack)) throw new RangeError('alice@example.com from 192.0.2.1 sent Cookie: sid=1');
  return includes.call(this, value, ...from);
};
`;

void test('errors of every thread are reported to a Sentry-compatible server without personal data (R0.14)', async (t) => {
  const { bodies, heads, gateway } = await start(t);
  const events = await eventually('both reports', () => (bodies.length === 2 ? bodies.map(eventOf) : undefined));
  assert.deepEqual(new Set(events.map(({ type }) => type)), new Set(['RangeError', 'TypeError']));
  for (const event of events) {
    assert.deepEqual(event, { ...event, value: '[text] from [address] sent [header]', environment: 'eu-1' });
  }
  for (const { target, auth } of heads) {
    assert.equal(target, '/api/42/envelope/');
    assert.match(
      auth,
      /^Sentry sentry_version=7, sentry_client=sallyport\/[0-9.]+(?:-[a-z0-9.]+)?, sentry_key=a3f9c0de$/,
    );
  }
  for (const body of bodies) {
    for (const secret of ['alice', '192.0.2.1', 'sid=1', 'broken.mjs', process.cwd()])
      assert.ok(!body.includes(secret));
  }
  const metrics = await eventually('both in the metrics', async () => {
    const seen = await gateway.metrics();
    return seen.value('sallyport_error_reports_sent_total') === 2 ? seen : undefined;
  });
  assert.equal(metrics.value('sallyport_error_reports_dropped_total', { cause: 'failed' }), 0);
  assert.equal((await httpRequest(gateway.url('/'))).status, 200, 'traffic goes on');
  assert.ok(!gateway.program.lines.some((line) => line.includes('a3f9c0de')), 'the key is in no log');
});

void test('a stage that throws refuses its request and is reported once, without personal data (R0.14)', async (t) => {
  const { bodies, gateway } = await start(t, BROKEN_STAGE);
  for (let request = 0; request < 3; request += 1) {
    const refused = await httpRequest(gateway.url('/'), { method: 'DELETE', headers: { cookie: 'sid=1' } });
    assert.equal(refused.status, 403);
  }
  const event = await gateway.logged({ kind: 'exchange', reason: 'STAGE_FAILED' });
  assert.deepEqual(event['failedStages'], ['protocol']);
  const [body = ''] = await eventually('the report', () => (bodies.length > 0 ? bodies : undefined));
  const seen = eventOf(body);
  assert.deepEqual(seen, {
    type: 'StageFailed.protocol.RangeError',
    value: '[text] from [address] sent [header]',
    environment: 'eu-1',
  });
  for (const secret of ['alice', '192.0.2.1', 'sid=1']) assert.ok(!body.includes(secret));
  await eventually('the others, which are the same', async () => {
    const metrics = await gateway.metrics();
    return metrics.value('sallyport_error_reports_dropped_total', { cause: 'repeated' }) === 2 ? true : undefined;
  });
  assert.equal(bodies.length, 1);
});

interface Started {
  readonly gateway: GatewayProcess;
  readonly bodies: readonly string[];
  readonly heads: readonly { readonly target: string; readonly auth: string }[];
}

async function start(t: TestContext, brokenBy: string = BROKEN): Promise<Started> {
  const bodies: string[] = [];
  const heads: { target: string; auth: string }[] = [];
  const ingest = await startUpstream(t, {
    onRequest: (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        heads.push({ target: request.url ?? '', auth: String(request.headers['x-sentry-auth']) });
        bodies.push(Buffer.concat(chunks).toString('utf8'));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"1"}');
      });
    },
  });
  const upstream = await startUpstream(t);
  const directory = temporaryFolder(t);
  const broken = join(directory, 'broken.mjs');
  writeFileSync(broken, brokenBy);
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: "${upstream.url}" }
routes: [{ name: all, upstream: app, profile: webapp }]
workers: { count: 1 }
errorReports: { dsn: "\${env:SENTRY_DSN}", environment: eu-1 }
`;
  const environment = {
    NODE_OPTIONS: `--import=${broken}`,
    SENTRY_DSN: `http://a3f9c0de@127.0.0.1:${ingest.port}/42`,
  };
  return { gateway: await GatewayProcess.start(t, { yaml, directory, environment }), bodies, heads };
}

interface SeenEvent {
  readonly type: unknown;
  readonly value: unknown;
  readonly environment: unknown;
}

function eventOf(envelope: string): SeenEvent {
  const [, item = '', payload = ''] = envelope.split('\n');
  assert.equal(item, '{"type":"event"}');
  const { exception, environment }: { exception: { values: readonly SeenEvent[] }; environment: string } =
    JSON.parse(payload);
  const [{ type, value }] = [exception.values[0] ?? { type: '', value: '', environment }];
  return { type, value, environment };
}
