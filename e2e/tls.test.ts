import { strict as assert } from 'node:assert';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Authority, type KeyPair, pemsOf } from './harness/certificates.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { freePort } from './harness/ports.ts';
import { type Finished, Program, run, temporaryFolder } from './harness/program.ts';
import { eventually, SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { nextMessage, openWebSocket } from './harness/websocket-client.ts';

const HAPROXY = '/usr/sbin/haproxy';
const PLAYER = '203.0.113.9';

const scope = new SuiteScope();
after(scope.end);
const folder = temporaryFolder(scope);
const authority = Authority.create(folder, 'public');
const cloudflare = Authority.create(folder, 'cloudflare');
const internal = Authority.create(folder, 'internal');
const certificates = {
  game: authority.issue('game', ['game.example.com', 'lobby.play.example.com', '127.0.0.1']),
  api: authority.issue('api', ['api.example.com']),
  wildcard: authority.issue('wildcard', ['*.play.example.com']),
  edge: cloudflare.issue('edge', ['edge.cloudflare.example']),
  gateway: internal.issue('gateway', ['gateway.internal']),
  service: internal.issue('service', ['service.internal']),
};
const everyone = [certificates.game, certificates.api, certificates.wildcard];

let upstream: Upstream;
let secure: Upstream;
let gateway: GatewayProcess;

before(async () => {
  upstream = await startUpstream(scope);
  secure = await startUpstream(scope, {
    tls: { ...pemsOf(certificates.service), ca: internal.pem, requestCert: true, rejectUnauthorized: true },
  });
  gateway = await GatewayProcess.start(scope, {
    yaml: `version: 1
listeners:
  - { name: web, address: "127.0.0.1:0", tls: { certificates: [${everyone.map(pair).join(', ')}] } }
  - { name: modern, address: "127.0.0.1:0", tls: { certificates: [${pair(certificates.game)}], minVersion: TLSv1.3 } }
  - { name: redirect, address: "127.0.0.1:0", redirectToHttps: true }
  - name: balanced
    address: "127.0.0.1:0"
    tls: { certificates: [${pair(certificates.game)}] }
    client: { kind: proxy-protocol, from: [127.0.0.0/8] }
  - name: edge
    address: "127.0.0.1:0"
    tls: { certificates: [${pair(certificates.game)}] }
    client: { kind: cloudflare, clientCa: "${cloudflare.certificate}" }
upstreams:
  game: "${upstream.url}"
  trusted: { servers: ["${secure.url}"], tls: { ca: "${internal.certificate}", serverName: service.internal, identity: ${pair(certificates.gateway)} } }
  unknown: { servers: ["${secure.url}"], tls: { ca: "${authority.certificate}", serverName: service.internal, identity: ${pair(certificates.gateway)} } }
  misnamed: { servers: ["${secure.url}"], tls: { ca: "${internal.certificate}", serverName: other.internal, identity: ${pair(certificates.gateway)} } }
  anonymous: { servers: ["${secure.url}"], tls: { ca: "${internal.certificate}", serverName: service.internal } }
  imposter: { servers: ["${secure.url}"], tls: { ca: "${internal.certificate}", serverName: service.internal, identity: ${pair(certificates.game)} } }
routes:
  - { name: game, upstream: game, profile: game }
${['trusted', 'unknown', 'misnamed', 'anonymous', 'imposter']
  .map((name) => `  - { name: ${name}, match: { path: /${name} }, upstream: ${name}, profile: game }\n`)
  .join('')}`,
  });
});

for (const [name, expected] of [
  ['game.example.com', 'game'],
  ['api.example.com', 'api'],
  ['API.example.com', 'api'],
  ['one.play.example.com', 'wildcard'],
  // An exact name wins, also that of the certificate which is shown when nothing fits.
  ['lobby.play.example.com', 'game'],
  ['a.b.play.example.com', 'game'],
  ['play.example.com', 'game'],
  ['unknown.example.org', 'game'],
] as const)
  void test(`a client that asks for ${name} is shown the certificate ${expected}`, async () => {
    const socket = await handshake('web', { servername: name });
    assert.equal(socket.getPeerCertificate().subject.CN, expected);
    socket.destroy();
  });

for (const [listener, version, isAccepted] of [
  ['web', 'tls1', false],
  ['web', 'tls1_1', false],
  ['web', 'tls1_2', true],
  ['web', 'tls1_3', true],
  ['modern', 'tls1_2', false],
  ['modern', 'tls1_3', true],
] as const)
  void test(`the listener ${listener} ${isAccepted ? 'accepts' : 'refuses'} ${version} from openssl s_client (R0.2)`, async (t) => {
    const { code, stdout, stderr } = await sClient(t, listener, [`-${version}`, '-cipher', 'ALL:@SECLEVEL=0']);
    if (isAccepted) {
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^HTTP\/1\.1 200 OK\r?\n[\s\S]*\nok/m);
    } else assert.match(stderr, /alert protocol version/);
  });

void test('a WebSocket runs over TLS, and the upstream is told so (R0.2)', async () => {
  const url = `wss://127.0.0.1:${gateway.port('web')}/wss`;
  const socket = await openWebSocket(url, { ca: authority.pem });
  const answer = nextMessage(socket);
  socket.send('encrypted');
  assert.equal(await answer, 'encrypted');
  socket.terminate();
  assert.equal(upstream.requests.find(({ target }) => target === '/wss')?.headers['x-forwarded-proto'], 'https');
  await assert.rejects(openWebSocket(url, { ca: internal.pem }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
});

void test('a plaintext request is sent to https, and nowhere else', async () => {
  const answer = await httpRequest(gateway.url('/play?room=1', 'redirect'), { headers: { host: 'game.example.com' } });
  assert.deepEqual([answer.status, answer.headers.location], [308, 'https://game.example.com/play?room=1']);
  const forged = await httpRequest(gateway.url('//evil.example/', 'redirect'), {
    headers: { host: 'game.example.com' },
  });
  assert.match(forged.headers.location ?? 'https://game.example.com/', /^https:\/\/game\.example\.com\//);
  await assert.rejects(openWebSocket(gateway.webSocketUrl('/ws', 'redirect')), /308/);
});

for (const version of ['send-proxy', 'send-proxy-v2'])
  void test(`HAProxy in front tells the client with ${version}, before TLS (R4.16)`, async (t) => {
    const port = await haproxy(t, version);
    const path = `/${version}`;
    const socket = await handshake('balanced', { port, localAddress: '127.0.0.77' });
    assert.match(await ask(socket, path), /^HTTP\/1\.1 200 /);
    assert.equal(upstream.requests.find(({ target }) => target === path)?.headers['x-forwarded-for'], '127.0.0.77');
    const line = await gateway.logged({ kind: 'exchange', path });
    assert.deepEqual([line['client'], line['evidence']], ['127.0.0.77', 'proxy-protocol']);
  });

void test('only a client with the certificate of Cloudflare comes in at the edge, and is believed (R2.3)', async () => {
  const socket = await handshake('edge', pemsOf(certificates.edge));
  assert.match(await ask(socket, '/edge', `CF-Connecting-IP: ${PLAYER}\r\n`), /^HTTP\/1\.1 200 /);
  assert.equal(upstream.requests.find(({ target }) => target === '/edge')?.headers['x-forwarded-for'], PLAYER);
});

for (const [what, options] of [
  ['without a certificate', {}],
  ['with a certificate of somebody else', pemsOf(certificates.game)],
] as const)
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
    void test(`a client ${what} is refused at the edge, with a session of another listener too, over ${maxVersion} (R2.3)`, async () => {
      const before = refusals();
      const elsewhere = await attempt('web', { ...options, maxVersion });
      assert.ok(elsewhere.session !== undefined);
      for (const [turn, session] of [{}, { session: elsewhere.session }].entries()) {
        const refused = await attempt('edge', { ...options, maxVersion, ...session });
        assert.deepEqual([refused.answer, refused.session, refused.isResumed], ['', undefined, false]);
        await eventually('the refusal', () => (refusals() === before + turn + 1 ? true : undefined));
      }
    });

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const)
  void test(`a session of a client with the certificate can be resumed, and is still believed, over ${maxVersion} (R2.3)`, async () => {
    const first = await attempt('edge', { ...pemsOf(certificates.edge), maxVersion });
    const second = await attempt('edge', { ...pemsOf(certificates.edge), maxVersion, session: first.session });
    assert.deepEqual([first.answer.slice(9, 12), second.answer.slice(9, 12)], ['200', '200']);
    assert.deepEqual([first.isResumed, second.isResumed], [false, true]);
  });

for (const [name, status, reason] of [
  ['trusted', 200, undefined],
  ['unknown', 502, 'UPSTREAM_TLS_FAILED'],
  ['misnamed', 502, 'UPSTREAM_TLS_FAILED'],
  ['anonymous', 502, undefined],
  ['imposter', 502, undefined],
] as const)
  void test(`an https upstream that is ${name} answers with ${status} (R0.2, R2.1)`, async () => {
    const socket = await handshake('web', {});
    assert.match(await ask(socket, `/${name}`), new RegExp(`^HTTP/1\\.1 ${status} `));
    const line = await gateway.logged({ kind: 'exchange', path: `/${name}` });
    if (reason !== undefined) assert.equal(line['reason'], reason);
    const reached = secure.requests.filter(({ target }) => target === `/${name}`);
    assert.equal(reached.length, status === 200 ? 1 : 0);
  });

void test('a renewed certificate is shown after a reload: no handshake fails, what is open stays, half of a pair changes nothing (R2.10)', async (t) => {
  const renew = (): KeyPair => authority.issue('renewed', ['game.example.com']);
  const renewing = await GatewayProcess.start(t, {
    yaml: `version: 1
listeners: [{ name: web, address: "127.0.0.1:0", tls: { certificates: [${pair(renew())}] } }]
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game }]
workers: { count: 2 }
`,
  });
  const port = renewing.port('web');
  const shown = async (): Promise<string> => {
    const socket = await handshake('web', { port });
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    return fingerprint256;
  };
  const before = await shown();
  const open = await handshake('web', { port });
  const renewed = renew();
  const handshakes: string[] = [];
  const over = new AbortController();
  const clients = (async () => {
    while (!over.signal.aborted) handshakes.push(await shown());
  })();
  renewing.program.signal('SIGHUP');
  await renewing.logged({ msg: 'a new policy is in force' });
  over.abort();
  await clients;
  const { fingerprint256: expected } = new X509Certificate(readFileSync(renewed.certificate));
  assert.deepEqual(new Set([before, expected, ...handshakes]), new Set([before, expected]));
  // Both workers accept in turns.
  for (let turn = 0; turn < 4; turn += 1) assert.equal(await shown(), expected);
  assert.match(await ask(open, '/open'), /^HTTP\/1\.1 200 /);
  copyFileSync(certificates.api.key, renewed.key);
  renewing.program.signal('SIGHUP');
  const refused = await renewing.program.until('a refusal', () =>
    renewing.program.lines.find((line) => line.includes('the configuration is refused')),
  );
  assert.match(refused, /key does not belong to the certificate beside it/);
  assert.equal(await shown(), expected);
});

/** A certificate with its key, as the configuration takes it. */
function pair({ certificate, key }: KeyPair): string {
  return `{ certificate: "${certificate}", key: "${key}" }`;
}

async function handshake(
  listener: string,
  options: ConnectionOptions & { readonly localAddress?: string },
): Promise<TLSSocket> {
  const port = gateway.port(listener);
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'game.example.com',
    ca: authority.pem,
    ...options,
    checkServerIdentity: () => undefined,
  });
  await once(socket, 'secureConnect');
  return socket;
}

/** One request; what comes back until the connection ends. */
async function ask(socket: TLSSocket, path: string, headers = ''): Promise<string> {
  let answer = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    answer += piece;
  });
  socket.on('error', () => {});
  socket.write(`GET ${path} HTTP/1.1\r\nHost: game.example.com\r\nConnection: close\r\n${headers}\r\n`);
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return answer;
}

interface Attempt {
  /** '' when the connection was refused. */
  readonly answer: string;
  readonly session: Buffer | undefined;
  readonly isResumed: boolean;
}

/** Asks on a listener with these credentials. */
async function attempt(listener: string, options: ConnectionOptions): Promise<Attempt> {
  const socket = connect({
    host: '127.0.0.1',
    port: gateway.port(listener),
    servername: 'game.example.com',
    ca: authority.pem,
    checkServerIdentity: () => undefined,
    ...options,
  });
  let session: Buffer | undefined;
  socket.on('session', (one: Buffer) => {
    session = one;
  });
  let isResumed = false;
  socket.once('secureConnect', () => {
    isResumed = socket.isSessionReused();
  });
  const answer = await ask(socket, '/resumed', `CF-Connecting-IP: ${PLAYER}\r\n`);
  return { answer, session, isResumed };
}

/** Connections refused at the edge for want of a proof. */
function refusals(): number {
  return gateway
    .log()
    .filter(
      (line) => line['kind'] === 'connection' && line['listener'] === 'edge' && line['reason'] === 'CLIENT_UNPROVEN',
    ).length;
}

function sClient(t: TestContext, listener: string, args: readonly string[]): Promise<Finished> {
  return run(t, {
    command: 'openssl',
    arguments: [
      's_client',
      '-quiet',
      '-connect',
      `127.0.0.1:${gateway.port(listener)}`,
      '-CAfile',
      authority.certificate,
      '-verify_return_error',
      ...args,
    ],
    input: 'GET /s_client HTTP/1.1\r\nHost: game.example.com\r\nConnection: close\r\n\r\n',
  });
}

/** HAProxy as a load balancer that passes TCP on, on a port of its own. */
async function haproxy(t: TestContext, version: string): Promise<number> {
  const port = await freePort();
  const file = join(folder, `${version}.cfg`);
  const timeouts = 'timeout connect 5s\n  timeout client 20s\n  timeout server 20s';
  writeFileSync(
    file,
    `defaults\n  mode tcp\n  ${timeouts}\nlisten in\n  bind 127.0.0.1:${port}\n  server gateway 127.0.0.1:${gateway.port('balanced')} ${version}\n`,
  );
  Program.start(t, { command: HAPROXY, arguments: ['-db', '-f', file] });
  await eventually('HAProxy', () =>
    handshake('balanced', { port }).then(
      (socket) => (socket.destroy(), true),
      () => undefined,
    ),
  );
  return port;
}
