import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http';

import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { WebSocket } from 'ws';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest, openRequest, responseOf, startRequest } from './harness/http-client.ts';
import { closed } from './harness/raw.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { closingOf, openWebSocket } from './harness/websocket-client.ts';

/** Sockets of the test, over so many client addresses that nobody meets a limit per client. */
const SOCKETS = 1_000;
const ADDRESSES = 10;
/** Handshakes at a time. */
const OPENING_MAX = 50;

const PART = Buffer.alloc(10_000, 'd');

function configuration(upstream: Upstream, drain: string): string {
  return `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game, webSocket: { perClientMax: 200 } }]
drain: ${drain}
workers: { count: 1 }
`;
}

void test('a gateway that is told to stop says goodbye to 1,000 WebSockets in slices, finishes what is in progress and ends with 0 (R1.10)', async (t) => {
  const downloads: ServerResponse[] = [];
  const upstreamCodes: number[] = [];
  const upstream = await startUpstream(t, {
    onRequest: (incoming, response) => {
      if (incoming.method === 'POST') return void sendLengthOf(incoming, response);
      response.writeHead(200, { 'content-length': PART.length * 2 }).write(PART);
      downloads.push(response);
    },
    onSocket: (socket) => socket.on('close', (code) => upstreamCodes.push(code)),
  });
  const gateway = await GatewayProcess.start(t, {
    yaml: configuration(upstream, '{ deadline: 20s, webSocketSpread: 2s }'),
  });
  const sockets = await openMany(gateway, SOCKETS);
  const closings = Promise.all(sockets.map(closingOf));
  const download = await openRequest(gateway.url('/big'));
  const upload = startRequest(gateway.url('/save'), { method: 'POST', headers: { 'content-length': '20' } });
  upload.write('0123456789');
  const uploaded = responseOf(upload);
  await eventually('the upload at the upstream', () => upstream.requests.find(({ method }) => method === 'POST'));
  const idle = await idleConnection(gateway);

  gateway.program.signal('SIGTERM');

  const draining = await eventually('a failing /readyz', async () => {
    const readiness = await gateway.readiness();
    return readiness.status === 503 ? readiness : undefined;
  });
  assert.match(draining.text, /draining/);
  // Each worker stops when it hears of it, which is a moment later.
  await eventually('a refused connection', () =>
    openRequest(gateway.url('/late')).then(
      (late) => void late.destroy(),
      (error: unknown) => (error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED') || undefined,
    ),
  );
  await idle.closed;
  const codes = Map.groupBy(await closings, ({ code }) => code);
  assert.deepEqual(
    [...codes].map(([code, all]) => [code, all.length]),
    [[1012, SOCKETS]],
  ); // service restart
  assert.equal(gateway.program.ending, undefined, 'it waits for the download and the upload');

  upload.end('0123456789');
  const { statusCode, headers } = await uploaded;
  assert.deepEqual([statusCode, headers.connection], [200, 'close']);
  assert.equal(await text(await uploaded), '20 bytes');
  for (const response of downloads) response.end(PART);
  assert.equal((await text(download)).length, PART.length * 2);

  assert.deepEqual(await gateway.program.exited(), { code: 0, signal: null });
  assert.deepEqual(new Set(upstreamCodes), new Set([1012]));
  assert.equal(upstreamCodes.length, SOCKETS);
  const closed = gateway.log().filter(({ kind, phase }) => kind === 'connection' && phase === 'close');
  assert.equal(closed.length, SOCKETS);
  assert.ok(
    closed.every(
      ({ closeCode, closedBy, reason }) => closeCode === 1012 && closedBy === 'gateway' && reason === 'DRAINING',
    ),
  );
  assert.ok(slicesOf(closed.map(({ time }) => String(time))) >= 5, 'they were closed in slices');
  await gateway.logged({ kind: 'system', what: 'stopped', detail: '0 connections cut' });
});

void test('a gateway that is told to stop cuts what has not gone at the deadline, says so, and ends with 0 (R1.10)', async (t) => {
  const upstream = await startUpstream(t, { onRequest: () => {} });
  const gateway = await GatewayProcess.start(t, {
    yaml: configuration(upstream, '{ deadline: 1s, webSocketSpread: 0s }'),
  });
  const deaf = await deafWebSocket(gateway);
  const unanswered = httpRequest(gateway.url('/never'));
  await eventually('the request at the upstream', () => upstream.requests.find(({ target }) => target === '/never'));

  gateway.program.signal('SIGTERM');

  assert.deepEqual(await gateway.program.exited(), { code: 0, signal: null });
  await deaf.closed;
  const { status, text: problem } = await unanswered;
  assert.equal(status, 503);
  assert.match(problem, /"code":"DRAINING"/);
  await gateway.logged({ kind: 'system', what: 'stopped', detail: '2 connections cut' });
  const ends = gateway.log().filter(({ path }) => path === '/never');
  assert.deepEqual(
    ends.map(({ verdict, reason, faultOf }) => ({ verdict, reason, faultOf })),
    [{ verdict: 'deny', reason: 'DRAINING', faultOf: 'internal' }],
  );
  const closes = gateway.log().filter(({ kind, phase }) => kind === 'connection' && phase === 'close');
  assert.deepEqual(
    closes.map(({ reason, closedBy }) => ({ reason, closedBy })),
    [{ reason: 'DRAINING', closedBy: 'gateway' }],
  );
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  void test(`a gateway that is told to stop ends at once at the second ${signal} (R1.10)`, async (t) => {
    const upstream = await startUpstream(t, { onRequest: () => {} });
    const gateway = await GatewayProcess.start(t, {
      yaml: configuration(upstream, '{ deadline: 1h, webSocketSpread: 1h }'),
    });
    const waiting = responseOf(startRequest(gateway.url('/never')).end());
    await eventually('the request at the upstream', () => upstream.requests[0]);

    gateway.program.signal(signal);
    await eventually('the drain', async () => ((await gateway.readiness()).status === 503 ? true : undefined));
    gateway.program.signal(signal);

    assert.deepEqual(await gateway.program.exited(), { code: 1, signal: null });
    assert.equal((await waiting).statusCode, 503);
    await gateway.logged({ kind: 'exchange', path: '/never', reason: 'DRAINING', status: 503 });
    await gateway.logged({ msg: 'stopping', signal });
    await gateway.logged({ msg: 'stopping at once', signal });
  });
}

async function sendLengthOf(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await text(incoming);
  response.end(`${body.length} bytes`);
}

async function openMany(gateway: GatewayProcess, count: number): Promise<readonly WebSocket[]> {
  const opened: WebSocket[] = [];
  while (opened.length < count) {
    const batch = Array.from({ length: OPENING_MAX }, (_, index) =>
      openWebSocket(gateway.webSocketUrl('/ws'), { localAddress: `127.0.1.${1 + (index % ADDRESSES)}` }),
    );
    opened.push(...(await Promise.all(batch)));
  }
  return opened;
}

/** A keep-alive connection whose request has been answered. */
async function idleConnection(gateway: GatewayProcess): Promise<{ readonly closed: Promise<unknown> }> {
  const agent = new Agent({ keepAlive: true });
  const outgoing = request(gateway.url('/idle'), { agent, method: 'POST' }).end();
  const response = await responseOf(outgoing);
  const closed = once(response.socket, 'close');
  await text(response);
  return { closed };
}

/** A WebSocket whose client never answers anything. */
async function deafWebSocket(gateway: GatewayProcess): Promise<{ readonly closed: Promise<unknown> }> {
  const socket = connect(gateway.port(), '127.0.0.1');
  const end = closed(socket);
  socket.write(
    'GET /ws HTTP/1.1\r\nHost: game\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  const [head] = await once(socket, 'data');
  assert.match(String(head), /^HTTP\/1\.1 101 /);
  return { closed: end };
}

/** How many groups of moments there are, more than 50 ms apart: the gateway looks ten times a second. */
function slicesOf(times: readonly string[]): number {
  const moments = times.map((time) => Date.parse(time)).toSorted((a, b) => a - b);
  return moments.filter((moment, index) => index === 0 || moment - (moments[index - 1] ?? 0) > 50).length;
}
