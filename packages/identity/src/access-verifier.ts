import { hash } from 'node:crypto';
import { BoundedMap, type Clock, type JwksSource, type Log } from '@sallyport/kernel';
import { errors, jwtVerify } from 'jose';
import { fetchJwks, type JwksFetch } from './fetch-jwks.ts';
import { createKeySource, type KeySource, KeysUnavailable } from './key-source.ts';

/**
 * Makes a verifier for the tokens that Cloudflare Access signs into every request (`Cf-Access-Jwt-Assertion`).
 *
 * A token counts when it is signed by one of the issuer's keys with RS256 or ES256, names `issuer` and `audience`, has an
 * expiry, and is neither expired nor from the future. What was verified is remembered by the token's SHA-256 until it expires
 * or the keys change; the token itself is never kept, logged or put into an answer.
 *
 * @throws RangeError for an inline key set that is none and for a key URL that is not https (or http on loopback).
 */
export function createAccessVerifier(options: AccessVerifierOptions): AccessVerifier {
  return new Verifier(options);
}

export interface AccessVerifierOptions {
  /** `https://TEAM.cloudflareaccess.com`; compared to the character. */
  readonly issuer: string;
  /** The application's audience tag. */
  readonly audience: string;
  readonly keys: JwksSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Default: {@link fetchJwks}. */
  readonly fetch?: JwksFetch | undefined;
}

export interface AccessVerifier {
  readonly counts: AccessVerifierCounts;
  /** Never throws or rejects. Answers at once for a token it remembers and for one that cannot be a token. */
  verify(token: string): AccessVerdict | Promise<AccessVerdict>;
}

/** Totals since the start. */
export interface AccessVerifierCounts {
  /** Signatures that were checked or looked up in vain. */
  readonly verifications: number;
  readonly remembered: number;
  readonly keyFetches: number;
  readonly keyFetchesFailed: number;
}

export type AccessVerdict =
  /** `expiresAtMs`: milliseconds since 1970. */
  | { readonly kind: 'verified'; readonly expiresAtMs: number }
  | { readonly kind: 'refused'; readonly fault: AccessFault };

/** What is wrong with a token; safe to show to operators. */
export type AccessFault =
  | 'too-long'
  | 'malformed'
  | 'algorithm'
  | 'unknown-key'
  | 'signature'
  | 'issuer'
  | 'audience'
  | 'expired'
  | 'claims'
  | 'keys-unavailable';

/** Longest token looked at, in characters. Access stays under two thousand; hashing more is work for an attacker's benefit. */
const TOKEN_CHARACTERS_MAX = 8_192;

/** Most tokens remembered. One for each signed-in user; beyond it the oldest is simply verified again. */
const REMEMBERED_MAX = 10_000;

/** Difference between the issuer's clock and ours that is forgiven, in seconds: tokens come into use the moment they are made. */
const CLOCK_TOLERANCE_S = 5;

/** Never `none`, and nothing symmetric: a public key must not become a shared secret. */
const ALGORITHMS: ['RS256', 'ES256'] = ['RS256', 'ES256'];

class Verifier implements AccessVerifier {
  readonly #options: AccessVerifierOptions;
  readonly #keys: KeySource;
  readonly #remembered = new BoundedMap<string, Remembered>({ entriesMax: REMEMBERED_MAX });
  #verifications = 0;
  #hits = 0;

  constructor(options: AccessVerifierOptions) {
    this.#options = options;
    const { keys, clock, log } = options;
    this.#keys = createKeySource({ source: keys, clock, log, fetch: options.fetch ?? fetchJwks });
  }

  get counts(): AccessVerifierCounts {
    return {
      verifications: this.#verifications,
      remembered: this.#hits,
      keyFetches: this.#keys.fetches,
      keyFetchesFailed: this.#keys.fetchesFailed,
    };
  }

  verify(token: string): AccessVerdict | Promise<AccessVerdict> {
    if (token.length > TOKEN_CHARACTERS_MAX) return refused('too-long');
    // Three base64url parts with content: an unsigned token (empty third part) ends here already.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return refused('malformed');
    this.#keys.refreshIfOld();
    const digest = hash('sha256', token, 'base64url');
    const known = this.#remembered.touch(digest);
    if (known === undefined) return this.#verifyAnew(token, digest);
    const isValid = this.#keys.isCurrent(known.generation) && known.expiresAtMs > this.#options.clock.wallMs();
    if (!isValid) {
      this.#remembered.delete(digest);
      return this.#verifyAnew(token, digest);
    }
    this.#hits += 1;
    return known.verdict;
  }

  async #verifyAnew(token: string, digest: string): Promise<AccessVerdict> {
    this.#verifications += 1;
    const { issuer, audience, clock } = this.#options;
    try {
      // The generation is read when the key has been found: a refresh meanwhile must not bless an answer of the old set.
      let generation = this.#keys.generation;
      const { payload } = await jwtVerify(
        token,
        async (header) => {
          const key = await this.#keys.find(header);
          generation = this.#keys.generation;
          return key;
        },
        {
          issuer,
          audience,
          algorithms: ALGORITHMS,
          requiredClaims: ['exp'],
          clockTolerance: CLOCK_TOLERANCE_S,
          currentDate: new Date(clock.wallMs()),
        },
      );
      if (payload.exp === undefined) return refused('claims');
      const verdict: AccessVerdict = { kind: 'verified', expiresAtMs: payload.exp * 1_000 };
      if (verdict.expiresAtMs > clock.wallMs()) {
        this.#remembered.set(digest, { verdict, expiresAtMs: verdict.expiresAtMs, generation });
      }
      return verdict;
    } catch (cause) {
      return refused(faultOf(cause));
    }
  }
}

interface Remembered {
  readonly verdict: AccessVerdict;
  readonly expiresAtMs: number;
  readonly generation: number;
}

function refused(fault: AccessFault): AccessVerdict {
  return { kind: 'refused', fault };
}

/** The messages of jose are not passed on: some of them quote what they refuse. */
function faultOf(cause: unknown): AccessFault {
  if (cause instanceof KeysUnavailable) return 'keys-unavailable';
  if (cause instanceof errors.JWTExpired) return 'expired';
  if (cause instanceof errors.JWTClaimValidationFailed) {
    if (cause.claim === 'iss') return 'issuer';
    return cause.claim === 'aud' ? 'audience' : 'claims';
  }
  if (cause instanceof errors.JOSEAlgNotAllowed) return 'algorithm';
  if (cause instanceof errors.JWSSignatureVerificationFailed) return 'signature';
  if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys)
    return 'unknown-key';
  return 'malformed';
}
