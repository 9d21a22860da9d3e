import { BoundedMap, IpAddress } from '@sallyport/kernel';

/** A Host header, taken apart. */
export interface Authority {
  /** Lower case, no trailing dot, no port; IPv6 in brackets. */
  readonly host: string;
  /** `host` with the port if there was one. */
  readonly text: string;
}

/** Parses `uri-host [ ":" port ]` (RFC 9110 §7.2); undefined when it is not that. Empty hosts, user names and zone ids are refused. */
export function parseAuthority(raw: string): Authority | undefined {
  const known = cache.get(raw);
  if (known !== undefined) return known;
  const parsed = parse(raw);
  if (parsed !== undefined) cache.set(raw, parsed);
  return parsed;
}

/** The client chooses what it sends as Host: keep only so many. */
const AUTHORITIES_CACHED_MAX = 1_024;
/** RFC 1035 §2.3.4: 255 octets for a name; 6 more for a port. */
const AUTHORITY_LENGTH_MAX = 261;
const cache = new BoundedMap<string, Authority>({ entriesMax: AUTHORITIES_CACHED_MAX });

function parse(raw: string): Authority | undefined {
  if (raw.length === 0 || raw.length > AUTHORITY_LENGTH_MAX) return undefined;
  const isLiteral = raw.startsWith('[');
  const hostEnd = isLiteral ? raw.indexOf(']') + 1 : raw.includes(':') ? raw.indexOf(':') : raw.length;
  const port = parsePort(raw.slice(hostEnd));
  if (hostEnd === 0 || port === undefined) return undefined;
  const host = isLiteral ? literal(raw.slice(1, hostEnd - 1)) : regName(raw.slice(0, hostEnd));
  return host === undefined ? undefined : { host, text: host + port };
}

/** '' without a port, `:8080` with one, undefined for anything else. */
function parsePort(text: string): string | undefined {
  if (text === '') return '';
  if (!/^:[0-9]{1,5}$/.test(text)) return undefined;
  const port = Number(text.slice(1));
  return port > 0 && port <= 65_535 ? `:${port}` : undefined;
}

function literal(text: string): string | undefined {
  const address = IpAddress.parse(text);
  if (address === undefined || !text.includes(':')) return undefined;
  return address.version === 6 ? `[${address.text}]` : address.text;
}

/** Letters, digits, hyphen, underscore and dots: what host names are made of in practice; IDNs arrive as A-labels. */
function regName(text: string): string | undefined {
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  return /^[a-zA-Z0-9_-]{1,63}(\.[a-zA-Z0-9_-]{1,63})*$/.test(name) ? name.toLowerCase() : undefined;
}
