import type { Client } from '@sallyport/kernel';

/**
 * Header names that claim who the client is, as proxies, CDNs and platforms write them and as applications believe them. Of
 * what a client sent none is ever passed on; {@link clientClaimsFor} writes ours anew. A name that ends in `*` is a prefix.
 */
export const CLIENT_CLAIM_HEADERS: readonly string[] = [
  'ali-cdn-real-ip',
  'cdn-src-ip',
  'cf-*',
  'client-ip',
  'clientip',
  'cloudfront-viewer-*',
  'do-connecting-ip',
  'fastly-client-*',
  'fastly-ssl',
  'fly-client-ip',
  'fly-forwarded-*',
  'forwarded',
  'forwarded-*',
  'front-end-https',
  'gcp-client-ip',
  'http-client-ip',
  'http-x-forwarded-*',
  'incap-client-ip',
  'proxy-client-ip',
  'remote-addr',
  'remote-email',
  'remote-groups',
  'remote-name',
  'remote-user',
  'true-client-ip',
  'wl-proxy-client-*',
  'wl-proxy-ssl',
  'x-amzn-oidc-*',
  'x-appengine-user-ip',
  'x-arr-clientcert',
  'x-arr-ssl',
  'x-auth-request-*',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-clientip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-forwarded',
  'x-forwarded-*',
  'x-goog-authenticated-user-*',
  'x-goog-iap-*',
  'x-host',
  'x-http-client-ip',
  'x-ms-client-principal*',
  'x-nf-client-connection-ip',
  'x-original-for',
  'x-original-forwarded-*',
  'x-original-host',
  'x-original-proto',
  'x-original-remote-*',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-real-port',
  'x-remote-addr',
  'x-remote-group',
  'x-remote-ip',
  'x-remote-user',
  'x-scheme',
  'x-source-ip',
  'x-sucuri-clientip',
  'x-true-client-ip',
  'x-true-ip',
  'x-url-scheme',
  'x-vercel-forwarded-for',
  'x-vercel-proxied-for',
  'x-webauth-user',
];

/**
 * True for a header that claims who the client is. `lowerName` is in lower case. An underscore counts as a hyphen: CGI and
 * WSGI read `X_Forwarded_For` and `X-Forwarded-For` as the same variable.
 */
export function isClientClaim(lowerName: string): boolean {
  // Asked for every header of every request: most begin like none of the claims.
  if (!INITIALS.has(lowerName.charCodeAt(0))) return false;
  const name = lowerName.includes('_') ? lowerName.replaceAll('_', '-') : lowerName;
  if (NAMES.has(name)) return true;
  for (const prefix of PREFIXES) if (name.startsWith(prefix)) return true;
  return false;
}

/**
 * What we tell the upstream about the client: flat fields (name, value, ...) to be written in place of all claims that came.
 * `authority` is the checked Host of the request, '' when it had none.
 */
export function clientClaimsFor(client: Client, scheme: 'http' | 'https', authority: string): string[] {
  const ip = client.address.text;
  // RFC 7239 §6: IPv6 in brackets, and therefore in quotes.
  const node = client.address.version === 4 ? ip : `"[${ip}]"`;
  const fields = ['x-forwarded-for', ip, 'x-forwarded-proto', scheme, 'x-real-ip', ip];
  if (authority === '') return [...fields, 'forwarded', `for=${node};proto=${scheme}`];
  const host = authority.replaceAll(/["\\]/g, '\\$&');
  return [...fields, 'x-forwarded-host', authority, 'forwarded', `for=${node};host="${host}";proto=${scheme}`];
}

const NAMES: ReadonlySet<string> = new Set(CLIENT_CLAIM_HEADERS.filter((name) => !name.endsWith('*')));

const PREFIXES: readonly string[] = CLIENT_CLAIM_HEADERS.filter((name) => name.endsWith('*')).map((name) =>
  name.slice(0, -1),
);

const INITIALS: ReadonlySet<number> = new Set(CLIENT_CLAIM_HEADERS.map((name) => name.charCodeAt(0)));
