/** What a scrape says of the machine, the process, its threads, and traffic, under both names that things have. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Exposition } from './harness/exposition.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { run, temporaryFolder } from './harness/program.ts';
import { closed } from './harness/raw.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SECRET = '9yX2fQ7mWvK4sT8hLcR3bN6jZdG5aEuYq0Jv';

let upstream: Upstream;
let gateway: GatewayProcess;
const scope = new SuiteScope();
after(scope.end);
before(async () => {
  const directory = temporaryFolder(scope);
  upstream = await startUpstream(scope, {
    onRequest: (request, response) => {
      request.resume();
      response.writeHead(request.url === '/broken' ? 500 : 200).end('answer');
    },
  });
  gateway = await GatewayProcess.start(scope, {
    directory,
    environment: { ORIGIN_SECRET: SECRET },
    yaml: `version: 1
mode: development
listeners:
  - { name: public, address: "127.0.0.1:0" }
  - name: proven
    address: "127.0.0.1:0"
    client: { kind: cloudflare-tunnel, proof: { kind: origin-secret, secrets: ["\${env:ORIGIN_SECRET}"] } }
upstreams: { a: "${upstream.url}" }
routes: [{ name: all, match: { host: [127.0.0.1] }, upstream: a, profile: api }]
workers: { count: 2 }
admin: { socket: "${join(directory, 'admin.sock')}", address: "127.0.0.1:0" }
`,
  });
});

void test('things are counted under the names that monitoring handbooks have, and under ours (R4.12)', async () => {
  const before = await gateway.metrics();
  await httpRequest(gateway.url('/a'));
  await httpRequest(gateway.url('/b'));
  await httpRequest(gateway.url('/broken'));
  await httpRequest(gateway.url('/c'), { headers: { host: 'elsewhere.example' } });
  await httpRequest(gateway.url('/d', 'proven'), { headers: { 'cf-connecting-ip': '203.0.113.7' } });
  const { address } = await gateway.logged({ msg: 'serving the admin API' });
  const wrong = { authorization: `Bearer spsession_0123456789abcdef_${'A'.repeat(43)}` };
  assert.equal((await httpRequest(`http://${String(address)}/api/v1/status`, { headers: wrong })).status, 401);
  const since = await eventually('five requests', async () => {
    const now = await gateway.metrics();
    return difference(before, now, 'app_requests_total') === 5 ? now : undefined;
  });
  for (const [alias, name, labels, value] of [
    ['app_requests_total', 'gateway_http_responses_total', {}, 5],
    ['app_errors_total', 'gateway_http_responses_total', { class: '5xx' }, 1],
    ['app_response_time_seconds_count', 'http_server_request_duration_seconds_count', {}, 5],
    ['security_blocked_requests_total', 'proxy_blocked_requests_total', {}, 2],
    ['security_failed_logins_total', 'gateway_auth_attempts_total', { result: 'refused' }, 1],
    ['security_failed_logins_total', 'sallyport_admin_wrong_credentials_total', {}, 1],
  ] as const) {
    assert.equal(difference(before, since, name, labels), value, name);
    const expected = alias === 'security_failed_logins_total' ? 2 : value;
    assert.equal(difference(before, since, alias), expected, alias);
  }
  const modes = ['user', 'nice', 'system', 'irq', 'softirq', 'steal'];
  const used = modes.reduce((sum, mode) => sum + since.value('system_cpu_time_seconds_total', { mode }), 0);
  assert.ok(used > 0);
  assert.ok(Math.abs(since.value('system_cpu_usage_seconds_total') - used) < 1e-6);
  assert.equal(since.value('system_memory_limit_bytes'), totalmem());
  assert.ok(since.value('system_memory_usage_bytes') > 0);
  assert.ok(since.value('system_memory_usage_bytes') < totalmem());
});

void test('the exposition has connections, CPU, memory, bandwidth and errors for a dashboard (R0.38)', async () => {
  const metrics = await gateway.metrics();
  for (const name of [
    'gateway_connections',
    'gateway_connections_accepted_total',
    'process_cpu_seconds_total',
    'system_cpu_time_seconds_total',
    'process_resident_memory_bytes',
    'system_memory_usage_bytes',
    'gateway_client_bytes_total',
    'gateway_upstream_bytes_total',
    'gateway_http_responses_total',
  ])
    assert.ok((metrics.families.get(name)?.samples.length ?? 0) > 0, name);
});

void test('bytes are those of the connections, in both directions and on both sides', async () => {
  const before = await gateway.metrics();
  const socket = connect(gateway.port(), '127.0.0.1');
  const request = `POST /sized HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(1_000)}`;
  socket.write(request);
  await once(socket, 'data');
  const open = await gateway.metrics();
  assert.equal(difference(before, open, 'gateway_client_bytes_total', { direction: 'in' }), request.length);
  assert.equal(difference(before, open, 'gateway_client_bytes_total', { direction: 'out' }), socket.bytesRead);
  assert.ok(difference(before, open, 'gateway_upstream_bytes_total', { direction: 'out' }) > 1_000);
  assert.ok(difference(before, open, 'gateway_upstream_bytes_total', { direction: 'in' }) > 'answer'.length);
  const received = socket.bytesRead;
  socket.end();
  await closed(socket);
  await eventually('its end', async () =>
    (await gateway.metrics()).value('gateway_connections') === before.value('gateway_connections') ? true : undefined,
  );
  const gone = await gateway.metrics();
  assert.equal(difference(before, gone, 'gateway_client_bytes_total', { direction: 'in' }), request.length);
  assert.equal(difference(before, gone, 'gateway_client_bytes_total', { direction: 'out' }), received);
});

void test('each thread shows its heap, its event loop and its CPU time, and the process its files', async () => {
  const metrics = await gateway.metrics();
  for (const name of [
    'nodejs_heap_size_used_bytes',
    'nodejs_thread_cpu_seconds_total',
    'nodejs_eventloop_active_seconds_total',
  ]) {
    for (const worker of ['main', '0', '1']) assert.ok(metrics.value(name, { worker }) > 0, `${name} ${worker}`);
  }
  const lag = metrics.families.get('nodejs_eventloop_lag_seconds')?.samples ?? [];
  assert.deepEqual(new Set(lag.map(({ labels }) => labels['worker'])), new Set(['main', '0', '1']));
  const threads = metrics.value('nodejs_thread_cpu_seconds_total');
  assert.ok(threads <= metrics.value('process_cpu_seconds_total'), 'the process has more threads than these');
  assert.ok(metrics.value('nodejs_gc_duration_seconds_count') > 0);
  assert.ok(metrics.value('process_open_fds') > 10);
  assert.ok(metrics.value('process_max_fds') > metrics.value('process_open_fds'));
  assert.equal(metrics.value('gateway_workers', { state: 'ready' }), 2);
  assert.equal(metrics.value('gateway_upstream_healthy', { upstream: 'a' }), 1, 'not one for each worker');
});

void test('bans in force and the attack level stand in the metrics', async () => {
  const banned = { kind: 'address', value: '192.0.2.7' };
  assert.equal(await askAdmin('/api/v1/decisions', { kind: 'ban', scope: banned, reason: 'test' }), 200);
  const action = { kind: 'set-attack-level', level: 2 };
  assert.equal(await askAdmin('/api/v1/commands', { id: 'b', action }), 200);
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('sallyport_decisions', { kind: 'ban' }), 1);
  assert.equal(metrics.value('sallyport_decisions', { kind: 'allowance' }), 0);
  assert.equal(metrics.value('sallyport_attack_level'), 2);
  assert.equal(metrics.value('sallyport_draining'), 0);
});

void test('every documented metric is in a scrape, with the documented labels', async () => {
  const { families } = await gateway.metrics();
  const rows = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8').matchAll(
    /^\| .*`([a-z0-9_]+)` \| (\w+) \|(.*)$/gm,
  );
  const documented = new Map([...rows].map(([, name = '', type = '', rest = '']) => [name, { type, rest }]));
  assert.ok(documented.size > 60);
  assert.deepEqual(
    [...families.keys()].filter((name) => !documented.has(name)),
    [],
  );
  for (const [name, { type, rest }] of documented) {
    const family = families.get(name);
    assert.equal(family?.type, type, name);
    const labels = new Set(family?.samples.flatMap((sample) => Object.keys(sample.labels)));
    for (const label of labels) assert.ok(label === 'le' || rest.includes(`\`${label}\``), `${name} has ${label}`);
  }
});

void test('Prometheus finds nothing to say against the exposition and the rules, and plays every alert through', async (t) => {
  const { text } = await gateway.operations('/metrics');
  const deploy = join(ROOT, 'deploy/prometheus');
  for (const [what, input] of [
    [['check', 'metrics'], text],
    [['check', 'rules', join(deploy, 'alerts.yaml')], ''],
    [['check', 'config', join(deploy, 'prometheus.yaml')], ''],
    [['test', 'rules', join(deploy, 'alerts.test.yaml')], ''],
  ] as const) {
    const { code, stdout, stderr } = await run(t, { command: 'promtool', arguments: what, input });
    const complaints = stderr.split('\n').filter((line) => line !== '' && line !== KNOWN_COMPLAINT);
    assert.deepEqual(complaints, [], what.join(' '));
    assert.ok(code === 0 || stderr.includes(KNOWN_COMPLAINT), `${what.join(' ')}\n${stdout}`);
  }
});

/** The name and the label are those that client libraries of Node.js have, and dashboards ask for them. */
const KNOWN_COMPLAINT = 'nodejs_eventloop_lag_seconds non-summary metrics should not have "quantile" label';

function difference(
  before: Exposition,
  since: Exposition,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  return since.value(name, labels) - before.value(name, labels);
}

/** Answers the status. */
async function askAdmin(path: string, body: unknown): Promise<number> {
  const { status } = await httpRequest(`http://localhost${path}`, {
    method: 'POST',
    socket: join(gateway.directory, 'admin.sock'),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return status;
}
