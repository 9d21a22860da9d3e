import { generateKeyPairSync, sign } from 'node:crypto';
import { ManualClock, type Reason } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { peerAddressOf } from '../../src/client/peer.ts';
import type { RawHeaders } from '../../src/client/raw-headers.ts';
import { compileClientPolicy } from '../../src/client/resolve.ts';
import type { RequestAnswer } from '../../src/client/resolver.ts';
import { accessTokenProof, originSecretProof, type Proof } from '../../src/client/tunnel-proof.ts';

const SILENT = { info() {}, warn() {}, error() {} };
const ISSUER = 'https://team.cloudflareaccess.com';
const AUDIENCE = 'a'.repeat(64);

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const jwks = JSON.stringify({
  keys: [{ ...keys.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' }],
});

/** A token as Cloudflare Access makes it, signed by `key`. */
function token(clock: ManualClock, audience = AUDIENCE, key = keys.privateKey): string {
  const now = Math.floor(clock.wallMs() / 1_000);
  const claims = { iss: ISSUER, aud: [audience], iat: now, nbf: now, exp: now + 60, sub: '' };
  const parts = [{ alg: 'RS256', kid: 'one', typ: 'JWT' }, claims];
  const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
}

async function check(proof: Proof, rawHeaders: RawHeaders): Promise<string> {
  const fault: Reason | undefined = await proof.check(rawHeaders);
  return fault === undefined ? 'proven' : `${fault.code}: ${fault.detail ?? ''}`;
}

describe('an origin secret (R2.3)', () => {
  const proof = originSecretProof({ kind: 'origin-secret', header: 'X-Origin-Secret', secrets: ['old-sécret', 'new'] });
  const utf8 = Buffer.from('old-sécret', 'utf8').toString('latin1');
  const missing = 'CLIENT_UNPROVEN: x-origin-secret is missing or repeated';
  const wrong = 'CLIENT_UNPROVEN: x-origin-secret does not hold the origin secret';
  const rows: readonly [what: string, rawHeaders: RawHeaders, expected: string][] = [
    ['the first of two secrets, in UTF-8', ['X-Origin-Secret', utf8], 'proven'],
    ['the second of two secrets', ['x-origin-secret', 'new'], 'proven'],
    ['nothing', [], missing],
    ['the secret twice', ['x-origin-secret', 'new', 'X-Origin-Secret', 'new'], missing],
    ['the secret and a guess', ['x-origin-secret', 'guess', 'x-origin-secret', 'new'], missing],
    ['the secret under another name', ['x_origin_secret', 'new'], missing],
    ['an empty value', ['x-origin-secret', ''], wrong],
    ['a prefix', ['x-origin-secret', 'ne'], wrong],
    ['the secret with more behind it', ['x-origin-secret', 'newer'], wrong],
    ['both secrets joined', ['x-origin-secret', `${utf8}, new`], wrong],
  ];
  test.each(rows)('judges %s', async (_, rawHeaders, expected) => {
    expect(await check(proof, rawHeaders)).toBe(expected);
  });
});

describe('a token of Cloudflare Access (R2.3)', () => {
  const clock = new ManualClock();
  const proof = accessTokenProof(
    { kind: 'access-jwt', issuer: ISSUER, audience: AUDIENCE, keys: { kind: 'inline', jwks } },
    { clock, log: SILENT },
  );
  const header = 'Cf-Access-Jwt-Assertion';
  const missing = 'CLIENT_UNPROVEN: cf-access-jwt-assertion is missing or repeated';
  const rows: readonly [what: string, rawHeaders: RawHeaders, expected: string][] = [
    ['a good token', [header, token(clock)], 'proven'],
    ['nothing', [], missing],
    ['two good tokens', [header, token(clock), header, token(clock)], missing],
    ['a token in the cookie only', ['Cookie', `CF_Authorization=${token(clock)}`], missing],
    [
      'a token for another application',
      [header, token(clock, 'b')],
      'CLIENT_UNPROVEN: cf-access-jwt-assertion: audience',
    ],
    [
      'a token somebody else signed',
      [header, token(clock, AUDIENCE, stranger.privateKey)],
      'CLIENT_UNPROVEN: cf-access-jwt-assertion: signature',
    ],
    ['no token at all', [header, 'yes'], 'CLIENT_UNPROVEN: cf-access-jwt-assertion: malformed'],
  ];
  test.each(rows)('judges %s', async (_, rawHeaders, expected) => {
    expect(await check(proof, rawHeaders)).toBe(expected);
  });

  test('is followed by the address, which is answered at once when the token is known', async () => {
    const resolver = compileClientPolicy(
      {
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        tls: undefined,
        client: {
          kind: 'cloudflare-tunnel',
          proof: { kind: 'access-jwt', issuer: ISSUER, audience: AUDIENCE, keys: { kind: 'inline', jwks } },
        },
      },
      { clock, log: SILENT },
    );
    const peerAddress = peerAddressOf('127.0.0.1');
    const connection = resolver.atConnection({ peerAddress, isTlsClientAuthorized: false });
    if ('refusal' in connection) throw new Error(connection.refusal.code);
    const known = token(clock);
    const ask = (address: string): RequestAnswer | Promise<RequestAnswer> =>
      resolver.atRequest(connection.client, [header, known, 'CF-Connecting-IP', address, 'X-Forwarded-Proto', 'https']);
    const first = ask('192.0.2.1');
    expect(first).toBeInstanceOf(Promise);
    expect(nameOf(await first)).toBe('192.0.2.1 https');
    expect(ask('nobody')).toMatchObject({ code: 'CLIENT_ADDRESS_INVALID' });
    const later = ask('2001:db8::1');
    expect(later instanceof Promise ? 'promise' : nameOf(later)).toBe('2001:db8::1 https');
    clock.advance(60_001);
    expect(ask('192.0.2.1')).toBeInstanceOf(Promise);
  });
});

function nameOf(answer: RequestAnswer): string {
  return 'code' in answer ? answer.code : `${answer.client.address.text} ${answer.scheme}`;
}
