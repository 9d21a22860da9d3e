import {
  type GatewayConfig,
  type ListenerConfig,
  PROFILES,
  type RouteConfig,
  type UpstreamConfig,
  WAF_OFF,
} from '@sallyport/kernel';

/** A plain listener on a port the system chooses. */
export function listener(change: Partial<ListenerConfig> = {}): ListenerConfig {
  return {
    name: 'test',
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    tls: undefined,
    isInsecure: false,
    client: { kind: 'direct' },
    isRedirectedToHttps: false,
    ...change,
  };
}

/** Everything goes to the upstream `app`. */
export function route(change: Partial<RouteConfig> = {}): RouteConfig {
  return {
    name: 'all',
    match: { hosts: [], path: { kind: 'prefix', value: '/' }, methods: [], headers: [] },
    upstream: 'app',
    profile: 'game',
    request: PROFILES.game.request,
    webSocket: { ...PROFILES.game.webSocket, perClientMax: 100 },
    hostHeader: 'preserve',
    waf: WAF_OFF,
    ...change,
  };
}

/** One server on a loopback port. */
export function upstream(port: number, change: Partial<UpstreamConfig> = {}): UpstreamConfig {
  return {
    name: 'app',
    servers: [{ address: { kind: 'tcp', host: '127.0.0.1', port }, weight: 1 }],
    tls: undefined,
    balance: 'round-robin',
    healthCheck: undefined,
    ejection: { failuresMax: 5, durationMs: 10_000 },
    timeouts: { connectMs: 2_000, headMs: 5_000, idleMs: 5_000 },
    retries: { attemptsMax: 2, budgetRatio: 0.2 },
    breaker: { errorRatio: 0.5, requestsMin: 1_000, windowMs: 10_000, openMs: 5_000 },
    pool: { connectionsMax: 256, idleMax: 64, idleMs: 4_000, pendingMax: 1_024 },
    ...change,
  };
}

export function config(change: Partial<GatewayConfig> & Pick<GatewayConfig, 'upstreams'>): GatewayConfig {
  return {
    mode: 'development',
    observe: false,
    observeStages: [],
    listeners: [listener()],
    routes: [route()],
    lists: { allow: [], deny: [] },
    connections: {
      connectionsMax: 10_000,
      perClientMax: 5_000,
      halfOpenPerClientMax: 5_000,
      handshakeMs: 5_000,
      headerMs: 10_000,
      keepAliveMs: 30_000,
      headerBytesMax: 16_384,
    },
    drain: { deadlineMs: 5_000, webSocketSpreadMs: 500 },
    waf: { policy: WAF_OFF, heldBytesMax: 1_048_576, heldPerClientBytesMax: 1_048_576 },
    ...change,
  };
}
