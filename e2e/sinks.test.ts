import { strict as assert } from 'node:assert';
import { readFileSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { fillDisk, smallDisk } from './harness/small-disk.ts';
import { startUpstream } from './harness/upstream.ts';

void describe('sinks of events (R0.16)', () => {
  void test('get every event without a state folder, in their forms, and those that were asked for', async (t) => {
    const directory = temporaryFolder(t);
    const { gateway } = await start(t, {
      directory,
      sinks: `
    - { name: all, kind: file, path: all.ndjson }
    - { name: denied, kind: file, path: denied.ndjson, format: ecs, filter: "verdict = deny" }
    - { name: siem, kind: file, path: siem.ndjson, format: ocsf }`,
    });
    await httpRequest(gateway.url('/innocent'));
    assert.equal((await httpRequest(gateway.url('/?q=1%20union%20select%20password%20from%20users'))).status, 403);
    await gateway.stop();
    const all = linesOf(join(directory, 'all.ndjson'));
    const exchanges = all.filter(({ kind }) => kind === 'exchange');
    assert.partialDeepStrictEqual(exchanges, [
      { path: '/innocent', verdict: 'pass' },
      { verdict: 'deny', reason: 'REQUEST_CONTENT_DENIED' },
    ]);
    assert.ok(all.some(({ what }) => what === 'stopped'));
    const denied = linesOf(join(directory, 'denied.ndjson'));
    assert.partialDeepStrictEqual(denied, [{ ecs: {}, event: { kind: 'alert' }, source: { ip: '127.0.0.1' } }]);
    assert.equal(denied.length, 1);
    const siem = linesOf(join(directory, 'siem.ndjson'));
    assert.equal(siem.length, all.length);
    assert.ok(siem.every((record) => 'class_uid' in record));
    assert.equal(statSync(join(directory, 'all.ndjson')).mode & 0o777, 0o600);
  });

  void test('go on in a new file when the old one was moved away', async (t) => {
    const directory = temporaryFolder(t);
    const sinks = '[{ name: all, kind: file, path: all.ndjson, filter: "kind = exchange" }]';
    const { gateway } = await start(t, { directory, sinks });
    const path = join(directory, 'all.ndjson');
    await httpRequest(gateway.url('/one'));
    await eventually('the first event', () => (linesOf(path).length === 1 ? true : undefined));
    renameSync(path, `${path}.1`);
    await httpRequest(gateway.url('/two'));
    await eventually('the second event', () => (linesOf(path).length === 1 ? true : undefined));
    await gateway.stop();
    assert.partialDeepStrictEqual([...linesOf(`${path}.1`), ...linesOf(path)], [{ path: '/one' }, { path: '/two' }]);
  });
});

void describe('sinks of events that are full or gone (R0.16)', () => {
  void test('hold nobody up, and go on where they stopped', async (t) => {
    const directory = await smallDisk(t);
    const ballast = join(directory, 'ballast');
    const sinks = `
    - { name: full, kind: file, path: full.ndjson, filter: "kind = exchange" }
    - { name: gone, kind: file, path: nowhere/gone.ndjson }`;
    const { gateway } = await start(t, { directory, sinks });
    const path = join(directory, 'full.ndjson');
    await httpRequest(gateway.url('/first'));
    await eventually('the first event', () => (linesOf(path).length === 1 ? true : undefined));
    fillDisk(ballast);
    // More than the last block of the file has room for.
    for (let number = 0; number < 40; number += 1) {
      assert.equal((await httpRequest(gateway.url(`/full/${number}`))).status, 200);
    }
    await gateway.logged({ problem: 'the sink full cannot be written to: ENOSPC: no space left on device, write' });
    // Whatever of the batch has found room ends with a whole line.
    assert.ok(readFileSync(path, 'utf8').endsWith('\n'));
    unlinkSync(ballast);
    await gateway.logged({ problem: 'the sink full is written to again; 0 events for it were dropped meanwhile' });
    await httpRequest(gateway.url('/last'));
    await eventually('the last event', () => (linesOf(path).length === 42 ? true : undefined));
    const metrics = await eventually('all of them in the metrics', async () => {
      const seen = await gateway.metrics();
      return seen.value('sallyport_sink_lines_total', { sink: 'full' }) === 42 ? seen : undefined;
    });
    assert.equal(metrics.value('sallyport_sink_bytes_total', { sink: 'full' }), statSync(path).size);
    assert.equal(metrics.value('sallyport_sink_dropped_total', { sink: 'full' }), 0);
    assert.equal(metrics.value('sallyport_sink_lines_total', { sink: 'gone' }), 0);
    assert.ok(metrics.value('sallyport_sink_lag_seconds', { sink: 'gone' }) > 0);
    await gateway.stop();
    const paths = linesOf(path).map((event) => event['path']);
    assert.deepEqual(paths, ['/first', ...Array.from({ length: 40 }, (_, number) => `/full/${number}`), '/last']);
    const failures = gateway.log().filter(({ problem }) => String(problem).includes('cannot be written to'));
    assert.equal(failures.length, 2, 'each failure is told once');
  });
});

interface Started {
  readonly gateway: GatewayProcess;
}

async function start(t: TestContext, { directory, sinks }: { directory: string; sinks: string }): Promise<Started> {
  const upstream = await startUpstream(t);
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: "${upstream.url}" }
routes: [{ name: all, upstream: app, profile: webapp }]
waf: { mode: block }
workers: { count: 1 }
events:
  sinks: ${sinks}
`;
  return { gateway: await GatewayProcess.start(t, { yaml, directory }) };
}

/** The lines of a file that is there, each whole. @throws SyntaxError for one that is not. */
function linesOf(path: string): readonly Record<string, unknown>[] {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const event: Record<string, unknown> = JSON.parse(line);
      return event;
    });
}
