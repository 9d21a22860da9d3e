import {
  Client,
  type Exchange,
  type Framing,
  HeaderList,
  IpAddress,
  PROFILES,
  type RequestLimits,
  type RouteConfig,
  WAF_OFF,
} from '@sallyport/kernel';

/** What a test says of an exchange; the rest is an ordinary GET of an ordinary route. */
export interface ExchangeParts {
  /** The client's address. Default 192.0.2.1. */
  readonly address?: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly hasEncodedSlash?: boolean;
  /** Names in lower case. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Size of the header section as it came. Default 24 bytes. */
  readonly headerBytes?: number;
  readonly framing?: Framing;
  /** `null`: no route matched. */
  readonly route?: RouteConfig | null;
  readonly isWebSocket?: boolean;
}

/** An exchange as the gateway would hand it to a stage. */
export function exchangeOf(parts: ExchangeParts = {}): Exchange {
  const address = IpAddress.parse(parts.address ?? '192.0.2.1');
  if (address === undefined) throw new RangeError(`${parts.address} is not an address`);
  const headers = parts.headers ?? [['accept', '*/*']];
  return {
    kind: 'request',
    id: '01JD0000000000000000000000',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    listener: { name: 'public', scheme: 'https', isRedirectedToHttps: false },
    client: Client.fromPeer(address, address.text),
    request: {
      method: parts.method ?? 'GET',
      host: 'app.example.com',
      authority: 'app.example.com',
      path: parts.path ?? '/',
      hasEncodedSlash: parts.hasEncodedSlash ?? false,
      query: parts.query ?? '',
      httpVersion: '1.1',
      headers: new HeaderList(
        headers.map(([name]) => name),
        headers.map(([, value]) => value),
      ),
      framing: parts.framing ?? { kind: 'none' },
    },
    headerBytes: parts.headerBytes ?? 24,
    route: parts.route === null ? undefined : (parts.route ?? routeOf()),
    isWebSocket: parts.isWebSocket ?? false,
    evidence: { target: '/', fields: [] },
    inspection: undefined,
  };
}

/** A route of the profile `game` with some request limits of its own. */
export function routeOf(request: Partial<RequestLimits> = {}, isWebSocketAllowed = true): RouteConfig {
  const profile = PROFILES.game;
  return {
    name: 'app',
    match: { hosts: [], path: { kind: 'prefix', value: '/' }, methods: [], headers: [] },
    upstream: 'app',
    profile: 'game',
    request: { ...profile.request, ...request },
    webSocket: { ...profile.webSocket, isAllowed: isWebSocketAllowed },
    hostHeader: 'preserve',
    waf: WAF_OFF,
  };
}
