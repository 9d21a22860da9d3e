import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Agent, METHODS, request } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { EVENT_SCHEMA, isKind } from '@sallyport/siem';
import { Authority } from './harness/certificates.ts';
import { parseExposition } from './harness/exposition.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest, responseOf } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import { temporaryFolder } from './harness/program.ts';
import { closed, converse } from './harness/raw.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { closingOf, nextMessage, openWebSocket } from './harness/websocket-client.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLIENT_SPAN = '00f067aa0ba902b7';

let upstream: Upstream;
let gateway: GatewayProcess;
const scope = new SuiteScope();
after(scope.end);
before(async () => {
  upstream = await startUpstream(scope);
  gateway = await GatewayProcess.start(scope, { yaml: configuration(upstream) });
});

void test('an access line follows the request id and the trace from the client to the upstream and back (R0.15)', async () => {
  const headers = { 'x-request-id': 'order-4711.a', traceparent: `00-${TRACE}-${CLIENT_SPAN}-01` };
  const answer = await httpRequest(gateway.url('/traced'), { headers });
  assert.equal(answer.headers['x-request-id'], 'order-4711.a');
  const seen = upstream.requests.find(({ target }) => target === '/traced');
  assert.equal(seen?.headers['x-request-id'], 'order-4711.a');
  const [version, trace, span, flags] = String(seen?.headers['traceparent']).split('-');
  assert.deepEqual([version, trace, flags], ['00', TRACE, '01']);
  assert.match(String(span), /^[0-9a-f]{16}$/);
  assert.notEqual(span, CLIENT_SPAN, 'our hop is a span of its own');
  const line = await gateway.logged({ kind: 'exchange', path: '/traced' });
  assert.deepEqual([line['requestId'], line['traceId']], ['order-4711.a', TRACE]);
});

for (const [what, headers] of [
  ['that could break a log', { 'x-request-id': 'a b<script>alert(1)</script>' }],
  ['of 65 characters', { 'x-request-id': 'x'.repeat(65) }],
  ['that is not there', {}],
] as const) {
  void test(`an access line has an id of ours for one ${what} (R0.15)`, async () => {
    const answer = await httpRequest(gateway.url('/own-id'), { headers });
    const id = String(answer.headers['x-request-id']);
    assert.match(id, /^[A-Za-z0-9_-]{8,16}-[0-9a-z]+$/);
    assert.equal(upstream.requests.at(-1)?.headers['x-request-id'], id);
    const { traceId } = { traceId: String((await gateway.logged({ requestId: id }))['traceId']) };
    assert.equal(String(upstream.requests.at(-1)?.headers['traceparent']).split('-')[1], traceId);
  });
}

void test('an access line says the verdict, who decided, why, and what each stage took in microseconds (R0.15)', async () => {
  await httpRequest(gateway.url('/passed'));
  const passed = await gateway.logged({ kind: 'exchange', path: '/passed' });
  assert.deepEqual(
    [passed['verdict'], passed['status'], passed['route'], passed['decidedBy']],
    ['pass', 200, 'all', undefined],
  );
  await httpRequest(gateway.url('/refused'), { headers: { host: 'elsewhere.example' } });
  const refused = await gateway.logged({ kind: 'exchange', path: '/refused' });
  assert.deepEqual(
    [refused['verdict'], refused['status'], refused['decidedBy'], refused['reason']],
    ['deny', 404, 'routing', 'NO_ROUTE'],
  );
  for (const { stageUs } of [passed, refused]) {
    assert.ok(typeof stageUs === 'object' && stageUs !== null);
    assert.ok(
      Object.values(stageUs).every((us) => Number.isInteger(us) && us >= 0),
      JSON.stringify(stageUs),
    );
    assert.ok('routing' in stageUs);
  }
});

void test('an access line of a WebSocket has the id of its handshake from opening to end (R0.15)', async () => {
  const socket = await openWebSocket(gateway.webSocketUrl('/ws'), { headers: { 'x-request-id': 'player-0001' } });
  const answer = nextMessage(socket);
  socket.send('hello');
  assert.equal(await answer, 'hello');
  const closed = closingOf(socket);
  socket.close(4000);
  await closed;
  const end = await gateway.logged({ kind: 'connection', phase: 'close', requestId: 'player-0001' });
  await gateway.logged({ kind: 'connection', phase: 'open', requestId: 'player-0001' });
  const { messagesIn, messagesOut, closeCode, closedBy } = end;
  assert.deepEqual(
    { messagesIn, messagesOut, closeCode, closedBy },
    { messagesIn: 1, messagesOut: 1, closeCode: 4000, closedBy: 'client' },
  );
});

void test('logs and metrics hold no query, no credential, no cookie, no origin secret and no body (R0.13, R0.15)', async (t) => {
  const originSecret = '9yX2fQ7mWvK4sT8hLcR3bN6jZdG5aEuYq0Jv';
  const upstream = await startUpstream(t, {
    onRequest: (incoming, response) => {
      incoming.resume();
      response.writeHead(200, { 'set-cookie': 'session=PLANTED-set-cookie' }).end('PLANTED-answer');
    },
  });
  const gateway = await GatewayProcess.start(t, {
    environment: { ORIGIN_SECRET: originSecret },
    yaml: `${configuration(upstream, [
      'name: tunnel',
      'address: "127.0.0.1:0"',
      'client: { kind: cloudflare-tunnel, proof: { kind: origin-secret, secrets: ["${env:ORIGIN_SECRET}"] } }',
    ])}log: { level: debug }\n`,
  });
  const secrets = {
    authorization: 'Bearer PLANTED-bearer',
    cookie: 'session=PLANTED-cookie',
    'x-api-key': 'PLANTED-key',
    referer: 'https://a.example/?PLANTED-referer',
    'x-origin-secret': originSecret,
    'cf-connecting-ip': '203.0.113.9',
    'cf-access-jwt-assertion': 'PLANTED.access.token',
  };
  const path = '/play?token=PLANTED-query';
  for (const listener of ['public', 'tunnel']) {
    const options = { method: 'POST', headers: secrets, body: 'PLANTED-body' };
    assert.equal((await httpRequest(gateway.url(path, listener), options)).status, 200);
    await httpRequest(gateway.url(path, listener), { headers: { ...secrets, host: 'no.route.example' } });
    const socket = await openWebSocket(gateway.webSocketUrl(path, listener), {
      headers: { ...secrets, 'sec-websocket-protocol': 'PLANTED-protocol' },
    }).catch(() => undefined);
    socket?.send('PLANTED-message');
    socket?.close(1000, 'PLANTED-reason');
  }
  await httpRequest(gateway.url(path, 'tunnel'), { headers: { 'x-origin-secret': `${originSecret}PLANTED-wrong` } });
  for (const head of [
    'GET /a?b=PLANTED HTTP/1.1\r\nHost: a\r\nHost: PLANTED\r\n',
    'GET http://PLANTED-user:PLANTED-password@a/ HTTP/1.1\r\nHost: a\r\n',
    'GET /%zz?PLANTED HTTP/1.1\r\nHost: a\r\n',
    'GET /a#PLANTED HTTP/1.1\r\nHost: a\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nAuthorization: PLANTED-one\r\nAuthorization: PLANTED-two\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nCookie: a=PLANTED\x01\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: PLANTED\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: PLANTED\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nConnection: PLANTED-nominated\r\n',
    'PLANTED / HTTP/1.1\r\nHost: a\r\n',
    `GET /?${'PLANTED'.repeat(1_500)} HTTP/1.1\r\nHost: a\r\n`,
  ]) {
    assert.match(await converse(gateway.port(), `${head}\r\n`), /^HTTP\/1\.1 4\d\d /, head);
  }
  const scrape = await gateway.operations('/metrics');
  assert.equal((await gateway.stop()).code, 0);
  const output = gateway.program.stdout + gateway.program.stderr + scrape.text;
  assert.equal(gateway.log().filter(({ kind }) => kind === 'exchange').length, 18);
  // The name of a header that a client made up is not a secret, but it is the client's to choose.
  const found = [...output.matchAll(/.*(?:planted|9yX2fQ7m).*/gi)].map(([line]) => line);
  assert.deepEqual(
    found.filter((line) => !line.includes('planted-nominated')),
    [],
  );
});

for (const [what, text] of [
  ['a sample without TYPE', 'a_total 1\n'],
  ['a counter that is no total', '# HELP a A.\n# TYPE a counter\na 1\n'],
  ['the same series twice', '# HELP a A.\n# TYPE a gauge\na{b="c"} 1\na{b="c"} 2\n'],
  ['a family that begins twice', '# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\n'],
  ['a quote in a label', '# HELP a A.\n# TYPE a gauge\na{b="c"d"} 1\n'],
  ['no line break at the end', '# HELP a A.\n# TYPE a gauge\na 1'],
  ['buckets without +Inf', '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 1\na_sum 1\na_count 1\n'],
  [
    'buckets that fall',
    '# HELP a A.\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
  ],
] as const)
  void test(`the metrics are read by a parser that refuses ${what}`, () => {
    assert.throws(() => parseExposition(text), SyntaxError);
  });

void test('the metrics have the documented names and labels, and count what happened (R3.7)', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, { yaml: configuration(upstream) });
  await httpRequest(gateway.url('/'), { method: 'POST', body: '12345' });
  await httpRequest(gateway.url('/'), { headers: { host: 'elsewhere.example' } });
  const socket = await openWebSocket(gateway.webSocketUrl('/ws'));
  socket.send('hello');
  await nextMessage(socket);
  const metrics = await gateway.metrics();
  for (const [name, labels, value] of [
    [
      'http_server_request_duration_seconds_count',
      { http_request_method: 'POST', http_route: 'all', http_response_status_code: '200' },
      1,
    ],
    ['http_server_active_requests', {}, 0],
    ['proxy_blocked_requests_total', { route: '', stage: 'routing', reason: 'NO_ROUTE' }, 1],
    ['gateway_http_bytes_total', { direction: 'in' }, 5],
    ['gateway_connections', { listener: 'public' }, 1],
    ['gateway_ws_connections', { route: 'all', state: 'open' }, 1],
    ['gateway_ws_messages_total', { direction: 'in', route: 'all', verdict: 'pass' }, 1],
    ['gateway_ws_messages_total', { direction: 'out', route: 'all', verdict: 'pass' }, 1],
    ['gateway_ws_message_bytes_sum', { direction: 'in' }, 5],
    ['gateway_ws_send_buffer_bytes', {}, 0],
    ['gateway_upstream_requests_total', { upstream: 'a', result: 'ok' }, 2],
    ['gateway_config_version', {}, 1],
    ['gateway_internal_errors_total', {}, 0],
    ['sallyport_build_info', { node: process.versions.node }, 1],
  ] as const)
    assert.equal(metrics.value(name, labels), value, `${name} ${JSON.stringify(labels)}`);
  assert.deepEqual(
    ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'].map((name) =>
      metrics.families.has(name),
    ),
    [true, true, true],
  );
  const closed = closingOf(socket);
  socket.close(1000);
  await closed;
  await eventually('the end of the WebSocket', async () =>
    (await gateway.metrics()).value('gateway_ws_closes_total', { code: '1000', initiator: 'client' }) === 1
      ? true
      : undefined,
  );
  const later = await gateway.metrics();
  assert.equal(later.value('gateway_ws_connection_duration_seconds_count', { route: 'all' }), 1);
  assert.equal(later.value('gateway_ws_connections'), 0);
});

void test('the metrics stay below 2,000 series under 5,000 clients, hosts, paths, ids, methods and statuses (R0.18)', async (t) => {
  const upstream = await startUpstream(t, {
    onRequest: (incoming, response) => {
      incoming.resume();
      response.writeHead(200 + (Number(incoming.headers['x-number']) % 400)).end();
    },
  });
  const yaml = configuration(upstream, [
    'name: proxied',
    'address: "127.0.0.1:0"',
    'client: { kind: trusted-proxies, from: [127.0.0.0/8] }',
  ]);
  const gateway = await GatewayProcess.start(t, { yaml });
  const agent = new Agent({ keepAlive: true, maxSockets: 25 });
  t.after(() => agent.destroy());
  const methods = METHODS.filter((method) => method !== 'CONNECT');
  const send = async (number: number): Promise<void> => {
    const headers = {
      'x-forwarded-for': `203.${number >> 8}.${number & 255}.7`,
      'x-number': String(number),
      'x-request-id': `request-${number}`,
      'user-agent': `agent-${number}`,
      host: number % 2 === 0 ? '127.0.0.1' : `host-${number}.example`,
    };
    const outgoing = request(gateway.url(`/path-${number}?q=${number}`, 'proxied'), {
      agent,
      headers,
      method: methods[number % methods.length] ?? 'GET',
    });
    const response = await responseOf(outgoing.end());
    await once(response.resume(), 'end');
  };
  for (let number = 0; number < 5_000; number += 50)
    await Promise.all(Array.from({ length: 50 }, (_, index) => send(number + index)));
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('http_server_request_duration_seconds_count'), 5_000);
  assert.ok(metrics.samples.length < 2_000, `${metrics.samples.length} series`);
  assert.equal(metrics.value('gateway_internal_errors_total'), 0);
  t.diagnostic(`${metrics.samples.length} series after 5,000 clients`);
});

void test('the metrics count handshakes that fail and requests that are no HTTP, by reason (R3.12)', async (t) => {
  const upstream = await startUpstream(t);
  const directory = temporaryFolder(t);
  const { certificate, key } = Authority.create(directory, 'ca').issue('server', ['localhost']);
  const tls = `tls: { certificates: [{ certificate: "${certificate}", key: "${key}" }] }`;
  const gateway = await GatewayProcess.start(t, {
    yaml: configuration(upstream, ['name: secure', 'address: "127.0.0.1:0"', tls]),
  });
  const port = gateway.port('secure');
  const good = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
  good.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.match(String((await once(good, 'data'))[0]), /^HTTP\/1\.1 200 /);
  good.destroy();
  await assert.rejects(handshake({ port, maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }));
  for (let left = 0; left < 5; left += 1) await vanish(port);
  const garbage = connect(port, '127.0.0.1');
  garbage.end('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await closed(garbage.resume());
  await converse(gateway.port(), 'NONSENSE\r\n\r\n');
  await eventually('the counters', async () => {
    const metrics = await gateway.metrics();
    const failed = metrics.value('gateway_tls_handshakes_total', { listener: 'secure', result: 'failed' });
    const ok = metrics.value('gateway_tls_handshakes_total', { listener: 'secure', result: 'ok' });
    const refused = metrics.value('gateway_connections_refused_total', {
      listener: 'secure',
      reason: 'TLS_HANDSHAKE_FAILED',
    });
    const malformed = metrics.value('proxy_blocked_requests_total', {
      stage: 'strictness',
      reason: 'MALFORMED_REQUEST',
    });
    return [ok, failed, refused, malformed].join() === '1,7,7,1' ? true : undefined;
  });
  for (const reasonDetail of ['ERR_SSL_HTTP_REQUEST', 'ERR_SSL_UNSUPPORTED_PROTOCOL'])
    await gateway.logged({ kind: 'connection', phase: 'refused', reason: 'TLS_HANDSHAKE_FAILED', reasonDetail });
  assert.equal((await gateway.metrics()).value('gateway_connections'), 0, 'nobody who is gone keeps a place');
});

void test('health is ready while an upstream answers, and says which one does not', async (t) => {
  const port = await freePort();
  const upstream = await startUpstream(t, { port });
  const check = 'healthCheck: { path: /health, interval: 500ms, timeout: 500ms, healthyAfter: 1, unhealthyAfter: 1 }';
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { a: { servers: ["${upstream.url}"], ${check} } }
routes: [{ name: all, upstream: a, profile: game }]
`;
  const gateway = await GatewayProcess.start(t, { yaml });
  assert.deepEqual(await gateway.operations('/livez'), { status: 200, text: 'ok\n' });
  assert.deepEqual(await gateway.readiness(), { status: 200, text: 'ready\n' });

  await upstream.close();
  const down = await eventually('the fall', () => readinessWith(gateway, 503));
  assert.equal(down, 'not ready\nupstream a is down\n');
  assert.equal((await gateway.operations('/livez')).status, 200, 'a restart would not help');
  assert.equal((await httpRequest(gateway.url('/'))).status, 502, 'it is asked all the same: it may be back already');
  await gateway.logged({ kind: 'system', what: 'upstream-down' });

  await startUpstream(t, { port });
  assert.equal(await eventually('the return', () => readinessWith(gateway, 200)), 'ready\n');
  await gateway.logged({ kind: 'system', what: 'upstream-up' });
  assert.equal((await httpRequest(gateway.url('/'))).status, 200);
});

void test('every event in the log has the fields that the schema of events names, and no others', () => {
  const kinds = new Set<string>();
  for (const event of gateway.log()) {
    const { kind } = event;
    if (!isKind(kind)) continue;
    kinds.add(kind);
    const named = new Set(EVENT_SCHEMA.kinds[kind].map(({ name }) => name));
    const others = Object.keys(event).filter((name) => !named.has(name));
    assert.deepEqual(others, [], JSON.stringify(event));
  }
  assert.deepEqual([...kinds].toSorted(), ['connection', 'exchange', 'system']);
});

/** A gateway that knows one host, with a listener beside `public` where the test needs one. */
function configuration(upstream: Upstream, listener: readonly string[] = []): string {
  const second = listener.length === 0 ? '' : `  - { ${listener.join(', ')} }\n`;
  return `version: 1
mode: development
listeners:
  - { name: public, address: "127.0.0.1:0" }
${second}upstreams: { a: "${upstream.url}" }
routes: [{ name: all, match: { host: [127.0.0.1, localhost] }, upstream: a, profile: game }]
`;
}

/** Begins a handshake and goes away within it. */
async function vanish(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // The head of a record of 512 bytes, of which nothing more comes.
  socket.end(Buffer.from([22, 3, 1, 2, 0]));
  await closed(socket.resume());
}

async function handshake(options: ConnectionOptions): Promise<void> {
  const socket = connectTls({ host: '127.0.0.1', rejectUnauthorized: false, ...options });
  try {
    await once(socket, 'secureConnect');
  } finally {
    socket.destroy();
  }
}

async function readinessWith(gateway: GatewayProcess, wanted: number): Promise<string | undefined> {
  const { status, text } = await gateway.readiness();
  return status === wanted ? text : undefined;
}
