import { IpAddress, type Reason, reason } from '@sallyport/kernel';
import { fieldValues, type RawHeaders } from './raw-headers.ts';
import type { TrustedNetworks } from './trusted-networks.ts';

/**
 * The client according to X-Forwarded-For, read from right to left: every proxy appends the address it was called from, so
 * only the right end is known to be written by somebody we trust. The first hop outside `trusted` is the client; what
 * stands left of it, it may have written itself. When all hops are trusted the leftmost is the client.
 *
 * Several header lines are one chain, in order (RFC 9110 §5.3). A hop is an address, with or without a port (`192.0.2.1:567`,
 * `[2001:db8::1]:567`). Undefined when there is no chain. Refused with CLIENT_ADDRESS_INVALID when a hop whose word would
 * count is no address (`unknown` included), or when there are more than {@link HOPS_MAX} trusted ones: guessing would let
 * somebody be counted as somebody else.
 */
export function clientFromChain(rawHeaders: RawHeaders, trusted: TrustedNetworks): IpAddress | Reason | undefined {
  let client: IpAddress | undefined;
  let hops = 0;
  for (const text of hopsFromRight(fieldValues(rawHeaders, 'x-forwarded-for'))) {
    hops += 1;
    if (hops > HOPS_MAX) return reason('CLIENT_ADDRESS_INVALID', `x-forwarded-for: more than ${HOPS_MAX} trusted hops`);
    client = parseHop(text);
    if (client === undefined) return reason('CLIENT_ADDRESS_INVALID', `x-forwarded-for: hop ${hops} from the right`);
    if (!trusted.has(client)) return client;
  }
  return client;
}

/**
 * The scheme the client used, as the nearest proxy tells it: the last value of X-Forwarded-Proto, the only one whose author
 * is known. `own` when there is none or it is neither `http` nor `https`. To be asked only when the peer is trusted.
 */
export function schemeFromProxy(rawHeaders: RawHeaders, own: 'http' | 'https'): 'http' | 'https' {
  const line = fieldValues(rawHeaders, 'x-forwarded-proto').at(-1);
  if (line === undefined) return own;
  const last = trimBlanks(line.slice(line.lastIndexOf(',') + 1)).toLowerCase();
  return last === 'http' || last === 'https' ? last : own;
}

/** Most trusted hops walked. Real chains have one to four; a loop between proxies must not cost more with every turn. */
const HOPS_MAX = 16;

/** Lazy, because the first hop ends the walk nearly always and what stands left of it is the client's to bloat. */
function* hopsFromRight(lines: readonly string[]): Generator<string> {
  for (const line of lines.toReversed()) {
    let end = line.length;
    for (let comma = 0; comma !== -1; end = comma) {
      // lastIndexOf takes a negative position for 0 and would find a leading comma again and again.
      comma = end === 0 ? -1 : line.lastIndexOf(',', end - 1);
      yield line.slice(comma + 1, end);
    }
  }
}

function parseHop(raw: string): IpAddress | undefined {
  const text = trimBlanks(raw);
  if (text.startsWith('[')) {
    const close = text.indexOf(']');
    const inside = text.slice(1, Math.max(close, 1));
    const port = text.slice(close + 1);
    if (close === -1 || !inside.includes(':') || (port !== '' && !isColonPort(port))) return undefined;
    return IpAddress.parse(inside);
  }
  const colon = text.indexOf(':');
  if (colon === -1 || colon !== text.lastIndexOf(':')) return IpAddress.parse(text);
  return isColonPort(text.slice(colon)) ? IpAddress.parse(text.slice(0, colon)) : undefined;
}

function isColonPort(text: string): boolean {
  return /^:[0-9]{1,5}$/.test(text) && Number(text.slice(1)) <= 65_535;
}

/** Space and tab only (RFC 9110 §5.6.3): `trim()` also takes characters that no proxy writes. */
function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
