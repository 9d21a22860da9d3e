import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Tokens and key sets made with node:crypto alone, so that what is tested is not also what wrote the input. */
export interface TestKey {
  readonly kid: string;
  readonly alg: 'RS256' | 'ES256';
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function makeKey(alg: TestKey['alg'], kid: string): TestKey {
  const pair =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { kid, alg, ...pair };
}

/** The public halves as a JSON Web Key Set. */
export function jwksOf(...keys: readonly TestKey[]): string {
  const entries = keys.map(({ kid, alg, publicKey }) => ({
    ...publicKey.export({ format: 'jwk' }),
    kid,
    alg,
    use: 'sig',
  }));
  return JSON.stringify({ keys: entries });
}

export type Json = Readonly<Record<string, unknown>>;

/** Signs `claims` with `key`; `header` adds to or replaces what the key says. */
export function signed(key: TestKey, claims: Json, header: Json = {}): string {
  const input = unsigned({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header }, claims);
  const options = { key: key.privateKey, dsaEncoding: 'ieee-p1363' } as const;
  return `${input}.${sign('sha256', Buffer.from(input), options).toString('base64url')}`;
}

/** The attack on verifiers that take the algorithm from the token: the public key as the secret of an HMAC. */
export function hmacSigned(key: TestKey, claims: Json): string {
  const input = unsigned({ alg: 'HS256', kid: key.kid, typ: 'JWT' }, claims);
  const secret = key.publicKey.export({ format: 'pem', type: 'spki' });
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/** Header and claims without a signature part. */
export function unsigned(header: Json, claims: Json): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}
