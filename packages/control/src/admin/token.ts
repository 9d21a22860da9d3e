import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** What a token opens. The prefix lets people and scanners of secrets tell what they found. */
export type TokenKind = 'link' | 'session';

/** What is kept of a token: enough to know it again, not enough to make it. */
export interface KeptToken {
  /** Finds the record; no secret. */
  readonly id: string;
  /** SHA-256 of the secret. */
  readonly hash: Buffer;
}

/** A token as it is handed out once. */
export interface NewToken extends KeptToken {
  readonly text: string;
}

/** A new token: 64 random bits to find it by, 256 random bits to prove it. */
export function newToken(kind: TokenKind): NewToken {
  const id = randomBytes(ID_BYTES).toString('hex');
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  return { id, hash: hashOf(secret), text: `${PREFIXES[kind]}_${id}_${secret}` };
}

/** A token somebody presents. Undefined for what cannot be one. */
export function readToken(kind: TokenKind, text: string): { readonly id: string; readonly secret: string } | undefined {
  const match = TOKENS[kind].exec(text);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { id: match[1], secret: match[2] };
}

/**
 * Compares in constant time. The text is hashed and not its bytes, so that a base64 text with other spare bits is another
 * secret.
 */
export function isSecretOf(kept: KeptToken, secret: string): boolean {
  return timingSafeEqual(kept.hash, hashOf(secret));
}

const ID_BYTES = 8;
const SECRET_BYTES = 32;

const PREFIXES: Readonly<Record<TokenKind, string>> = { link: 'splink', session: 'spsession' };

const TOKENS: Readonly<Record<TokenKind, RegExp>> = {
  link: /^splink_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/,
  session: /^spsession_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/,
};

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
