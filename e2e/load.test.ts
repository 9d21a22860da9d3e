import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { GatewayProcess } from './harness/gateway.ts';
import { responseOf } from './harness/http-client.ts';
import { eventually, PATIENCE_MS } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';
import { closingOf, nextMessage, openWebSocket } from './harness/websocket-client.ts';

/** Source 000: 2,500 players, 10,000 requests in a minute, at most five WebSockets of one address. */
const SOCKETS = 2_500;
const REQUESTS = 10_000;
const SOCKETS_PER_ADDRESS = 5;
/** Messages each socket sends, each of which comes back. */
const ROUNDS = 8;
const OPENING_MAX = 100;
const REQUESTS_AT_ONCE = 32;

/** Two descriptors for each socket, client and upstream side, and some to spare. */
const DESCRIPTORS_MIN = SOCKETS * 2 + 500;

void test('2,500 WebSockets with messages flowing and 10,000 requests pass without a failure (R0.11, R1.17)', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, {
    yaml: `version: 1
mode: production
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game }]
drain: { deadline: 30s, webSocketSpread: 2s }
`,
  });
  const descriptors = descriptorsMax(gateway.pid);
  assert.ok(descriptors >= DESCRIPTORS_MIN, `${descriptors} open files are allowed, ${DESCRIPTORS_MIN} are needed`);

  const before = await residentBytes(gateway);
  const sockets = await openAll(gateway);
  const idle = await residentBytes(gateway);
  const metrics = await gateway.metrics();
  assert.equal(metrics.value('gateway_ws_connections', { route: 'game', state: 'open' }), SOCKETS);

  await Promise.all([play(sockets), askAll(gateway)]);

  const after = await gateway.metrics();
  assert.equal(after.value('gateway_ws_connections', { route: 'game', state: 'open' }), SOCKETS, 'all are still there');
  for (const direction of ['in', 'out'])
    assert.equal(after.value('gateway_ws_messages_total', { direction }), SOCKETS * ROUNDS);
  assert.equal(
    after.value('http_server_request_duration_seconds_count', { http_response_status_code: '200' }),
    REQUESTS,
  );
  assert.equal(after.value('proxy_blocked_requests_total'), 0);
  assert.equal(after.value('gateway_connections_refused_total'), 0);
  assert.equal(after.value('gateway_internal_errors_total') + after.value('sallyport_internal_errors_total'), 0);
  assert.equal(after.value('gateway_log_lines_dropped_total'), 0);
  const busy = after.value('process_resident_memory_bytes');
  t.diagnostic(
    `resident memory per connection: ${kilobytes(idle - before)} KiB open, ${kilobytes(busy - before)} KiB after the load; ` +
      `event loop lag p99 ${Math.round(after.value('nodejs_eventloop_lag_seconds', { quantile: '0.99' }) * 1_000)} ms`,
  );

  const closings = Promise.all(sockets.map(closingOf));
  const ending = gateway.stop();
  assert.deepEqual(new Set((await closings).map(({ code }) => code)), new Set([1012]));
  assert.equal((await ending).code, 0);
});

void test('a sixth WebSocket of one address is refused, and a freed place is given again (R0.23)', async (t) => {
  const upstream = await startUpstream(t);
  const gateway = await GatewayProcess.start(t, {
    yaml: `version: 1
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game }]
`,
  });
  const url = gateway.webSocketUrl('/ws');
  const [first] = await Promise.all(Array.from({ length: SOCKETS_PER_ADDRESS }, () => openWebSocket(url)));
  await assert.rejects(openWebSocket(url), /refused with 429/);
  const line = await gateway.logged({ kind: 'exchange', reason: 'WEBSOCKETS_PER_CLIENT' });
  assert.deepEqual([line['verdict'], line['status']], ['deny', 429]);
  await openWebSocket(url, { localAddress: '127.0.0.2' });
  assert.ok(first !== undefined);
  first.close();
  await eventually('a free place', () => openWebSocket(url).catch(() => undefined));
});

async function openAll(gateway: GatewayProcess): Promise<readonly WebSocket[]> {
  const sockets: WebSocket[] = [];
  while (sockets.length < SOCKETS) {
    const batch = Array.from({ length: OPENING_MAX }, (_, index) =>
      openWebSocket(gateway.webSocketUrl('/ws'), { localAddress: addressOf(sockets.length + index) }),
    );
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

/** Loopback addresses of players, five sockets each. */
function addressOf(index: number): string {
  const address = Math.floor(index / SOCKETS_PER_ADDRESS);
  return `127.0.${10 + (address >> 7)}.${1 + (address & 127)}`;
}

/** Every socket sends a message, waits for it to come back, and sends the next. */
async function play(sockets: readonly WebSocket[]): Promise<void> {
  await Promise.all(
    sockets.map(async (socket, index) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const message = JSON.stringify({ type: 'input', seq: round, dx: index % 3, dy: -1 });
        const answer = nextMessage(socket);
        socket.send(message);
        assert.equal(await answer, message);
      }
    }),
  );
}

/** Requests over kept connections from eight addresses. @throws Error for the first that is not answered with 200. */
async function askAll(gateway: GatewayProcess): Promise<void> {
  let asked = 0;
  const lane = async (_: unknown, index: number): Promise<void> => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1, timeout: PATIENCE_MS });
    while (asked < REQUESTS) {
      asked += 1;
      const outgoing = request(gateway.url(`/api/scores?page=${asked}`), {
        agent,
        localAddress: `127.0.9.${1 + (index % 8)}`,
      });
      const response = await responseOf(outgoing.end());
      assert.deepEqual([response.statusCode, await text(response)], [200, 'ok']);
    }
    agent.destroy();
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, lane));
}

/** The soft limit of open files of a process. */
function descriptorsMax(pid: number): number {
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1] ?? '0';
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

async function residentBytes(gateway: GatewayProcess): Promise<number> {
  return (await gateway.metrics()).value('process_resident_memory_bytes');
}

/** Per connection, to a tenth. */
function kilobytes(bytes: number): number {
  return Math.round((bytes / SOCKETS / 1_024) * 10) / 10;
}
