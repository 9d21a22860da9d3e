/**
 * All cores, changed configurations and the change to the next process, as one sees them from outside: through real sockets,
 * signals and files.
 */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { eventually, type Scope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { closingOf, openWebSocket } from './harness/websocket-client.ts';

const SOCKETS = 40;

function configuration(upstream: Upstream, change: { readonly routes?: string; readonly more?: string } = {}): string {
  const routes =
    change.routes ??
    '[{ name: game, match: { path: / }, upstream: game, profile: game, webSocket: { perClientMax: 200 } }]';
  return `version: 1
mode: production
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "${upstream.url}" }
routes: ${routes}
drain: { deadline: 10s, webSocketSpread: 1s }
workers: { count: 2 }
${change.more ?? ''}
operations: { address: "127.0.0.1:0" }
`;
}

async function start(t: Scope): Promise<{ gateway: GatewayProcess; upstream: Upstream; file: string }> {
  const upstream = await startUpstream(t, {
    onSocket: (socket) => socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
  });
  const yaml = configuration(upstream).replace(/^operations:.*$/m, '');
  const gateway = await GatewayProcess.start(t, { yaml });
  return { gateway, upstream, file: join(gateway.directory, 'sallyport.yaml') };
}

/** Exchanges the file in one step, as careful programs do. */
function exchange(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

void test('connections go to all workers, and each takes its part (design: cores)', async (t) => {
  const { gateway } = await start(t);
  const url = gateway.webSocketUrl('/play');
  const sockets = await Promise.all(Array.from({ length: SOCKETS }, () => openWebSocket(url)));
  const boots = await eventually('an event for each socket', () => {
    const open = gateway.log().filter(({ kind, phase }) => kind === 'connection' && phase === 'open');
    return open.length === SOCKETS ? Map.groupBy(open, ({ boot }) => boot) : undefined;
  });
  assert.equal(boots.size, 2);
  // Whoever is quicker may be ahead by four connections and a sixty-fourth of what it has; the fifth is the one that it takes then.
  const [one = 0, other = 0] = [...boots.values()].map(({ length }) => length);
  assert.ok(Math.abs(one - other) <= 5, `${one} and ${other}`);
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('gateway_ws_connections', { route: 'game', state: 'open' }), SOCKETS);
  for (const socket of sockets) socket.terminate();
});

void test('a client has its number of WebSockets over all workers together, not in each', async (t) => {
  const { gateway, upstream, file } = await start(t);
  const routes = '[{ name: game, upstream: game, profile: game, webSocket: { perClientMax: 3 } }]';
  exchange(file, configuration(upstream, { routes }));
  gateway.program.signal('SIGHUP');
  await gateway.logged({ msg: 'a new policy is in force' });
  const url = gateway.webSocketUrl('/play');
  const sockets = [await openWebSocket(url), await openWebSocket(url), await openWebSocket(url)];
  for (let attempt = 0; attempt < 4; attempt += 1) await assert.rejects(openWebSocket(url), /429/);
  const closing = closingOf(sockets[0] ?? assert.fail());
  sockets[0]?.close(1000);
  await closing;
  const again = await eventually('a free place', () => openWebSocket(url).catch(() => undefined));
  again.terminate();
  for (const socket of sockets) socket.terminate();
});

void test('SIGHUP brings a changed file into force everywhere, and says what is wrong with one that is not good (R0.1, R3.8)', async (t) => {
  const { gateway, upstream, file } = await start(t);
  assert.equal((await httpRequest(gateway.url('/x'))).status, 200);
  const routes = '[{ name: other, match: { path: /only }, upstream: game, profile: game }]';
  exchange(file, configuration(upstream, { routes }));
  gateway.program.signal('SIGHUP');
  await gateway.logged({ msg: 'a new policy is in force', version: 2 });
  for (let count = 0; count < 6; count += 1) assert.equal((await httpRequest(gateway.url('/x'))).status, 404);
  assert.equal((await httpRequest(gateway.url('/only'))).status, 200);
  assert.equal((await gateway.metrics()).value('gateway_config_version', {}), 2);

  exchange(file, configuration(upstream, { routes: '[{ name: other, upstream: gaem, profile: game }]' }));
  gateway.program.signal('SIGHUP');
  const refused = await gateway.logged({
    msg: 'the configuration is refused, and the policy before it stays in force',
  });
  assert.match(JSON.stringify(refused['problems']), /is not an upstream/);
  assert.equal((await httpRequest(gateway.url('/only'))).status, 200);
  assert.equal((await gateway.metrics()).value('gateway_config_reload_total', { result: 'refused' }), 1);

  exchange(file, configuration(upstream, { routes }));
  gateway.program.signal('SIGHUP');
  await gateway.logged({ msg: 'the configuration has not changed', version: 2 });
});

void test('a WebSocket that a new policy would not let in is closed with 4403, and the others stay', async (t) => {
  const { gateway, upstream, file } = await start(t);
  const kept = await openWebSocket(gateway.webSocketUrl('/kept'));
  const lost = await openWebSocket(gateway.webSocketUrl('/lost'));
  const closing = closingOf(lost);
  const routes = '[{ name: kept, match: { path: /kept }, upstream: game, profile: game }]';
  exchange(file, configuration(upstream, { routes }));
  gateway.program.signal('SIGHUP');
  assert.deepEqual(await closing, { code: 4403, reason: 'policy changed' });
  const event = await gateway.logged({ kind: 'connection', phase: 'close', closeCode: 4403 });
  assert.equal(event['reason'], 'POLICY_CHANGED');
  assert.equal(event['reasonDetail'], 'NO_ROUTE');
  const answer = new Promise((resolve) => kept.once('message', (data: Buffer) => resolve(data.toString())));
  kept.send('still here');
  assert.equal(await answer, 'still here');
  kept.terminate();
});

void test('a watched file is taken over when it has changed and settled', async (t) => {
  const upstream = await startUpstream(t, {});
  const gateway = await GatewayProcess.start(t, {
    yaml: configuration(upstream, { more: 'reload: { watch: true }' }).replace(/^operations:.*$/m, ''),
  });
  const file = join(gateway.directory, 'sallyport.yaml');
  exchange(file, readFileSync(file, 'utf8').replace('match: { path: / }', 'match: { path: /only }'));
  await gateway.logged({ msg: 'a new policy is in force', version: 2 });
  assert.equal((await httpRequest(gateway.url('/x'))).status, 404);
});

void test('SIGUSR2 hands over to the next process, and nobody is refused while a client hammers (part of R4.13)', async (t) => {
  const { gateway } = await start(t);
  const port = gateway.port();
  const socket = await openWebSocket(gateway.webSocketUrl('/play'));
  const closing = closingOf(socket);
  const hammer = startHammer(port);
  await eventually('some answers', () => (hammer.answered() > 50 ? true : undefined));
  gateway.program.signal('SIGUSR2');
  await gateway.logged({ kind: 'system', what: 'taken-over' });
  assert.equal((await closing).code, 1012);
  const before = hammer.answered();
  await eventually('more answers', () => (hammer.answered() > before + 50 ? true : undefined));
  const failures = await hammer.stop();
  assert.deepEqual(failures, []);
  const [, pid] = /process ([0-9]+)/.exec(String((await gateway.logged({ what: 'taken-over' }))['detail'])) ?? [];
  try {
    // The old one has ended by itself, and the new one serves alone.
    await eventually('the end of the old one', () => (isRunning(gateway.pid) ? undefined : true));
    assert.equal((await httpRequest(`http://127.0.0.1:${port}/x`)).status, 200);
  } finally {
    // It holds the output of the old one, whose end is seen when that closes.
    process.kill(Number(pid), 'SIGKILL');
  }
});

void test('a connection that is idle when the next process takes over is ended, and not held open by that process', async (t) => {
  const { gateway } = await start(t);
  const idle = connect(gateway.port(), '127.0.0.1');
  await new Promise((resolve) => {
    idle.once('data', resolve);
    idle.write('GET /h HTTP/1.1\r\nHost: a\r\n\r\n');
  });
  const ended = once(idle, 'close');
  idle.resume();
  gateway.program.signal('SIGUSR2');
  const [, pid] = /process ([0-9]+)/.exec(String((await gateway.logged({ what: 'taken-over' }))['detail'])) ?? [];
  try {
    await ended;
  } finally {
    process.kill(Number(pid), 'SIGKILL');
  }
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

interface Hammer {
  answered(): number;
  /** What went wrong, each with its cause. */
  stop(): Promise<readonly string[]>;
}

/** Opens connection after connection, eight at a time, and asks one thing on each. */
function startHammer(port: number): Hammer {
  const failures: string[] = [];
  let answered = 0;
  const state = { isStopped: false };
  const ask = (): Promise<void> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => socket.write('GET /h HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => {
        answer += chunk.toString('latin1');
      });
      socket.on('error', (error) => failures.push(error.message));
      socket.on('close', () => {
        if (answer.startsWith('HTTP/1.1 200 ')) answered += 1;
        else failures.push(`answered ${JSON.stringify(answer.slice(0, 40))}`);
        resolve();
      });
    });
  const lanes = Array.from({ length: 8 }, async () => {
    while (!state.isStopped) await ask();
  });
  return {
    answered: () => answered,
    stop: async () => {
      state.isStopped = true;
      await Promise.all(lanes);
      return failures;
    },
  };
}
