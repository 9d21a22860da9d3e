/** A gateway whose file descriptors run out. */
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

void test('connections until no file is left are turned away and counted; scrapes go on, the log stays short, and it recovers', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, {
    filesMax: 200,
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { a: "${upstream.url}" }
routes: [{ name: all, upstream: a, profile: api }]
connections: { perClientMax: 5000, halfOpenPerClientMax: 5000 }
workers: { count: 1 }
`,
  });
  const flood: Socket[] = [];
  t.after(() => flood.forEach((socket) => void socket.destroy()));
  for (let number = 0; number < 400; number += 1) flood.push(await opened(gateway.port()));

  const metrics = await eventually('the first that was turned away', async () => {
    const now = await gateway.metrics();
    return now.value('gateway_accept_refused_total', { cause: 'files' }) > 0 ? now : undefined;
  });
  assert.ok(metrics.value('process_open_fds') <= 200);
  assert.equal(metrics.value('sallyport_internal_errors_total'), 0);
  const why = 'connections are closed as they come: there are too few file descriptors (LimitNOFILE, ulimit -n)';
  await gateway.logged({ msg: why, listener: 'public', cause: 'files' });
  assert.equal(gateway.log().filter(({ msg }) => msg === why).length, 1);
  assert.equal((await gateway.readiness()).status, 200);

  for (const socket of flood) socket.destroy();
  const status = await eventually('room', async () => {
    const answer = await httpRequest(gateway.url('/')).catch(() => undefined);
    return answer?.status;
  });
  assert.equal(status, 200);
  assert.deepEqual(
    gateway.log().filter(({ level, msg }) => level === 'error' && msg !== why),
    [],
  );
});

async function opened(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}
