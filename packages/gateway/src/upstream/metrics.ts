import type { Counter, Family, Gauge, MetricsRegistry } from '@sallyport/kernel';
import { SocketBytes } from '../emit/socket-bytes.ts';

/** How one try ended. `aborted`: the client left, or something of ours failed. */
export type AttemptResult =
  | 'ok'
  | 'connect_failed'
  | 'tls_failed'
  | 'timeout'
  | 'malformed'
  | 'closed'
  | 'unavailable'
  | 'aborted';

export const ATTEMPT_RESULTS: readonly AttemptResult[] = [
  'ok',
  'connect_failed',
  'tls_failed',
  'timeout',
  'malformed',
  'closed',
  'unavailable',
  'aborted',
];

/** `opening`: not yet connected. `upgraded`: carries a WebSocket. */
export const CONNECTION_STATES = ['opening', 'active', 'idle', 'upgraded'] as const;

export interface UpstreamMetrics {
  readonly requests: Family<Counter>;
  readonly connections: Family<Gauge>;
  readonly retries: Family<Counter>;
  readonly healthy: Family<Gauge>;
  /** 0 closed, 1 half-open, 2 open. */
  readonly breakerState: Family<Gauge>;
  readonly bytes: SocketBytes;
  /** Called before each exposition. */
  readonly collectors: Set<() => void>;
}

/** A policy that is published makes new upstreams while the old ones still finish; both count in the same series. */
const REGISTERED = new WeakMap<MetricsRegistry, UpstreamMetrics>();

/** The families of `registry`, made at the first call. */
export function upstreamMetrics(registry: MetricsRegistry): UpstreamMetrics {
  const known = REGISTERED.get(registry);
  if (known !== undefined) return known;
  const collectors = new Set<() => void>();
  const metrics: UpstreamMetrics = {
    requests: registry.counter('gateway_upstream_requests_total', 'Tries to have a request answered by a server.', [
      'upstream',
      'server',
      'result',
    ]),
    connections: registry.gauge('gateway_upstream_connections', 'Connections to servers.', [
      'upstream',
      'server',
      'state',
    ]),
    retries: registry.counter('gateway_upstream_retries_total', 'Tries after the first one.', ['upstream']),
    // Each worker judges for itself; the worst of them is shown.
    healthy: registry
      .gauge('gateway_upstream_healthy', '1: every worker may ask the server.', ['upstream', 'server'])
      .mergedBy('min'),
    breakerState: registry
      .gauge('gateway_upstream_breaker_state', 'Circuit breaker of the worst worker: 0 closed, 1 half-open, 2 open.', [
        'upstream',
      ])
      .mergedBy('max'),
    bytes: new SocketBytes(
      registry.counter(
        'gateway_upstream_bytes_total',
        'Bytes on connections to servers, without what TLS adds; `in` comes from servers.',
        ['direction'],
      ),
    ),
    collectors,
  };
  registry.onCollect(() => {
    metrics.bytes.collect();
    for (const collect of collectors) collect();
  });
  REGISTERED.set(registry, metrics);
  return metrics;
}
