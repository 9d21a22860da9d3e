import http from 'node:http';
import { type JwksSource, ManualClock } from '@sallyport/kernel';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type AccessVerifier, createAccessVerifier, isJwks, type JwksFetch } from '../src/index.ts';
import { hmacSigned, type Json, jwksOf, makeKey, signed, type TestKey, unsigned } from './tokens.ts';

const ISSUER = 'https://team.cloudflareaccess.com';
const AUDIENCE = '32eafc7626e737119b34ab6c2a4aa4ab32eafc7626e737119b34ab6c2a4aa4ab';

const rsa = makeKey('RS256', 'rsa');
const ec = makeKey('ES256', 'ec');
const next = makeKey('RS256', 'next');
const stranger = makeKey('RS256', 'rsa');

const SILENT = { info() {}, warn() {}, error() {} };

function verifierFor(keys: JwksSource, clock: ManualClock, fetch?: JwksFetch): AccessVerifier {
  return createAccessVerifier({ issuer: ISSUER, audience: AUDIENCE, keys, clock, log: SILENT, fetch });
}

const INLINE: JwksSource = { kind: 'inline', jwks: jwksOf(rsa, ec) };

function claims(clock: ManualClock, changes: Json = {}): Json {
  const now = Math.floor(clock.wallMs() / 1_000);
  return { iss: ISSUER, aud: [AUDIENCE], iat: now, nbf: now, exp: now + 60, sub: 'user', ...changes };
}

/** A good token of exactly `length` characters. */
function tokenOf(clock: ManualClock, length: number): string {
  const shortest = signed(rsa, claims(clock, { x: '' })).length;
  const padding = Math.floor(((length - shortest) * 3) / 4);
  // Base64 turns three characters into four: one of three neighbours meets the length.
  const tokens = [-1, 0, 1].map((more) => signed(rsa, claims(clock, { x: 'x'.repeat(padding + more) })));
  const token = tokens.find((candidate) => candidate.length === length);
  if (token === undefined) throw new Error(`no token has ${length} characters`);
  return token;
}

async function outcome(verifier: AccessVerifier, token: string): Promise<string> {
  const verdict = await verifier.verify(token);
  return verdict.kind === 'verified' ? 'verified' : verdict.fault;
}

describe('a token of Cloudflare Access', () => {
  const clock = new ManualClock();
  const now = Math.floor(clock.wallMs() / 1_000);
  const good = signed(rsa, claims(clock));
  const [head = '', body = '', signature = ''] = good.split('.');
  const rows: readonly [what: string, token: string, expected: string][] = [
    ['signed with RS256', good, 'verified'],
    ['signed with ES256', signed(ec, claims(clock)), 'verified'],
    ['for one audience as text', signed(rsa, claims(clock, { aud: AUDIENCE })), 'verified'],
    ['for several audiences', signed(rsa, claims(clock, { aud: ['other', AUDIENCE] })), 'verified'],
    ['without subject (a service)', signed(rsa, claims(clock, { sub: '', common_name: 'bot' })), 'verified'],
    ['that is not a token', 'hello', 'malformed'],
    ['that is empty', '', 'malformed'],
    ['with alg none', `${unsigned({ alg: 'none', typ: 'JWT' }, claims(clock))}.`, 'malformed'],
    [
      'with alg none and a signature',
      `${unsigned({ alg: 'none', kid: 'rsa' }, claims(clock))}.${signature}`,
      'algorithm',
    ],
    ['with alg None', `${unsigned({ alg: 'None', kid: 'rsa' }, claims(clock))}.${signature}`, 'algorithm'],
    ['with HS256 and the public key as secret', hmacSigned(rsa, claims(clock)), 'algorithm'],
    ['with an algorithm outside the list', signed(rsa, claims(clock), { alg: 'RS512' }), 'algorithm'],
    ['that claims ES256 for an RSA key', signed(rsa, claims(clock), { alg: 'ES256' }), 'unknown-key'],
    ['signed by somebody else under our key id', signed(stranger, claims(clock)), 'signature'],
    [
      'with its own key inside',
      signed(stranger, claims(clock), { jwk: stranger.publicKey.export({ format: 'jwk' }) }),
      'signature',
    ],
    ['with an unknown key id', signed(next, claims(clock)), 'unknown-key'],
    [
      'with another body',
      [head, unsigned(claims(clock, { sub: 'root' }), {}).split('.')[0], signature].join('.'),
      'signature',
    ],
    ['with a changed signature', `${head}.${body}.${signature.slice(0, -6)}AAAAAA`, 'signature'],
    ['with unknown critical extensions', signed(rsa, claims(clock), { crit: ['x'], x: 1 }), 'malformed'],
    ['for another audience', signed(rsa, claims(clock, { aud: ['other'] })), 'audience'],
    ['for no audience', signed(rsa, claims(clock, { aud: undefined })), 'audience'],
    ['from another issuer', signed(rsa, claims(clock, { iss: 'https://evil.cloudflareaccess.com' })), 'issuer'],
    ['from an issuer that only begins alike', signed(rsa, claims(clock, { iss: `${ISSUER}.evil.example` })), 'issuer'],
    ['from no issuer', signed(rsa, claims(clock, { iss: undefined })), 'issuer'],
    ['without expiry', signed(rsa, claims(clock, { exp: undefined })), 'claims'],
    ['with an expiry in text', signed(rsa, claims(clock, { exp: `${now + 60}` })), 'claims'],
    ['expired within the tolerance', signed(rsa, claims(clock, { exp: now - 4 })), 'verified'],
    ['expired', signed(rsa, claims(clock, { exp: now - 5 })), 'expired'],
    ['from the near future within the tolerance', signed(rsa, claims(clock, { nbf: now + 5 })), 'verified'],
    ['from the future', signed(rsa, claims(clock, { nbf: now + 6 })), 'claims'],
    ['of 8,192 characters', tokenOf(clock, 8_192), 'verified'],
    ['of 8,193 characters', `${'a'.repeat(8_191)}.b`, 'too-long'],
  ];
  test.each(rows)('%s is judged (R2.3)', async (_, token, expected) => {
    expect(await outcome(verifierFor(INLINE, clock), token)).toBe(expected);
  });

  test('with one character changed before its signature is never verified', async () => {
    const verifier = verifierFor(INLINE, clock);
    const signedPart = good.lastIndexOf('.');
    const letter = fc.constantFrom(...'ABCXYZabcxyz0189-_.'.split(''));
    await fc.assert(
      fc.asyncProperty(fc.nat(signedPart - 1), letter, async (at, character) => {
        fc.pre(good[at] !== character);
        const changed = good.slice(0, at) + character + good.slice(at + 1);
        expect(await outcome(verifier, changed)).not.toBe('verified');
      }),
      { numRuns: 300 },
    );
    expect(await outcome(verifier, good)).toBe('verified');
  });

  test('made of anything is answered, not thrown at', async () => {
    const verifier = verifierFor(INLINE, clock);
    const part = fc.oneof(
      fc.base64String({ maxLength: 40 }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
    );
    const text = fc.oneof(
      fc.string(),
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(text, async (token) => {
        expect((await verifier.verify(token)).kind).toBe('refused');
      }),
      { numRuns: 500 },
    );
  });

  test('never stands in an answer, and neither do its claims', async () => {
    const verifier = verifierFor(INLINE, clock);
    for (const [, token] of rows) {
      const text = JSON.stringify(await verifier.verify(token));
      expect(text).toMatch(/^\{"kind":"(verified","expiresAtMs":\d+|refused","fault":"[a-z-]+")\}$/);
    }
  });
});

describe('what was verified', () => {
  test('is remembered until it expires, and not checked again', async () => {
    const clock = new ManualClock();
    const verifier = verifierFor(INLINE, clock);
    const token = signed(rsa, claims(clock));
    expect(verifier.verify(token)).toBeInstanceOf(Promise);
    await verifier.verify(token);
    const { verifications } = verifier.counts;
    clock.advance(59_999);
    expect(verifier.verify(token)).toEqual({ kind: 'verified', expiresAtMs: 1_700_000_060_000 });
    expect(verifier.counts).toMatchObject({ verifications, remembered: 1 });
    clock.advance(1);
    expect(await outcome(verifier, token)).toBe('verified');
    expect(verifier.counts).toMatchObject({ verifications: verifications + 1, remembered: 1 });
    clock.advance(5_000);
    expect(await outcome(verifier, token)).toBe('expired');
  });

  test('is remembered for the whole token: another signature over the same claims is another token', async () => {
    const clock = new ManualClock();
    const verifier = verifierFor(INLINE, clock);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('verified');
    expect(await outcome(verifier, signed(stranger, claims(clock)))).toBe('signature');
  });

  test('does not include refusals', async () => {
    const clock = new ManualClock();
    const verifier = verifierFor(INLINE, clock);
    const token = signed(stranger, claims(clock));
    await verifier.verify(token);
    await verifier.verify(token);
    expect(verifier.counts).toMatchObject({ verifications: 2, remembered: 0 });
  });
});

/** A key server in memory whose answer can be changed; null: it is down. */
class KeyServer {
  answer: string | null;
  fetches = 0;
  readonly fetch: JwksFetch = async () => {
    this.fetches += 1;
    if (this.answer === null) throw new Error('connection refused');
    return this.answer;
  };

  constructor(...keys: readonly TestKey[]) {
    this.answer = jwksOf(...keys);
  }
}

describe('keys behind a URL', () => {
  const source: JwksSource = { kind: 'url', url: `${ISSUER}/cdn-cgi/access/certs` };

  test('are fetched once for many tokens at the same time', async () => {
    const clock = new ManualClock();
    const server = new KeyServer(rsa, ec);
    const verifier = verifierFor(source, clock, server.fetch);
    const tokens = [signed(rsa, claims(clock)), signed(ec, claims(clock)), signed(rsa, claims(clock, { sub: 'b' }))];
    expect(await Promise.all(tokens.map((token) => outcome(verifier, token)))).toEqual([
      'verified',
      'verified',
      'verified',
    ]);
    expect(server.fetches).toBe(1);
  });

  test('are fetched again for an unknown key id, and then not before the cooldown is over', async () => {
    const clock = new ManualClock();
    const server = new KeyServer(rsa);
    const verifier = verifierFor(source, clock, server.fetch);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('verified');
    server.answer = jwksOf(rsa, next);
    expect(await outcome(verifier, signed(next, claims(clock)))).toBe('unknown-key');
    expect(server.fetches).toBe(1);
    clock.advance(30_000);
    expect(await outcome(verifier, signed(next, claims(clock)))).toBe('verified');
    expect(server.fetches).toBe(2);
    for (let index = 0; index < 100; index += 1) {
      expect(await outcome(verifier, signed(next, claims(clock), { kid: `invented-${index}` }))).toBe('unknown-key');
    }
    expect(server.fetches).toBe(2);
  });

  test('take what they have verified with them when they are withdrawn', async () => {
    const clock = new ManualClock();
    const server = new KeyServer(rsa);
    const verifier = verifierFor(source, clock, server.fetch);
    const token = signed(rsa, claims(clock, { exp: Math.floor(clock.wallMs() / 1_000) + 86_400 }));
    expect(await outcome(verifier, token)).toBe('verified');
    server.answer = jwksOf(next);
    clock.advance(600_001);
    // This request starts the refresh and is still answered from memory.
    expect(await outcome(verifier, token)).toBe('verified');
    await outcome(verifier, signed(next, claims(clock)));
    expect(await outcome(verifier, token)).toBe('unknown-key');
    expect(verifier.counts).toMatchObject({ keyFetches: 2, keyFetchesFailed: 0 });
  });

  test('stay in use for a day while the key server is down', async () => {
    const clock = new ManualClock();
    const server = new KeyServer(rsa);
    const verifier = verifierFor(source, clock, server.fetch);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('verified');
    server.answer = null;
    clock.advance(86_400_000);
    const token = signed(rsa, claims(clock));
    expect(await outcome(verifier, token)).toBe('verified');
    clock.advance(1);
    // What was remembered goes with them.
    expect(await outcome(verifier, token)).toBe('keys-unavailable');
  });

  test('that never came refuse everybody, and are asked for again after five seconds', async () => {
    const clock = new ManualClock();
    const server = new KeyServer(rsa);
    server.answer = null;
    const verifier = verifierFor(source, clock, server.fetch);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('keys-unavailable');
    server.answer = jwksOf(rsa);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('keys-unavailable');
    clock.advance(5_000);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe('verified');
    expect(verifier.counts).toMatchObject({ keyFetches: 2, keyFetchesFailed: 1 });
  });

  test.each(['<html>', '{}', '{"keys":[]}', '{"keys":[1]}', '{"keys":{"kty":"RSA"}}', 'null'])(
    'that are %s are no keys',
    async (answer) => {
      const clock = new ManualClock();
      const server = new KeyServer();
      server.answer = answer;
      expect(await outcome(verifierFor(source, clock, server.fetch), signed(rsa, claims(clock)))).toBe(
        'keys-unavailable',
      );
    },
  );

  test.each([
    'http://team.cloudflareaccess.com/certs',
    'ftp://127.0.0.1/',
    'certs',
    'http://127.0.0.1.evil.example/',
    'http://localhost/',
  ])('are refused at start when they are at %s', (url) => {
    expect(() => verifierFor({ kind: 'url', url }, new ManualClock())).toThrow(RangeError);
  });

  test('given inline are refused at start when they are none', () => {
    expect(() => verifierFor({ kind: 'inline', jwks: '{"keys":[]}' }, new ManualClock())).toThrow(/JSON Web Key Set/);
    expect(isJwks('{"keys":[]}')).toBe(false);
    expect(isJwks(JSON.stringify({ keys: Array.from({ length: 65 }, () => ({ kty: 'RSA' })) }))).toBe(false);
    expect(isJwks(jwksOf(rsa))).toBe(true);
  });
});

describe('keys from a real server on loopback', () => {
  const closers: (() => void)[] = [];
  afterEach(() => {
    for (const close of closers.splice(0)) close();
  });

  async function serve(answer: http.RequestListener): Promise<string> {
    const server = http.createServer(answer);
    closers.push(() => {
      server.closeAllConnections();
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not a TCP server');
    return `http://127.0.0.1:${address.port}/certs`;
  }

  const answers: readonly [what: string, answer: http.RequestListener, expected: string][] = [
    ['its keys', (_, response) => response.end(jwksOf(rsa)), 'verified'],
    ['an error', (_, response) => response.writeHead(500).end(jwksOf(rsa)), 'keys-unavailable'],
    ['a redirect', (_, response) => response.writeHead(302, { location: '/elsewhere' }).end(), 'keys-unavailable'],
    ['nothing', (request) => request.socket.destroy(), 'keys-unavailable'],
    ['65,536 bytes', (_, response) => response.end(jwksOf(rsa).padEnd(65_536)), 'verified'],
    ['65,537 bytes', (_, response) => response.end(jwksOf(rsa).padEnd(65_537)), 'keys-unavailable'],
  ];
  test.each(answers)('that answers with %s', async (_, answer, expected) => {
    const clock = new ManualClock();
    const verifier = verifierFor({ kind: 'url', url: await serve(answer) }, clock);
    expect(await outcome(verifier, signed(rsa, claims(clock)))).toBe(expected);
    expect(verifier.counts.keyFetches).toBe(1);
  });
});
