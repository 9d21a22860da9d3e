import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { Authority } from './harness/certificates.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { temporaryFolder } from './harness/program.ts';
import { startUpstream } from './harness/upstream.ts';

void test('Chromium loads a page with its resources over HTTP/2', async (t) => {
  const upstream = await startUpstream(t, {
    onRequest: (_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>h2</title>');
    },
  });
  const { certificate, key } = Authority.create(temporaryFolder(t), 'public').issue('game', ['127.0.0.1']);
  const gateway = await GatewayProcess.start(t, {
    yaml: `version: 1
listeners: [{ name: public, address: "127.0.0.1:0", tls: { certificates: [{ certificate: "${certificate}", key: "${key}" }] } }]
upstreams: { app: "${upstream.url}" }
routes: [{ name: all, upstream: app, profile: webapp }]
`,
  });
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
  t.after(() => browser.close());
  const page = await browser.newPage({ ignoreHTTPSErrors: true });
  await page.goto(`https://${gateway.address('public')}/`);
  const protocols = await page.evaluate(async () => {
    const answers = Array.from({ length: 30 }, async (_, index) => (await fetch(`/page?${index}`)).text());
    await Promise.all(answers);
    const entries = performance.getEntries();
    return entries.flatMap((entry) => (entry instanceof PerformanceResourceTiming ? [entry.nextHopProtocol] : []));
  });
  assert.deepEqual([...new Set(protocols)], ['h2']);
  assert.equal(upstream.requests.filter(({ target }) => target.startsWith('/page')).length, 30);
});
