import { strict as assert } from 'node:assert';
import { createServer, type Server, type Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { RawClient } from '../packages/gateway/test/request/raw-client.ts';
import { RequestReader, type WireRequest } from '../packages/gateway/test/request/request-reader.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import type { Scope } from './harness/scope.ts';

/** What an upstream does with a connection once it has a whole request. */
type Behaviour = (socket: Socket, request: WireRequest) => void;

interface BadUpstream {
  readonly port: number;
  readonly requests: readonly WireRequest[];
}

/** A server that speaks whatever `behaviour` writes. */
async function startBadUpstream(scope: Scope, behaviour: Behaviour): Promise<BadUpstream> {
  const requests: WireRequest[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    const reader = new RequestReader((request) => {
      requests.push(request);
      behaviour(socket, request);
    });
    socket.on('data', (chunk: Buffer) => reader.feed(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  scope.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { port: address.port, requests };
}

function startGateway(t: TestContext, port: number): Promise<GatewayProcess> {
  return GatewayProcess.start(t, {
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams:
  app:
    servers: ["http://127.0.0.1:${port}"]
    timeouts: { connect: 1s, head: 1s, idle: 1s }
    retries: { attempts: 3, budget: 1 }
    breaker: { requests: 1000 }
    ejection: { failures: 1000 }
routes: [{ name: all, upstream: app, profile: game }]
`,
  });
}

/** Sends bytes; everything that happens to them is left to others. */
function says(...pieces: readonly string[]): Behaviour {
  return (socket) => {
    for (const piece of pieces) socket.write(piece, 'latin1');
  };
}

/** The same, and closes the connection. */
function saysAndCloses(...pieces: readonly string[]): Behaviour {
  return (socket, request) => {
    says(...pieces)(socket, request);
    socket.end();
  };
}

function repeats(text: string): Behaviour {
  return (socket) => {
    const write = (): void => {
      while (socket.writable && socket.write(text, 'latin1'));
    };
    socket.on('drain', write);
    write();
  };
}

const OK = 'HTTP/1.1 200 OK\r\n';

const fieldsWithoutEnd: Behaviour = (socket, request) => {
  socket.write(OK);
  repeats('x: y\r\n')(socket, request);
};

interface Row {
  readonly name: string;
  readonly behaviour: Behaviour;
  readonly status: number;
  readonly reason: string;
}

const row = (name: string, behaviour: Behaviour, status: number, reason: string): Row => ({
  name,
  behaviour,
  status,
  reason,
});

const malformed = (name: string, text: string): Row => row(name, saysAndCloses(text), 502, 'UPSTREAM_MALFORMED');

/** What goes wrong before a head has come: the client gets a status of its own. */
const BEFORE_THE_HEAD: readonly Row[] = [
  row('closes without an answer', (socket) => socket.end(), 502, 'UPSTREAM_CLOSED'),
  row('resets the connection', (socket) => socket.resetAndDestroy(), 502, 'UPSTREAM_CLOSED'),
  row('closes within the head', saysAndCloses('HTTP/1.1 200 O'), 502, 'UPSTREAM_CLOSED'),
  row('says nothing', () => undefined, 504, 'UPSTREAM_TIMEOUT'),
  row('never ends its head', says('HTTP/1.1 200 OK\r\nx: '), 504, 'UPSTREAM_TIMEOUT'),
  row('answers only that it will go on', says('HTTP/1.1 100 Continue\r\n\r\n'), 504, 'UPSTREAM_TIMEOUT'),
  row(
    'floods with interim answers',
    repeats('HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n'),
    502,
    'UPSTREAM_MALFORMED',
  ),
  row('floods with header fields', fieldsWithoutEnd, 502, 'UPSTREAM_MALFORMED'),
  row('floods with one header field', repeats('a'.repeat(1_000)), 502, 'UPSTREAM_MALFORMED'),
  malformed('speaks another protocol', '220 mail.example ESMTP\r\n'),
  malformed('answers with garbage', '\x00\x01\x02\x03\r\n\r\n'),
  malformed('answers with HTTP/0.9', '<html>hello</html>\n\n'),
  malformed('answers with HTTP/2', 'HTTP/2 200 OK\r\n\r\n'),
  malformed('says two lengths', `${OK}Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc`),
  malformed('says a length and chunks', `${OK}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`),
  malformed('says a coding nobody knows', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
  malformed('says a negative length', `${OK}Content-Length: -1\r\n\r\n`),
  malformed('folds a line', `${OK}x: a\r\n b\r\nContent-Length: 0\r\n\r\n`),
  malformed('ends lines with LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'),
  malformed('puts a NUL into a field', `${OK}x: a\0b\r\nContent-Length: 0\r\n\r\n`),
  malformed('puts a space before a colon', `${OK}Content-Length : 0\r\n\r\n`),
  malformed('switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n'),
  malformed('has a status nobody knows', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'),
];

/** What goes wrong behind the head: all that is left is an answer that visibly breaks off. */
const BEHIND_THE_HEAD: readonly Row[] = [
  row(
    'closes within a body with a length',
    saysAndCloses(`${OK}Content-Length: 10\r\n\r\nhalf`),
    200,
    'UPSTREAM_CLOSED',
  ),
  row(
    'closes within a chunk',
    saysAndCloses(`${OK}Transfer-Encoding: chunked\r\n\r\n8\r\nhalf`),
    200,
    'UPSTREAM_CLOSED',
  ),
  row(
    'closes before the last chunk',
    saysAndCloses(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n`),
    200,
    'UPSTREAM_CLOSED',
  ),
  row(
    'sends a broken chunk',
    says(`${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0x4\r\nhalf\r\n`),
    200,
    'UPSTREAM_MALFORMED',
  ),
  row('stops within a body', says(`${OK}Content-Length: 10\r\n\r\nhalf`), 200, 'UPSTREAM_TIMEOUT'),
];

void describe('a bad upstream', () => {
  for (const { name, behaviour, status, reason } of BEFORE_THE_HEAD) {
    void test(`${name}: ${status} ${reason} (R2.24)`, async (t) => {
      const upstream = await startBadUpstream(t, behaviour);
      const gateway = await startGateway(t, upstream.port);
      const answer = await httpRequest(gateway.url('/a'), { method: 'POST', body: 'once' });
      assert.deepEqual([answer.status, codeIn(answer.text)], [status, reason]);
      assert.doesNotMatch(answer.text, /127\.0\.0\.1|ECONN|Error|at /);
      await checkEvent(gateway, { status, reason, attempts: undefined });
      // A body is never sent twice, whatever became of it.
      assert.deepEqual(
        upstream.requests.map(({ method, body }) => `${method} ${body.toString()}`),
        ['POST once'],
      );
    });
  }

  for (const { name, behaviour, status, reason } of BEHIND_THE_HEAD) {
    void test(`${name}: the answer breaks off, ${reason}`, async (t) => {
      const upstream = await startBadUpstream(t, behaviour);
      const gateway = await startGateway(t, upstream.port);
      const client = await RawClient.open(gateway.port());
      t.after(() => client.close());
      client.send('GET /a HTTP/1.1\r\nHost: a\r\n\r\n');
      const bytes = (await client.ended()).toString('latin1');
      assert.match(bytes, /^HTTP\/1\.1 200 OK\r\n/);
      assert.match(bytes, /half(?:\r\n)?$/, 'neither more nor a proper end');
      await checkEvent(gateway, { status, reason, attempts: undefined });
      assert.equal(upstream.requests.length, 1);
    });
  }
});

void describe('an upstream', () => {
  void test('that refuses connections: 502 UPSTREAM_CONNECT_FAILED after every try (R2.24)', async (t) => {
    const gateway = await startGateway(t, await freePort());
    const answer = await httpRequest(gateway.url('/a'), { method: 'POST', body: 'once' });
    assert.deepEqual([answer.status, codeIn(answer.text)], [502, 'UPSTREAM_CONNECT_FAILED']);
    await checkEvent(gateway, { status: 502, reason: 'UPSTREAM_CONNECT_FAILED', attempts: 3 });
  });

  void test('that trickles is waited for as long as something comes', async (t) => {
    const upstream = await startBadUpstream(t, (socket) => {
      socket.write(`${OK}Content-Length: 8\r\n\r\n`);
      let left = 8;
      const timer = setInterval(() => {
        socket.write('x');
        left -= 1;
        if (left === 0) clearInterval(timer);
      }, 300);
      socket.once('close', () => clearInterval(timer));
    });
    const gateway = await startGateway(t, upstream.port);
    assert.equal((await httpRequest(gateway.url('/a'))).text, 'xxxxxxxx');
  });

  void test('that answers before it has read the request: the client gets the answer, the connection ends', async (t) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig'));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => void server.close());
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const gateway = await startGateway(t, address.port);
    const client = await RawClient.open(gateway.port());
    t.after(() => client.close());
    client.send('POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nhello');
    const bytes = (await client.ended()).toString('latin1');
    assert.match(bytes, /^HTTP\/1\.1 413 Too Large\r\n[^]*\r\n\r\nbig$/);
    await gateway.logged({ kind: 'exchange', status: 413, verdict: 'pass' });
  });
});

void describe('a kept connection', () => {
  void test('that the upstream closes while it is idle costs nobody an answer, and no POST is sent twice', async (t) => {
    let answered = 0;
    const upstream = await startBadUpstream(t, (socket) => {
      answered += 1;
      // Every second connection closes right behind an answer that promised to keep it.
      socket.write(`${OK}Content-Length: 2\r\nConnection: keep-alive\r\n\r\nok`);
      if (answered % 2 === 0) socket.end();
    });
    const gateway = await startGateway(t, upstream.port);
    for (let round = 0; round < 20; round += 1) {
      assert.equal((await httpRequest(gateway.url(`/get/${round}`))).status, 200);
      const { status } = await httpRequest(gateway.url(`/post/${round}`), { method: 'POST', body: 'once' });
      assert.ok(status === 200 || status === 502, `${status}`);
    }
    const posts = upstream.requests.filter(({ method }) => method === 'POST').map(({ target }) => target);
    assert.equal(new Set(posts).size, posts.length);
  });

  void test('on which more came than the answer is given up, and nobody gets the rest', async (t) => {
    const upstream = await startBadUpstream(t, (socket, { target }) => {
      const answer = `${OK}Content-Length: ${target.length}\r\n\r\n${target}`;
      socket.write(`${answer}${OK}Content-Length: 6\r\n\r\npoison`);
    });
    const gateway = await startGateway(t, upstream.port);
    for (let round = 0; round < 10; round += 1) {
      const { status, text } = await httpRequest(gateway.url(`/${round}`));
      assert.deepEqual([status, text], [200, `/${round}`]);
    }
  });
});

/** The reason code in a refusal. */
function codeIn(text: string): string | undefined {
  return /"code":"([A-Z_]+)"/.exec(text)?.[1];
}

interface Facts {
  readonly status: number;
  readonly reason: string;
  /** The log says how many only when there was more than one. */
  readonly attempts: number | undefined;
}

/** The exchange ended once, with these facts, by the upstream's fault; and the process is well. */
async function checkEvent(gateway: GatewayProcess, { status, reason, attempts }: Facts): Promise<void> {
  const event = await gateway.logged({ kind: 'exchange', status, reason });
  assert.deepEqual([event['faultOf'], event['upstreamAttempts']], ['upstream', attempts]);
  assert.equal(gateway.log().filter((line) => line['kind'] === 'exchange').length, 1);
  assert.equal((await gateway.metrics()).value('gateway_internal_errors_total'), 0);
  assert.equal((await gateway.operations('/livez')).status, 200);
}
