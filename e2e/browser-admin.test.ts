import { strict as assert } from 'node:assert';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { type AdminServer, createAdminServer } from '../packages/control/src/index.ts';
import { GOOD } from '../packages/control/test/admin/configs.ts';
import { MemoryPlane } from '../packages/control/test/admin/memory-plane.ts';
import { ManualClock, MetricsRegistry } from '../packages/kernel/src/index.ts';
import { temporaryFolder } from './harness/program.ts';
import { PATIENCE_MS } from './harness/scope.ts';

const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];

void test('a link signs its owner in, leaves the address bar, and a reloaded page is still signed in', async (t) => {
  const { server, context } = await start(t);
  const { page, complaints } = await open(context);
  await page.goto(server.firstLink() ?? '');
  await says(page, 'Ready - gate-1');
  assert.ok(!page.url().includes('token'), page.url());
  assert.equal(await page.locator('caption', { hasText: 'Policies' }).count(), 1);
  assert.equal(await page.getByRole('cell', { name: '127.0.0.1:8080' }).count(), 1);

  await page.reload();
  await says(page, 'Ready - gate-1');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await says(page, 'Signed out.');
  assert.deepEqual(complaints, []);
  await page.reload();
  await says(page, 'this needs a session: sallyport admin link');
});

void test('the cookie of a session is out of reach for scripts, and bound to the name of its port', async (t) => {
  const { server, port, context } = await start(t);
  const { page } = await open(context);
  await page.goto(server.firstLink() ?? '');
  await says(page, 'Ready - gate-1');
  const cookies = await context.cookies();
  assert.deepEqual(
    cookies.map(({ name, httpOnly, secure, sameSite, path }) => ({ name, httpOnly, secure, sameSite, path })),
    [{ name: `__Host-sallyport-${port}`, httpOnly: true, secure: true, sameSite: 'Strict', path: '/' }],
  );
  assert.equal(await page.evaluate('document.cookie'), '');
});

void test('a link that was used before says so', async (t) => {
  const { server, context } = await start(t);
  const { page } = await open(context);
  const link = server.firstLink() ?? '';
  await page.goto(link);
  await says(page, 'Ready - gate-1');
  const { page: other } = await open(context);
  await other.goto(link);
  await says(other, 'the link was used before');
  await page.reload();
  await says(page, 'the session is unknown or has ended');
});

void test('a page of another origin can neither read nor change anything, though its user is signed in', async (t) => {
  const { server, plane, port, context } = await start(t);
  const { page } = await open(context);
  await page.goto(server.firstLink() ?? '');
  await says(page, 'Ready - gate-1');
  const evil = await otherOrigin(t);
  const { page: attack } = await open(context);
  await attack.goto(evil);
  const target = `http://127.0.0.1:${port}/api/v1`;
  const results = await attack.evaluate(`Promise.all([
    fetch('${target}/status', { credentials: 'include' }),
    fetch('${target}/reload', { method: 'POST', credentials: 'include' }),
    fetch('${target}/commands', { method: 'POST', credentials: 'include', headers: { 'content-type': 'text/plain' },
      body: '{"id":"x","action":{"kind":"drain"}}' }),
    fetch('${target}/commands', { method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' },
      body: '{"id":"x","action":{"kind":"drain"}}' }),
  ].map((answer) => answer.then(({ type }) => type, () => 'refused')))`);
  assert.deepEqual(results, ['refused', 'refused', 'refused', 'refused']);
  // A form needs no permission to be sent; it is refused where it arrives.
  await attack.setContent(`<form method="post" action="${target}/reload"><button>Go</button></form>`);
  const [answer] = await Promise.all([
    attack.waitForResponse(`${target}/reload`),
    attack.getByRole('button', { name: 'Go' }).click(),
  ]);
  assert.equal(answer.status(), 403);
  assert.deepEqual([plane.commands, plane.policies().policies.length], [[], 1]);
});

interface Started {
  readonly server: AdminServer;
  readonly plane: MemoryPlane;
  readonly port: number;
  readonly context: BrowserContext;
}

/** An admin API over a control plane in memory, and a browser of its own. */
async function start(t: TestContext): Promise<Started> {
  const plane = new MemoryPlane(GOOD);
  const server = createAdminServer({
    config: {
      socket: undefined,
      address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
      sessionIdleMs: 60_000,
      sessionLifeMs: 60_000,
    },
    plane,
    clock: new ManualClock(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    metrics: new MetricsRegistry(),
  });
  t.after(() => server.close());
  const { address } = await server.listen();
  const context = await chromium.launchPersistentContext(join(temporaryFolder(t), 'profile'), {
    executablePath: '/usr/bin/chromium',
    args: FLAGS,
    timeout: PATIENCE_MS,
    env: { PATH: process.env['PATH'] ?? '', HOME: tmpdir() },
  });
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE_MS);
  return { server, plane, port: address?.port ?? 0, context };
}

async function open(context: BrowserContext): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().includes('favicon')) complaints.push(message.text());
  });
  return { page, complaints };
}

async function says(page: Page, text: string): Promise<void> {
  await page.getByRole('status').filter({ hasText: text }).waitFor();
}

/** A page on another port, which is the same site and another origin. */
async function otherOrigin(t: TestContext): Promise<string> {
  const server = createServer((_, response) =>
    response.setHeader('content-type', 'text/html').end('<p>free skins</p>'),
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.after(() => server.close());
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
}
