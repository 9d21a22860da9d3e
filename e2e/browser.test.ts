import { strict as assert } from 'node:assert';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { createArena } from '@sallyport/arena';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { GatewayProcess } from './harness/gateway.ts';
import { freePort } from './harness/ports.ts';
import { PATIENCE_MS, SuiteScope } from './harness/scope.ts';

const CHROMIUM = '/usr/bin/chromium';
/** No sandbox inside of containers, and nothing that talks to anybody but the page under test. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A page, and what it complained about. */
interface Player {
  readonly name: string;
  readonly page: Page;
  readonly complaints: string[];
}

const scope = new SuiteScope();
after(scope.end);
let yaml = '';
let gateway: GatewayProcess;
let ada: Player;
let linus: Player;

before(async () => {
  const arena = createArena({ port: 0 });
  const address = await arena.listen();
  scope.after(() => arena.close());
  assert.ok(address.kind === 'tcp');
  // A port of its own: the browsers come back to the same address after the gateway was restarted.
  yaml = configuration(await freePort(), address.port);
  gateway = await GatewayProcess.start(scope, { yaml });
  const browsers = await Promise.all([launch(scope), launch(scope)]);
  [ada, linus] = await Promise.all([enter(browsers[0], 'Ada', gateway), enter(browsers[1], 'Linus', gateway)]);
});

void test('two players in their browsers see each other', async () => {
  for (const { page } of [ada, linus]) {
    await shows(page, 'players-count', '2');
    await shows(page, 'scoreboard', 'Ada');
    await shows(page, 'scoreboard', 'Linus');
  }
  await shows(ada.page, 'own-name', 'Ada');
  await shows(linus.page, 'own-name', 'Linus');
});

void test('two players in their browsers move, and the moves count', async () => {
  for (const { page } of [ada, linus]) {
    const position = page.getByTestId('own-position');
    const start = await position.textContent();
    await page.getByTestId('field').focus();
    await page.keyboard.down('ArrowRight');
    await page.keyboard.down('ArrowDown');
    await position.filter({ hasNotText: start ?? '' }).waitFor();
    await page.keyboard.up('ArrowRight');
    await page.keyboard.up('ArrowDown');
  }
});

void test('two players in their browsers talk to each other, and markup stays text', async (t) => {
  const attack = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
  for (const [from, to, text] of [
    [ada, linus, 'Hello Linus, näk ✓'],
    [linus, ada, 'Hello Ada'],
    [ada, linus, attack],
  ] as const) {
    await from.page.getByTestId('chat-input').fill(text);
    await from.page.getByTestId('chat-send').click();
    for (const { page } of [from, to]) await shows(page, 'chat-log', text);
  }
  for (const { page } of [ada, linus]) {
    assert.equal(await page.getByTestId('chat-log').locator('img, script').count(), 0);
    assert.equal(await page.title(), 'Arena');
  }
  await picture(t, ada, 'game');
});

void test('two players in their browsers find themselves in the leaderboard once they have coins', async () => {
  await collectsCoins(ada.page);
  // The page asks again when it is loaded, and a reload keeps its player.
  await ada.page.reload();
  await shows(ada.page, 'leaderboard', 'Ada');
  await shows(ada.page, 'players-count', '2');
});

void test('two players in their browsers come back by themselves when the gateway was restarted (R1.10)', async (t) => {
  const firstBoot = bootOf(gateway);
  assert.notEqual(firstBoot, undefined);
  assert.equal((await gateway.stop()).code, 0);
  for (const { page } of [ada, linus]) await stateIs(page, 'reconnecting');
  gateway = await GatewayProcess.start(scope, { yaml });
  for (const { page } of [ada, linus]) {
    await stateIs(page, 'online');
    await shows(page, 'players-count', '2');
    await shows(page, 'chat-log', 'Welcome back');
  }
  await linus.page.getByTestId('chat-input').fill('Here again');
  await linus.page.getByTestId('chat-send').click();
  await shows(ada.page, 'chat-log', 'Here again');
  const nextBoot = bootOf(gateway);
  assert.notEqual(nextBoot, undefined);
  assert.notEqual(nextBoot, firstBoot);
  await picture(t, linus, 'again');
});

void test('two players in their browsers have nothing to complain about but the restart', () => {
  for (const { name, complaints } of [ada, linus])
    assert.deepEqual(
      complaints.filter((text) => !/ERR_CONNECTION_REFUSED|WebSocket connection to/.test(text)),
      [],
      name,
    );
});

/** The start of the process that wrote the log: events name it, messages do not. */
function bootOf(of: GatewayProcess): unknown {
  return of.log().find(({ boot }) => boot !== undefined)?.['boot'];
}

/** A picture for whoever looks into a failure; the folder of temporary files keeps the last one. */
async function picture(t: TestContext, { page, name }: Player, what: string): Promise<void> {
  const path = join(tmpdir(), `sallyport-e2e-${what}-${name}.png`);
  await page.screenshot({ path });
  t.diagnostic(path);
}

function configuration(port: number, arenaPort: number): string {
  return `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:${port}" }]
upstreams: { arena: "http://127.0.0.1:${arenaPort}" }
routes:
  - { name: game, match: { path: / }, upstream: arena, profile: game, request: { methods: [GET, HEAD] } }
  - { name: api, match: { path: /api }, upstream: arena, profile: api, request: { methods: [GET, POST], contentTypes: [application/json] } }
drain: { deadline: 10s, webSocketSpread: 0s }
`;
}

async function launch(scope: SuiteScope): Promise<BrowserContext> {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  scope.after(() => browser.close());
  const context = await browser.newContext();
  context.setDefaultTimeout(PATIENCE_MS);
  return context;
}

async function enter(context: BrowserContext | undefined, name: string, gateway: GatewayProcess): Promise<Player> {
  assert.ok(context !== undefined);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(gateway.url('/'));
  await page.getByTestId('name-input').fill(name);
  await page.getByTestId('name-note').getByText('is free').waitFor();
  await page.getByTestId('join-button').click();
  await stateIs(page, 'online');
  return { name, page, complaints };
}

/** Runs in squares until a coin lies in the way. */
async function collectsCoins(page: Page): Promise<void> {
  const score = page.getByTestId('own-score');
  await page.getByTestId('field').focus();
  const endMs = performance.now() + PATIENCE_MS;
  for (let turn = 0; (await score.textContent()) === '0' && performance.now() < endMs; turn += 1) {
    const key = ['ArrowRight', 'ArrowDown', 'ArrowLeft', 'ArrowUp'][turn % 4] ?? 'ArrowRight';
    await page.keyboard.down(key);
    await page.waitForTimeout(STRIDE_MS * (1 + (turn >> 2)));
    await page.keyboard.up(key);
  }
  assert.notEqual(await score.textContent(), '0');
}

/** A side of the first square. */
const STRIDE_MS = 300;

async function shows(page: Page, testId: string, text: string): Promise<void> {
  await page.getByTestId(testId).filter({ hasText: text }).waitFor();
}

async function stateIs(page: Page, state: string): Promise<void> {
  await page.locator(`[data-testid=connection-state][data-state=${state}]`).waitFor();
}
