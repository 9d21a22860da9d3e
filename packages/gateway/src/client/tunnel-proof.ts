import { createHash, timingSafeEqual } from 'node:crypto';
import { type AccessVerdict, createAccessVerifier, type JwksFetch } from '@sallyport/identity';
import { type Clock, type Log, type Reason, reason, type TunnelProof } from '@sallyport/kernel';
import type { Door } from './peer.ts';
import { type RawHeaders, soleValue } from './raw-headers.ts';

/** What shows that a request came through our own tunnel. Headers that Cloudflare adds prove nothing: anybody can write them. */
export interface Proof {
  /** The header that carries it, in lower case; must not be forwarded. */
  readonly header: string | undefined;
  /** Undefined when the request is proven, otherwise CLIENT_UNPROVEN. */
  check(rawHeaders: RawHeaders): Reason | undefined | Promise<Reason | undefined>;
}

export interface ProofDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** How the keys of Cloudflare Access are fetched. Default: the platform's `fetch`, bounded. */
  readonly fetchKeys?: JwksFetch | undefined;
}

/**
 * The permissions of the socket file are the proof, so every connection has it.
 *
 * @throws RangeError on a TCP listener, which any local process could reach.
 */
export function unixSocketProof(door: Door): Proof {
  if (!door.isUnix) throw new RangeError('the proof unix-socket needs a listener that is a Unix socket');
  return { header: undefined, check: () => undefined };
}

/** A token of Cloudflare Access for our application. @throws RangeError when the keys are no key set or not behind https. */
export function accessTokenProof(proof: AccessTokenProof, deps: ProofDeps): Proof {
  const { issuer, audience, keys } = proof;
  const { clock, log } = deps;
  const verifier = createAccessVerifier({ issuer, audience, keys, clock, log, fetch: deps.fetchKeys });
  return {
    header: ACCESS_HEADER,
    check(rawHeaders) {
      const token = soleValue(rawHeaders, ACCESS_HEADER);
      if (token === undefined) return unproven(`${ACCESS_HEADER} is missing or repeated`);
      const verdict = verifier.verify(token);
      return verdict instanceof Promise ? verdict.then(judgeToken) : judgeToken(verdict);
    },
  };
}

const ACCESS_HEADER = 'cf-access-jwt-assertion';

/**
 * A secret that Cloudflare adds to every request.
 *
 * @throws RangeError when there is no secret or an empty one, which a request without the header's value would match.
 */
export function originSecretProof(proof: OriginSecretProof): Proof {
  const header = proof.header.toLowerCase();
  if (proof.secrets.length === 0 || proof.secrets.includes(''))
    throw new RangeError('an origin secret is missing or empty');
  const expected = proof.secrets.map((secret) => sha256(Buffer.from(secret, 'utf8')));
  return {
    header,
    check(rawHeaders) {
      const value = soleValue(rawHeaders, header);
      if (value === undefined) return unproven(`${header} is missing or repeated`);
      // node gives header bytes as latin1 characters; the secret was written as UTF-8.
      const actual = sha256(Buffer.from(value, 'latin1'));
      let isKnown = false;
      // All secrets, always: which of them is right, and how much of it, must not show in the time.
      for (const digest of expected) isKnown = timingSafeEqual(actual, digest) || isKnown;
      return isKnown ? undefined : unproven(`${header} does not hold the origin secret`);
    },
  };
}

export type AccessTokenProof = Extract<TunnelProof, { kind: 'access-jwt' }>;

export type OriginSecretProof = Extract<TunnelProof, { kind: 'origin-secret' }>;

function judgeToken(verdict: AccessVerdict): Reason | undefined {
  return verdict.kind === 'verified' ? undefined : unproven(`${ACCESS_HEADER}: ${verdict.fault}`);
}

function unproven(detail: string): Reason {
  return reason('CLIENT_UNPROVEN', detail);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}
