/**
 * What the gateway does with each request header field, by name. One table, so that the strictness of the whole gateway
 * can be read in one place.
 */
import { BoundedMap } from '@sallyport/kernel';
import { isClientClaim } from '../client/claims.ts';

/** What happens to a field. */
export type HeaderAction =
  /** End to end: judged and forwarded. */
  | 'keep'
  /** End to end, and two of them are refused: servers disagree about which one counts. */
  | 'keep-single'
  /** Ours to write or not meant for the next hop: read where it matters, never forwarded. */
  | 'strip'
  | 'host'
  | 'content-length'
  | 'transfer-encoding'
  | 'connection'
  | 'expect'
  | 'forbid-name'
  | 'forbid-underscore';

export interface HeaderRule {
  /** The name in lower case. */
  readonly name: string;
  readonly action: HeaderAction;
}

/** The rule for a field name as it came. Never throws; any token is a valid name. */
export function headerRule(rawName: string): HeaderRule {
  const known = cache.get(rawName);
  if (known !== undefined) return known;
  const name = rawName.toLowerCase();
  const rule = { name, action: actionOf(name) };
  if (rawName.length <= CACHED_NAME_LENGTH_MAX) cache.set(rawName, rule);
  return rule;
}

/** Names that a client sends are its choice: a flood of random ones must not grow the cache of rules. */
const HEADER_RULES_CACHED_MAX = 2_048;
/** In characters. A name may be as long as a header section, and so many of those would be 64 MB. */
const CACHED_NAME_LENGTH_MAX = 64;
const cache = new BoundedMap<string, HeaderRule>({ entriesMax: HEADER_RULES_CACHED_MAX });

/** RFC 9110 §5.3: a field that is not a list may occur once. These are the ones somebody trusts. */
const SINGLE: ReadonlySet<string> = new Set([
  'authorization',
  'content-type',
  'content-encoding',
  'content-location',
  'content-range',
  'date',
  'from',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'max-forwards',
  'origin',
  'range',
  'referer',
  'user-agent',
  'sec-websocket-key',
  'sec-websocket-version',
]);

/** RFC 9110 §7.6.1 hop-by-hop fields, and what only this gateway may say to the next hop. */
const STRIPPED: ReadonlySet<string> = new Set([
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'upgrade',
  'http2-settings',
  'alt-used',
  'via',
  'x-request-id',
  'traceparent',
  'tracestate',
  // CGI servers turn `Proxy` into HTTP_PROXY (CVE-2016-5385, "httpoxy").
  'proxy',
  // Frameworks route by these instead of by the target that was judged.
  'x-original-url',
  'x-original-uri',
  'x-rewrite-url',
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  // Next.js skips its own access checks for it (CVE-2025-29927).
  'x-middleware-subrequest',
]);

/** Names that break servers which keep headers in plain objects (CVE-2026-21710). */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

const SPECIAL: Readonly<Record<string, HeaderAction>> = Object.assign(Object.create(null), {
  host: 'host',
  'content-length': 'content-length',
  'transfer-encoding': 'transfer-encoding',
  connection: 'connection',
  expect: 'expect',
});

function actionOf(name: string): HeaderAction {
  const special = SPECIAL[name];
  if (special !== undefined) return special;
  if (FORBIDDEN.has(name)) return 'forbid-name';
  // CGI, WSGI and many frameworks map `-` and `_` to the same variable, so `X_Forwarded_For` would arrive as a claim
  // that we stripped under its other name (CVE-2025-64484 is one of many).
  if (name.includes('_') && isGuarded(name.replaceAll('_', '-'))) return 'forbid-underscore';
  if (isWrittenByUs(name)) return 'strip';
  if (SINGLE.has(name)) return 'keep-single';
  return 'keep';
}

function isGuarded(name: string): boolean {
  return SPECIAL[name] !== undefined || SINGLE.has(name) || isWrittenByUs(name);
}

function isWrittenByUs(name: string): boolean {
  return STRIPPED.has(name) || name.startsWith('sallyport-') || name.startsWith('proxy-') || isClientClaim(name);
}
