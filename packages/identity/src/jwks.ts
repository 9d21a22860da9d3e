import { createLocalJWKSet, type JSONWebKeySet, type LocalJWKSet } from 'jose';

/** True when `text` is a JSON Web Key Set (RFC 7517 §5) with at least one key. For the parser of the configuration. */
export function isJwks(text: string): boolean {
  return parseJwks(text) !== undefined;
}

/** Undefined when `text` is no key set, holds no key, or more than {@link JWKS_KEYS_MAX}. */
export function parseJwks(text: string): LocalJWKSet | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The caller names the source of the text; what a parser found wrong in it adds nothing and might quote it.
    return undefined;
  }
  return isKeySet(value) ? createLocalJWKSet(value) : undefined;
}

/** Most keys in a set. Every verification walks them; issuers publish two to four. */
const JWKS_KEYS_MAX = 64;

function isKeySet(value: unknown): value is JSONWebKeySet {
  if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return false;
  const keys: readonly unknown[] = value.keys;
  return keys.length > 0 && keys.length <= JWKS_KEYS_MAX && keys.every(isKey);
}

function isKey(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'kty' in value && typeof value.kty === 'string';
}
