/** The figures an operator watches: players, messages, proofs, memory. */
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { startUpstream } from './harness/upstream.ts';
import { nextMessage, openWebSocket } from './harness/websocket-client.ts';

const ORIGIN_SECRET = 'wT4nJ8rYq2LxV6mZ0bKc5HsGfD9uEaP1oIiN7tMx3CvB';
const PLAYERS = 20;

void test('the metrics show players, messages, proofs of the front door and memory for each player (R0.17)', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, {
    environment: { ORIGIN_SECRET },
    yaml: `version: 1
mode: development
listeners:
  - name: public
    address: "127.0.0.1:0"
    client: { kind: cloudflare-tunnel, proof: { kind: origin-secret, secrets: ["\${env:ORIGIN_SECRET}"] } }
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game, webSocket: { perClientMax: ${PLAYERS} } }]`,
  });
  const headers = { 'x-origin-secret': ORIGIN_SECRET, 'cf-connecting-ip': '203.0.113.9' };
  assert.equal((await httpRequest(gateway.url('/'), { headers })).status, 200);
  assert.equal((await httpRequest(gateway.url('/'))).status, 403);
  for (let player = 0; player < PLAYERS; player += 1) {
    const socket = await openWebSocket(gateway.webSocketUrl('/ws'), { headers });
    socket.send('move');
    await nextMessage(socket);
  }
  const metrics = await gateway.metrics();
  for (const [name, labels, value] of [
    ['gateway_auth_attempts_total', { method: 'origin-secret', result: 'ok' }, PLAYERS + 1],
    ['gateway_auth_attempts_total', { method: 'origin-secret', result: 'refused' }, 1],
    ['gateway_ws_connections', { route: 'game', state: 'open' }, PLAYERS],
    ['gateway_ws_messages_total', { direction: 'in', route: 'game' }, PLAYERS],
    ['gateway_ws_messages_total', { direction: 'out', route: 'game' }, PLAYERS],
    // A request refused for its missing proof had no route yet.
    ['http_server_request_duration_seconds_count', { http_route: 'game' }, PLAYERS + 1],
    ['proxy_blocked_requests_total', { stage: 'client', reason: 'CLIENT_UNPROVEN' }, 1],
  ] as const)
    assert.equal(metrics.value(name, labels), value, `${name} ${JSON.stringify(labels)}`);
  const bytesEach = metrics.value('process_resident_memory_bytes') / metrics.value('gateway_connections');
  assert.ok(bytesEach > 0 && Number.isFinite(bytesEach));
});
