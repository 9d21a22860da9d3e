import { strict as assert } from 'node:assert';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

void describe('stored events (part of R4.5)', () => {
  void test('are found, counted, and told as a story', async (t) => {
    const { gateway, ask } = await start(t);
    await httpRequest(gateway.url('/innocent'));
    const attack = await httpRequest(gateway.url('/shop?q=1%20union%20select%20password%20from%20users'));
    assert.equal(attack.status, 403);
    const found = await eventually('both exchanges in the store', async () => {
      const { stdout } = await ask('events', 'kind = exchange', '--json');
      const answer: { events: Record<string, unknown>[] } = JSON.parse(stdout);
      return answer.events.length === 2 ? answer.events : undefined;
    });
    assert.partialDeepStrictEqual(found, [
      { path: '/shop', status: 403, verdict: 'deny', reason: 'REQUEST_CONTENT_DENIED' },
      { path: '/innocent', status: 200, verdict: 'pass' },
    ]);
    const story = await ask('explain', String(found[0]?.['requestId']));
    assert.equal(story.code, 0, story.stderr);
    assert.match(story.stdout, /GET 127\.0\.0\.1\/shop\n {2}client +127\.0\.0\.1/);
    assert.match(story.stdout, /\n {2}verdict +deny, by waf, REQUEST_CONTENT_DENIED/);
    assert.match(story.stdout, /\n {2}stages +.*waf \d+ us/);
    assert.match(story.stdout, /\n {2}found +rule \d+: SQL in ARGS:q; ARGS:q was "1 union select/);
    assert.doesNotMatch(story.stdout, /innocent/);
    assert.match(
      (await ask('events', '--top', 'verdict', 'kind = exchange')).stdout,
      /\ndeny +1 +50\.0 %\npass +1 +50\.0 %\n/,
    );
    assert.match((await ask('events', '--overview')).stdout, /\nexchange +all +deny +REQUEST_CONTENT_DENIED +4xx +1 /);
    assert.match((await ask('events', 'verdict = deny', '--csv')).stdout, /^time,kind,.*\r\n.*,\/shop,403,deny,/);
    const misspelt = await ask('events', 'stauts = 403');
    assert.equal(misspelt.code, 1);
    assert.match(misspelt.stderr, /`stauts`.*perhaps: status/);
  });
});

void describe('events that were stored', () => {
  void test('are there after a kill, but for the last moment, and the files are whole', {
    timeout: 120_000,
  }, async (t) => {
    const directory = temporaryFolder(t);
    let sent = 0;
    for (let kill = 0; kill < 3; kill += 1) {
      const { gateway, ask } = await start(t, directory);
      const first = sent;
      const isStored = async (number: number): Promise<boolean> =>
        (await ask('events', `path = /n${number}`)).stdout.includes(`/n${number}`);
      for (; sent < first + 200; sent += 1) await httpRequest(gateway.url(`/n${sent}`));
      await eventually('what came first in the store', async () => ((await isStored(first + 199)) ? true : undefined));
      // These are on their way when it dies.
      for (; sent < first + 300; sent += 1) await httpRequest(gateway.url(`/n${sent}`));
      gateway.program.signal('SIGKILL');
      await gateway.program.exited();
    }
    const { gateway, ask } = await start(t, directory);
    const { stdout } = await ask('events', 'path startsWith /n', '--json', '--limit', '5000');
    const answer: { events: Record<string, unknown>[]; gaps: unknown } = JSON.parse(stdout);
    assert.deepEqual(answer.gaps, { unreadable: [], outOfTimeBeforeMs: null });
    const numbers = answer.events.map(({ path }) => Number(String(path).slice(2))).toReversed();
    assert.equal(new Set(numbers).size, numbers.length, 'an event is there twice');
    for (const life of [0, 1, 2]) {
      const stored = numbers.filter((number) => Math.trunc(number / 300) === life);
      // Whatever is lost is the end: none is missing before one that is there.
      assert.deepEqual(
        stored,
        stored.map((_, index) => life * 300 + index),
      );
      assert.ok(stored.length >= 200, `${stored.length} of a life's events are there`);
    }
    await gateway.stop();
    for (const name of readdirSync(join(directory, 'state/events'))) {
      const database = new DatabaseSync(join(directory, 'state/events', name));
      assert.equal(database.prepare('PRAGMA integrity_check').get()?.['integrity_check'], 'ok');
      database.close();
    }
  });
});

interface Started {
  readonly gateway: GatewayProcess;
  readonly ask: (...words: readonly string[]) => Promise<Finished>;
}

async function start(t: TestContext, directory: string = temporaryFolder(t)): Promise<Started> {
  const upstream = await startUpstream(t);
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: "${upstream.url}" }
routes: [{ name: all, upstream: app, profile: webapp }]
waf: { mode: block }
workers: { count: 1 }
state: { folder: state }
admin: { socket: admin.sock }
log: { level: info }
`;
  const gateway = await GatewayProcess.start(t, { yaml, directory });
  const ask: Started['ask'] = (...words) =>
    run(t, { command: process.execPath, arguments: [SALLYPORT, ...words], directory: gateway.directory });
  return { gateway, ask };
}
