/** Inspection by rules, through a gateway process on real sockets. */
import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { GatewayProcess } from './harness/gateway.ts';
import { type HttpOptions, httpRequest, startRequest } from './harness/http-client.ts';
import { form, type Judged, judge, partOf, rulesIn } from './harness/judged.ts';
import { temporaryFolder } from './harness/program.ts';
import { converse } from './harness/raw.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';
import { openWebSocket } from './harness/websocket-client.ts';

const scope = new SuiteScope();
after(scope.end);
let gateway: GatewayProcess;

/** Rules whose decisions a test can foresee. */
const OWN_RULES = `
SecRule REQUEST_HEADERS:X-Deny "@streq 1" "id:101,phase:1,deny,status:406,msg:'a head',severity:2"
SecRule REQUEST_HEADERS:X-Drop "@streq 1" "id:102,phase:1,drop,msg:'dropped'"
SecRule REQUEST_HEADERS:X-Redirect "@streq 1" "id:103,phase:1,redirect:https://example.com/elsewhere"
SecRule ARGS "@contains forbidden" "id:201,phase:2,deny,t:none,t:lowercase,msg:'a word',setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule FILES "@endsWith .php" "id:202,phase:2,deny,msg:'a file'"
SecRule RESPONSE_HEADERS:X-Leak "@streq 1" "id:301,phase:3,deny"
SecAction "id:501,phase:5,pass,log,msg:'the end'"
`;

/** Enough of them to exceed the step budget with a few megabytes. */
const COSTLY_RULES = Array.from(
  { length: 120 },
  (_, index) => `SecRule REQUEST_BODY "@contains needle-${index}" "id:${9_000 + index},phase:2,pass"`,
).join('\n');

before(async () => {
  const directory = temporaryFolder(scope);
  writeFileSync(join(directory, 'own.conf'), OWN_RULES);
  writeFileSync(
    join(directory, 'costly.conf'),
    `SecAction "id:1,phase:1,pass,nolog,ctl:forceRequestBodyVariable=On"\n${COSTLY_RULES}`,
  );
  const upstream = await startUpstream(scope, {
    onRequest: (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => answer(request.url ?? '', { request, response, body: Buffer.concat(chunks) }));
    },
  });
  gateway = await GatewayProcess.start(scope, {
    directory,
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: 127.0.0.1:0 }]
upstreams: { app: ${upstream.url} }
routes:
  - { name: starter, upstream: app, profile: api, webSocket: true }
  - { name: detect, match: { path: /detect }, upstream: app, profile: api, waf: detect }
  - { name: unjudged, match: { path: /off }, upstream: app, profile: api, waf: off }
  - { name: own, match: { path: /own }, upstream: app, profile: api, waf: { rules: [own.conf] } }
  - { name: own-detect, match: { path: /own-detect }, upstream: app, profile: api, waf: { mode: detect, rules: [own.conf] } }
  - name: excluded
    match: { path: /excluded }
    upstream: app
    profile: api
    waf:
      rules: [own.conf]
      exclusions:
        - { rules: [201], target: 'ARGS:comment', path: /excluded/blog, reason: people quote there, until: '2099-12-31' }
        - { rules: [201], target: 'ARGS:old', reason: this one is over, until: '2020-01-01' }
  - name: small
    match: { path: /small }
    upstream: app
    profile: api
    waf: { rules: [own.conf], request: { bodyMax: 1KB } }
  - name: beginning
    match: { path: /beginning }
    upstream: app
    profile: api
    waf: { rules: [own.conf], request: { bodyMax: 1KB, aboveBodyMax: inspect-beginning } }
  - name: encoded
    match: { path: /encoded }
    upstream: app
    profile: api
    waf: { rules: [own.conf], request: { encodedBody: pass } }
  - name: stream
    match: { path: /stream }
    upstream: app
    profile: api
    waf: { rules: [own.conf], request: { body: false } }
  - name: costly
    match: { path: /costly }
    upstream: app
    profile: webapp
    waf: { rules: [costly.conf] }
waf: { heldMax: 32MB, heldPerClientMax: 16MB }
workers: { count: 1 }
`,
  });
});

interface Asked {
  readonly request: { readonly headers: NodeJS.Dict<string | string[]> };
  readonly response: ServerResponse;
  readonly body: Buffer;
}

/** Says what arrived; below /leak it says what it is asked to. */
function answer(target: string, { request, response, body }: Asked): void {
  const wish = new URL(target, 'http://app').searchParams;
  const size = Number(wish.get('size') ?? 0);
  if (wish.has('header')) response.setHeader('x-leak', '1');
  if (wish.has('type')) response.setHeader('content-type', wish.get('type') ?? '');
  if (target.startsWith('/leak') && wish.has('say')) {
    response.write('x'.repeat(size));
    response.end(wish.get('say'));
    return;
  }
  response.end(JSON.stringify({ target, body: body.toString('latin1'), headers: request.headers }));
}

const ask = (path: string, options?: HttpOptions): Promise<Judged> => judge(gateway, path, options);

const attacks: readonly (readonly [string, string, HttpOptions])[] = [
  [
    'SQL in the query string, which is inspected (R4.9)',
    "/?id=1'%20UNION%20SELECT%20password%20FROM%20users--%20-",
    {},
  ],
  ['a script in a form', '/', form('comment=%3Cscript%3Ealert(1)%3C%2Fscript%3E')],
  ['a command in a form', '/', form('host=127.0.0.1%3Bcat%20/etc/passwd')],
  ['a path in an argument', '/?file=../../../../etc/passwd', {}],
  ['an attack that is encoded twice (R4.9)', '/?q=%253Cscript%253Ealert(1)%253C%252Fscript%253E', {}],
  [
    'SQL in JSON',
    '/',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: { id: "1' OR '1'='1' -- " } }),
    },
  ],
  ['an attack in a cookie', '/', { headers: { cookie: "id=1' UNION SELECT password FROM users-- -" } }],
];
for (const [name, path, options] of attacks) {
  void test(`refuses ${name}`, async () => {
    const judged = await ask(path, options);
    assert.equal(judged.status, 403);
    assert.equal(judged.event['decidedBy'], 'waf');
    assert.equal(judged.event['reason'], 'REQUEST_CONTENT_DENIED');
    assert.match(String(judged.event['reasonDetail']), /^rule \d+ by \d/);
    assert.ok(rulesIn(judged.event).length >= 2);
  });
}

void test('says nothing of rules or values to the client (R2.24)', async () => {
  const { answer: got } = await ask("/?id=1'%20UNION%20SELECT%20password%20FROM%20users--%20-");
  const problem: unknown = JSON.parse(got.text);
  assert.equal(partOf(problem, 'code'), 'REQUEST_CONTENT_DENIED');
  assert.equal(partOf(problem, 'requestId'), got.headers['x-request-id']);
  assert.doesNotMatch(got.text + JSON.stringify(got.headers), /UNION|rule|70\d{5}/);
});

void test('inspects a chunked body as any other (R4.9)', async () => {
  const outgoing = startRequest(gateway.url('/'), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const status = new Promise<number>((resolve) =>
    outgoing.once('response', (response) => resolve(response.resume().statusCode ?? 0)),
  );
  // Cut inside the attack: no piece shows it by itself.
  for (const piece of ['a=%3Csc', 'ript%3Ealert', '(1)%3C/scr', 'ipt%3E']) {
    outgoing.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  outgoing.end();
  assert.equal(await status, 403);
});

void test('lets ordinary requests pass with exactly the bytes that were judged', async () => {
  const { status, answer: got, event } = await ask('/path?q=hello%20world', form('text=an+ordinary+text&n=%C3%A9'));
  assert.equal(status, 200);
  const seen: unknown = JSON.parse(got.text);
  const body = String(partOf(seen, 'body'));
  assert.equal(body, 'text=an+ordinary+text&n=%C3%A9');
  assert.equal(partOf(seen, 'headers', 'content-length'), String(body.length));
  assert.equal(event['inspection'], undefined);
});

void test('judges the handshake of a WebSocket, and then lets its messages alone', async () => {
  const socket = await openWebSocket(gateway.webSocketUrl('/play'));
  socket.send("1' UNION SELECT password FROM users-- -");
  socket.close();
  await assert.rejects(openWebSocket(gateway.webSocketUrl('/play?q=<script>alert(1)</script>')), /403/);
});

for (const [name, fields, body] of [
  ['', 'broken header', ''],
  [', also with a body that cannot be read', 'broken header\r\nContent-Encoding: gzip', 'encoded'],
] as const) {
  void test(`says of bytes that are no HTTP what they were meant to be${name}`, async () => {
    const before = gateway.log().length;
    const line = 'GET /?q=%3Cscript%3Ealert(1)%3C/script%3E HTTP/1.1';
    await converse(gateway.port(), `${line}\r\nHost: a\r\n${fields}\r\n\r\n${body}`);
    const event = await eventually('its event', () =>
      gateway
        .log()
        .slice(before)
        .find(({ reason }) => reason === 'MALFORMED_REQUEST'),
    );
    assert.ok(rulesIn(event).includes(7_004_010), JSON.stringify(event));
    assert.equal(event['failedStages'], undefined);
  });
}

void test('detect records and lets pass', async () => {
  const judged = await ask('/detect?q=%3Cscript%3Ealert(1)%3C/script%3E');
  assert.equal(judged.status, 200);
  assert.deepEqual(judged.event['observed'], [{ stage: 'waf', verdict: 'deny', reason: 'REQUEST_CONTENT_DENIED' }]);
  assert.ok(rulesIn(judged.event).length >= 2);
});

void test('off runs no rule', async () => {
  const judged = await ask('/off?q=%3Cscript%3Ealert(1)%3C/script%3E');
  assert.equal(judged.status, 200);
  assert.equal(judged.event['inspection'], undefined);
});

void test('rules of its own decide, each in its way', async () => {
  const denied = await ask('/own', { headers: { 'x-deny': '1' } });
  assert.equal(denied.status, 406);
  assert.deepEqual(rulesIn(denied.event), [101, 501]);
  const redirected = await ask('/own', { headers: { 'x-redirect': '1' } });
  assert.equal(redirected.status, 302);
  assert.equal(redirected.answer.headers.location, 'https://example.com/elsewhere');
  await assert.rejects(httpRequest(gateway.url('/own'), { headers: { 'x-drop': '1' } }));
  const dropped = await gateway.logged({ kind: 'exchange', verdict: 'drop', decidedBy: 'waf' });
  assert.equal(dropped['status'], 0);
});

void test('the first rule that refuses does not hide what others find in the log (R4.9)', async () => {
  const judged = await ask('/own-detect?q=FORBIDDEN', { headers: { 'x-deny': '1' } });
  assert.deepEqual(rulesIn(judged.event), [101, 201, 501]);
});

void test('an event tells where a rule matched, what it added, and what would have let it through', async () => {
  const judged = await ask('/own?q=so%20FORBIDDEN&password=hunter2-forbidden');
  const match = partOf(judged.event, 'inspection', 'matches', 0);
  assert.equal(partOf(match, 'id'), 201);
  assert.equal(partOf(match, 'target'), 'ARGS:q');
  assert.equal(partOf(match, 'excerpt'), 'so FORBIDDEN');
  assert.equal(partOf(match, 'exclusion'), 'ARGS:q');
  assert.deepEqual(partOf(match, 'transformations'), ['lowercase']);
  assert.equal(partOf(judged.event, 'inspection', 'inboundScore'), 10);
  assert.doesNotMatch(JSON.stringify(judged.event), /hunter2/);
});

void test('exclusions hold for their path and part, until their end', async () => {
  const status = async (path: string): Promise<number> => (await ask(path)).status;
  assert.equal(await status('/excluded/blog?comment=forbidden'), 200);
  assert.equal(await status('/excluded/blog?other=forbidden'), 403);
  assert.equal(await status('/excluded?comment=forbidden'), 403);
  assert.equal(await status('/excluded/blog?old=forbidden'), 403);
});

void test('a body larger than is inspected is refused, announced or chunked (R4.9)', async () => {
  const atLimit = await ask('/small', form(`a=${'x'.repeat(1_022)}`));
  assert.equal(atLimit.status, 200);
  const announced = await ask('/small', form(`a=${'x'.repeat(1_023)}`));
  assert.equal(announced.status, 413);
  assert.equal(announced.event['reason'], 'BODY_TOO_LARGE');
  assert.equal(announced.event['decidedBy'], 'waf');
  const chunked = await ask('/small', form(`a=${'x'.repeat(5_000)}`, { 'transfer-encoding': 'chunked' }));
  assert.equal(chunked.status, 413);
});

void test('where that was chosen, its beginning is inspected and the whole of it arrives', async () => {
  const body = `a=${'x'.repeat(200_000)}&b=forbidden`;
  const passed = await ask('/beginning', form(body));
  assert.equal(passed.status, 200);
  assert.equal(partOf(JSON.parse(passed.answer.text), 'body'), body);
  assert.equal((await ask('/beginning', form(`b=forbidden&a=${'x'.repeat(200_000)}`))).status, 403);
});

void test('an encoded body is refused, or passes unseen where that was chosen', async () => {
  const body = gzipSync('q=forbidden');
  const refused = await ask('/own', form(body, { 'content-encoding': 'gzip' }));
  assert.equal(refused.status, 415);
  assert.equal(refused.event['reason'], 'BODY_ENCODED');
  assert.equal((await ask('/encoded', form(body, { 'content-encoding': 'gzip' }))).status, 200);
  assert.equal((await ask('/own', form('q=fine', { 'content-encoding': 'identity' }))).status, 200);
});

void test('multipart is taken apart', async () => {
  const part = (head: string, text: string): string =>
    `--b\r\nContent-Disposition: form-data; ${head}\r\n\r\n${text}\r\n`;
  const multipart = (...parts: string[]): HttpOptions => ({
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: `${parts.join('')}--b--\r\n`,
  });
  assert.equal(
    (await ask('/own', multipart(part('name="a"', 'fine'), part('name="f"; filename="x.txt"', 'fine')))).status,
    200,
  );
  assert.equal((await ask('/own', multipart(part('name="a"', 'forbidden')))).status, 403);
  assert.equal((await ask('/own', multipart(part('name="f"; filename="x.php"', 'fine')))).status, 403);
});

void test('a body with two types is refused, because it has two readings', async () => {
  const judged = await ask('/own', {
    method: 'POST',
    body: 'q=1',
    headers: { 'content-type': 'text/plain, application/json' },
  });
  assert.equal(judged.status, 400);
  assert.equal(judged.event['reason'], 'BODY_TYPE_AMBIGUOUS');
});

void test('is not held where rules are not to see it', async () => {
  const outgoing = startRequest(gateway.url('/stream'), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  outgoing.end('q=forbidden');
  const status = await new Promise<number>((resolve) =>
    outgoing.once('response', (response) => resolve(response.resume().statusCode ?? 0)),
  );
  assert.equal(status, 200);
});

void test('a client that vanishes in the middle of a body leaves one event, and phase 5 has run', async () => {
  const outgoing = startRequest(gateway.url('/own/vanish'), { method: 'POST', headers: { 'content-length': '100' } });
  outgoing.on('error', () => undefined);
  outgoing.write('q=1');
  await new Promise((resolve) => setTimeout(resolve, 100));
  outgoing.destroy();
  const event = await gateway.logged({ kind: 'exchange', path: '/own/vanish' });
  assert.equal(event['reason'], 'CLIENT_CLOSED');
  assert.deepEqual(rulesIn(event), [501]);
});

void test('what needs more work than it may have is refused (R4.9)', async () => {
  const judged = await ask('/costly', {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: Buffer.alloc(4_000_000, 'x'),
  });
  assert.equal(judged.status, 403);
  assert.equal(judged.event['reason'], 'INSPECTION_TOO_COSTLY');
});

void test('more held bodies of one client than it may have are refused', async () => {
  const started = Array.from({ length: 3 }, () => {
    const outgoing = startRequest(gateway.url('/costly'), {
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
    });
    outgoing.on('error', () => undefined);
    outgoing.write(Buffer.alloc(7_000_000, 'x'));
    return outgoing;
  });
  const event = await gateway.logged({ kind: 'exchange', reason: 'INSPECTION_BUSY' });
  for (const outgoing of started) outgoing.destroy();
  assert.equal(event['status'], 503);
  assert.match(String(event['reasonDetail']), /heldPerClientMax/);
  // What they held is free again.
  await gateway.logged({ kind: 'exchange', route: 'costly', reason: 'CLIENT_CLOSED' });
  assert.equal((await ask('/costly', form('a=1'))).status, 200);
});

void test('metrics count rules by what became of their requests', async () => {
  const metrics = await gateway.metrics();
  assert.ok(metrics.value('gateway_waf_matches_total', { rule: '101', action: 'refused' }) > 0);
  assert.ok(metrics.value('gateway_waf_matches_total', { rule: '101', action: 'detected' }) > 0);
  assert.ok(metrics.value('gateway_stage_seconds_total', { stage: 'waf' }) > 0);
  await eventually('the room that was held', async () =>
    (await gateway.metrics()).value('gateway_waf_held_bytes') === 0 ? true : undefined,
  );
});
