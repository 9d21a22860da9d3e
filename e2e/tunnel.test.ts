import { strict as assert } from 'node:assert';
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GatewayProcess } from './harness/gateway.ts';
import { type HttpAnswer, httpRequest } from './harness/http-client.ts';
import { temporaryFolder } from './harness/program.ts';
import { converse } from './harness/raw.ts';
import { SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';
import { nextMessage, openWebSocket } from './harness/websocket-client.ts';

const PLAYER = '203.0.113.9';
const ORIGIN_SECRET = 'k2Rz8vQm5XwT1nLc9bYhJ4gDfP7sEaU0iOqZ3tMx6WyB';
const ISSUER = 'https://team.cloudflareaccess.com';
const AUDIENCE = '4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2';

/** Everything a client can write to pass for somebody else. */
const FORGED = {
  'cf-connecting-ip': '198.51.100.66',
  'cf-connecting-ipv6': '2001:db8::66',
  'cf-ray': '8f0000000000-FRA',
  'cf-ipcountry': 'DE',
  'cdn-loop': 'cloudflare; loops=1',
  'true-client-ip': '198.51.100.66',
  'x-forwarded-for': '198.51.100.66',
  'x-real-ip': '198.51.100.66',
  'x-client-ip': '198.51.100.66',
  forwarded: 'for=198.51.100.66',
} as const;

const FORGED_ADDRESSES = /198\.51\.100\.66|2001:db8::66/;

const scope = new SuiteScope();
after(scope.end);
let upstream: Upstream;
let gateway: GatewayProcess;
let token: (claims?: Record<string, unknown>) => string;

before(async () => {
  const directory = temporaryFolder(scope);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' };
  writeFileSync(join(directory, 'keys.json'), JSON.stringify({ keys: [jwk] }));
  token = (claims = {}) => {
    const nowSeconds = Math.floor(Date.now() / 1_000);
    const payload = { iss: ISSUER, aud: [AUDIENCE], iat: nowSeconds, exp: nowSeconds + 600, ...claims };
    const parts = [{ alg: 'RS256', kid: 'one', typ: 'JWT' }, payload].map((part) => base64url(JSON.stringify(part)));
    return [...parts, sign('sha256', Buffer.from(parts.join('.')), privateKey).toString('base64url')].join('.');
  };
  upstream = await startUpstream(scope);
  gateway = await GatewayProcess.start(scope, {
    directory,
    environment: { ORIGIN_SECRET },
    yaml: `version: 1
mode: development
listeners:
  - { name: direct, address: "127.0.0.1:0" }
  - { name: tunnel, address: "unix:./tunnel.sock", client: { kind: cloudflare-tunnel, proof: unix-socket } }
  - name: secret
    address: "127.0.0.1:0"
    client: { kind: cloudflare-tunnel, proof: { kind: origin-secret, secrets: ["\${env:ORIGIN_SECRET}"] } }
  - name: access
    address: "127.0.0.1:0"
    client: { kind: cloudflare-tunnel, proof: { kind: access-jwt, issuer: "${ISSUER}", audience: "${AUDIENCE}", keysFile: ./keys.json } }
  - { name: proxied, address: "127.0.0.1:0", client: { kind: trusted-proxies, from: [127.0.0.1] } }
  - { name: unproxied, address: "127.0.0.1:0", client: { kind: trusted-proxies, from: [192.0.2.0/24] } }
  - { name: balanced, address: "127.0.0.1:0", client: { kind: proxy-protocol, from: [127.0.0.1] } }
  - { name: unbalanced, address: "127.0.0.1:0", client: { kind: proxy-protocol, from: [192.0.2.0/24] } }
upstreams: { game: "${upstream.url}" }
routes: [{ name: game, upstream: game, profile: game }]
`,
  });
});

/** As cloudflared does: over the socket file. */
function throughTunnel(path: string, headers: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  return httpRequest(`http://play.example.com${path}`, { socket: join(gateway.directory, 'tunnel.sock'), headers });
}

/** What the upstream and the log say about the client of the request to `path`. */
async function clientOf(
  path: string,
): Promise<{ readonly upstream: string; readonly log: string; readonly evidence: unknown }> {
  const seen = upstream.requests.find(({ target }) => target === path);
  assert.ok(seen !== undefined, `${path} did not reach the upstream`);
  const all = JSON.stringify(seen.headers);
  const address = String(seen.headers['x-forwarded-for']);
  assert.equal(seen.headers['x-real-ip'], address);
  assert.match(String(seen.headers['forwarded']), new RegExp(`^for="?\\[?${address}`));
  assert.deepEqual(
    Object.keys(seen.headers).filter((name) => name.startsWith('cf-') || name === 'x-origin-secret'),
    [],
  );
  assert.ok(!FORGED_ADDRESSES.test(all), all);
  const { client, evidence = 'peer' } = await gateway.logged({ kind: 'exchange', path });
  return { upstream: address, log: String(client), evidence };
}

void test('a gateway knows a player behind a tunnel, whatever the player wrote (R0.9)', async () => {
  const headers = {
    ...FORGED,
    'cf-connecting-ip': PLAYER,
    'cf-connecting-ipv6': '::1',
    'x-forwarded-proto': 'https',
  };
  assert.equal((await throughTunnel('/tunnel', headers)).status, 200);
  assert.deepEqual(await clientOf('/tunnel'), { upstream: PLAYER, log: PLAYER, evidence: 'cloudflare-tunnel' });
  assert.equal(upstream.requests.find(({ target }) => target === '/tunnel')?.headers['x-forwarded-proto'], 'https');
});

void test('a gateway knows a player of IPv6 by the network, and carries a WebSocket through the tunnel (R0.9)', async () => {
  const socket = await openWebSocket(`ws+unix:${join(gateway.directory, 'tunnel.sock')}:/ws`, {
    headers: { host: 'play.example.com', 'cf-connecting-ip': '2001:DB8:1:2::7' },
  });
  const answer = nextMessage(socket);
  socket.send('through the tunnel');
  assert.equal(await answer, 'through the tunnel');
  const { client, network, peer, evidence } = await gateway.logged({ kind: 'connection', phase: 'open' });
  assert.deepEqual(
    { client, network, peer, evidence },
    { client: '2001:db8:1:2::7', network: '2001:db8:1:2::/64', peer: 'unix', evidence: 'cloudflare-tunnel' },
  );
  socket.terminate();
});

for (const [what, value] of [
  ['without', undefined],
  ['with a false', 'localhost'],
  ['with more than one', '203.0.113.9, 203.0.113.10'],
] as const)
  void test(`a gateway refuses what comes through a tunnel ${what} client address (R0.9)`, async () => {
    const answer = await throughTunnel('/nobody', value === undefined ? {} : { 'cf-connecting-ip': value });
    assert.equal(answer.status, 400);
    assert.match(answer.text, /"code":"CLIENT_ADDRESS_INVALID"/);
    assert.equal(
      upstream.requests.some(({ target }) => target === '/nobody'),
      false,
    );
  });

for (const listener of ['direct', 'unproxied'])
  void test(`a gateway takes no header for a client address on the listener ${listener} (R2.3)`, async () => {
    const path = `/forged-${listener}`;
    assert.equal((await httpRequest(gateway.url(path, listener), { headers: FORGED, from: '127.0.0.7' })).status, 200);
    assert.deepEqual(await clientOf(path), { upstream: '127.0.0.7', log: '127.0.0.7', evidence: 'peer' });
  });

void test('a gateway believes only the PROXY header on a listener behind a load balancer (R2.3, R4.16)', async () => {
  const forged = Object.entries(FORGED)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
  const request = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${forged}\r\n`;
  const answer = await converse(
    gateway.port('balanced'),
    `PROXY TCP4 ${PLAYER} 192.0.2.1 5000 80\r\n${request('/balanced')}`,
  );
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.deepEqual(await clientOf('/balanced'), { upstream: PLAYER, log: PLAYER, evidence: 'proxy-protocol' });
  assert.equal(await converse(gateway.port('balanced'), request('/no-proxy-header')), '');
  assert.equal(
    await converse(gateway.port('unbalanced'), `PROXY TCP4 ${PLAYER} 192.0.2.1 5000 80\r\n${request('/no')}`),
    '',
  );
  await gateway.logged({ kind: 'connection', listener: 'balanced', reason: 'PROXY_PROTOCOL_INVALID' });
  await gateway.logged({ kind: 'connection', listener: 'unbalanced', reason: 'CLIENT_UNPROVEN' });
});

void test('a gateway reads the chain of trusted proxies from its trusted end (R2.3, R4.16)', async () => {
  const headers = { ...FORGED, 'x-forwarded-for': `198.51.100.66, ${PLAYER}, 127.0.0.1` };
  assert.equal((await httpRequest(gateway.url('/chain', 'proxied'), { headers })).status, 200);
  assert.deepEqual(await clientOf('/chain'), { upstream: PLAYER, log: PLAYER, evidence: 'trusted-proxies' });
});

const proofs: readonly (readonly [string, string, () => Readonly<Record<string, string>>, number])[] = [
  ['secret', 'its secret', () => ({ 'x-origin-secret': ORIGIN_SECRET }), 200],
  ['secret', 'no secret', () => ({}), 403],
  ['secret', 'a part of the secret', () => ({ 'x-origin-secret': ORIGIN_SECRET.slice(0, -1) }), 403],
  ['access', 'a token of Cloudflare Access', () => ({ 'cf-access-jwt-assertion': token() }), 200],
  ['access', 'no token', () => ({}), 403],
  ['access', 'a token for another application', () => ({ 'cf-access-jwt-assertion': token({ aud: ['other'] }) }), 403],
  ['access', 'a token that has expired', () => ({ 'cf-access-jwt-assertion': token({ exp: 1_000_000_000 }) }), 403],
  [
    'access',
    'a token that nobody signed',
    () => ({ 'cf-access-jwt-assertion': `${token().replace(/[^.]+$/, '')}AAAA` }),
    403,
  ],
];
for (const [index, [listener, what, proof, status]] of proofs.entries())
  void test(`a gateway ${status === 200 ? 'lets in' : 'refuses'} what comes to the listener ${listener} with ${what} (R2.3)`, async () => {
    const path = `/proof-${index}`;
    const answer = await httpRequest(gateway.url(path, listener), {
      headers: { ...FORGED, 'cf-connecting-ip': PLAYER, ...proof() },
    });
    assert.equal(answer.status, status, answer.text);
    if (status === 200)
      return assert.deepEqual(await clientOf(path), { upstream: PLAYER, log: PLAYER, evidence: 'cloudflare-tunnel' });
    assert.match(answer.text, /"code":"CLIENT_UNPROVEN"/);
    const { requestId } = await gateway.logged({ kind: 'exchange', path });
    const method = listener === 'access' ? 'access-token' : 'origin-secret';
    const failure = { requestId, realm: 'service', method, result: 'failure', listener, reason: 'CLIENT_UNPROVEN' };
    const { subject, client } = await gateway.logged({ kind: 'authentication', ...failure });
    // Who it was is not known: nobody has vouched for the header that names the player.
    assert.deepEqual([subject, client], [undefined, '127.0.0.1']);
    assert.equal(
      upstream.requests.some(({ target }) => target === path),
      false,
    );
  });

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
