import type { Framing, HeaderList, RequestExchange, RouteConfig } from '@sallyport/kernel';
import { clientClaimsFor } from '../client/claims.ts';
import type { ResponseHead, UpstreamRequest } from '../upstream/port.ts';
import type { Forward } from './judge.ts';

/** What a server behind us is asked for. `proofHeader`: see {@link upstreamFields}. */
export function upstreamRequest(
  { exchange, route, traceparent }: Forward,
  { framing, proofHeader }: { readonly framing: Framing; readonly proofHeader: string | undefined },
): UpstreamRequest {
  const { method, path, query } = exchange.request;
  return {
    method,
    target: path + query,
    authority: upstreamAuthority(exchange, route),
    headers: upstreamFields(exchange, traceparent, proofHeader),
    framing,
    hashKey: exchange.client.network,
    isUpgrade: false,
  };
}

/**
 * The header fields an upstream gets: those that were judged, what the gateway says about the client (written anew, never
 * passed on), the request id and the trace. Flat: name, value. `proofHeader` is the listener's secret and goes nowhere.
 */
export function upstreamFields(
  exchange: RequestExchange,
  traceparent: string,
  proofHeader: string | undefined,
): string[] {
  const { headers, authority, httpVersion } = exchange.request;
  const isInspected = exchange.inspection?.isResponseInspected === true;
  const fields = clientClaimsFor(exchange.client, exchange.listener.scheme, authority);
  fields.push(
    'x-request-id',
    exchange.id,
    'traceparent',
    traceparent,
    'via',
    httpVersion === '2' ? '2 sallyport' : '1.1 sallyport',
  );
  if (isInspected) fields.push('accept-encoding', 'identity');
  for (let index = 0; index < headers.length; index += 1) {
    const name = headers.nameAt(index);
    if (name === proofHeader || isHandshakeField(name)) continue;
    // Its answer has to be readable for rules, and without a wish any encoding is as good as another (RFC 9110 §12.5.3).
    if (isInspected && name === 'accept-encoding') continue;
    fields.push(name, headers.valueAt(index));
  }
  return fields;
}

/** Where the upstream is told which host was asked for. */
export function upstreamAuthority(exchange: RequestExchange, route: RouteConfig): string | undefined {
  return route.hostHeader === 'preserve' && exchange.request.authority !== '' ? exchange.request.authority : undefined;
}

/** The response header fields a client gets: end-to-end ones, and the request id. Flat: name, value. */
export function clientFields(head: ResponseHead, requestId: string): string[] {
  const fields = ['x-request-id', requestId];
  const nominated = nominatedFields(head.headers);
  // RFC 9110 §8.6 forbids a length here: a client that believes it takes the next response for this one's body.
  const isWithoutLength = head.status === 101 || head.status === 204;
  for (let index = 0; index < head.headers.length; index += 1) {
    const name = head.headers.nameAt(index);
    if (isWithoutLength && name === 'content-length') continue;
    if (NOT_FOR_CLIENTS.has(name) || nominated?.includes(name) || name.startsWith('sallyport-')) continue;
    fields.push(name, head.headers.valueAt(index));
  }
  return fields;
}

/** The WebSocket handshake is made anew on each side. */
function isHandshakeField(name: string): boolean {
  return name.startsWith('sec-websocket-');
}

/** RFC 9110 §7.6.1: an upstream may name further hop-by-hop fields of its response. */
function nominatedFields(headers: HeaderList): readonly string[] | undefined {
  const value = headers.get('connection');
  if (value === undefined || value === 'keep-alive' || value === 'close') return undefined;
  return value
    .toLowerCase()
    .split(',')
    .map((token) => token.trim());
}

const NOT_FOR_CLIENTS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-request-id',
  // An upstream must not lead clients around the gateway (RFC 7838).
  'alt-svc',
]);
