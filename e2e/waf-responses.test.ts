/** Inspection of responses by rules, through a gateway process on real sockets. */
import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { type HttpOptions, openRequest } from './harness/http-client.ts';
import { type Judged, judge, partOf } from './harness/judged.ts';
import { temporaryFolder } from './harness/program.ts';
import { SuiteScope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

const scope = new SuiteScope();
after(scope.end);
let gateway: GatewayProcess;

const RULES = `
SecRule RESPONSE_HEADERS:X-Leak "@streq 1" "id:301,phase:3,deny"
SecRule RESPONSE_BODY "@contains PRIVATE KEY" "id:401,phase:4,deny,msg:'a key'"
`;

before(async () => {
  const directory = temporaryFolder(scope);
  writeFileSync(join(directory, 'own.conf'), RULES);
  const upstream = await startUpstream(scope, {
    onRequest: (request, response) => {
      // It says what it is asked to, or what it was sent.
      const wish = new URL(request.url ?? '', 'http://app').searchParams;
      const said = wish.get('say');
      if (wish.has('header')) response.setHeader('x-leak', '1');
      response.setHeader('content-type', wish.get('type') ?? 'application/json');
      if (wish.has('encoding')) response.setHeader('content-encoding', wish.get('encoding') ?? '');
      if (said === null) return void response.end(JSON.stringify({ headers: request.headers }));
      response.write('x'.repeat(Number(wish.get('size') ?? 0)));
      if (wish.has('pause')) return void setTimeout(() => response.end(said), Number(wish.get('pause')));
      response.end(said);
    },
  });
  gateway = await GatewayProcess.start(scope, {
    directory,
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: 127.0.0.1:0 }]
upstreams: { app: ${upstream.url} }
routes:
  - name: leak
    match: { path: /leak }
    upstream: app
    profile: api
    waf: { rules: [own.conf], response: { inspect: true, window: 8KB, bodyMax: 1MB } }
  - name: strict
    match: { path: /strict }
    upstream: app
    profile: api
    waf: { rules: [own.conf], response: { inspect: true, bodyMax: 8KB, window: 8KB, aboveBodyMax: refuse } }
  - { name: other, upstream: app, profile: api, waf: { rules: [own.conf] } }
`,
  });
});

const ask = (path: string, options?: HttpOptions): Promise<Judged> => judge(gateway, path, options);

void suite('responses', () => {
  const leak = (parts: Record<string, string>): string =>
    `/leak?${new URLSearchParams({ type: 'text/html', ...parts }).toString()}`;

  void test('what must not leave is withheld, and nothing of it has left', async () => {
    const judged = await ask(leak({ say: '-----BEGIN PRIVATE KEY-----' }));
    assert.equal(judged.status, 502);
    assert.equal(judged.event['reason'], 'RESPONSE_CONTENT_DENIED');
    assert.match(judged.answer.text, /withheld/);
    assert.equal((await ask(leak({ say: 'nothing', header: '1' }))).status, 502);
  });

  void test('other answers arrive as they are, and so do other types', async () => {
    assert.equal((await ask(leak({ say: 'fine' }))).answer.text, 'fine');
    const other = await ask(leak({ say: 'PRIVATE KEY', type: 'application/octet-stream' }));
    assert.equal(other.answer.text, 'PRIVATE KEY');
  });

  void test('a long answer leaves window by window, and breaks off where it must not go on', async () => {
    assert.equal((await ask(leak({ say: 'fine', size: '300000' }))).answer.text.length, 300_004);
    const response = await openRequest(gateway.url(leak({ say: 'PRIVATE KEY', size: '300000' })));
    assert.equal(response.statusCode, 200);
    let text = '';
    await assert.rejects(async () => {
      for await (const chunk of response) text += String(chunk);
    });
    assert.ok(text.length > 8_000 && !text.includes('PRIVATE'));
    const event = await gateway.logged({ kind: 'exchange', requestId: response.headers['x-request-id'] });
    assert.deepEqual([event['status'], event['verdict'], event['reason']], [200, 'deny', 'RESPONSE_CONTENT_DENIED']);
  });

  void test('the upstream is asked for an answer that can be read', async () => {
    const { answer: got } = await ask('/leak', { headers: { 'accept-encoding': 'gzip, br' } });
    assert.equal(partOf(JSON.parse(got.text), 'headers', 'accept-encoding'), 'identity');
  });

  void test('an event stream is never held back', async () => {
    const response = await openRequest(
      gateway.url(leak({ say: 'PRIVATE KEY', size: '3', type: 'text/event-stream', pause: '300' })),
    );
    const pieces: string[] = [];
    for await (const piece of response) pieces.push(String(piece));
    assert.deepEqual(pieces, ['xxx', 'PRIVATE KEY']);
  });

  void test('a longer or an encoded answer is refused where that was chosen, and passes otherwise', async () => {
    const strict = (parts: Record<string, string>): string => leak(parts).replace('/leak', '/strict');
    assert.equal((await ask(strict({ say: 'fine' }))).status, 200);
    assert.equal((await ask(strict({ say: 'fine', size: '9000' }))).status, 502);
    assert.equal((await ask(strict({ say: 'fine', encoding: 'br' }))).status, 502);
    assert.equal((await ask(leak({ say: 'fine', encoding: 'br' }))).status, 200);
  });

  void test('answers are not looked at where nobody asked for it', async () => {
    assert.equal((await ask('/other?say=PRIVATE%20KEY&header=1&type=text/html')).status, 200);
  });
});
