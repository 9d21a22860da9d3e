import type { Counter, ExchangeEvent, Family, Gauge, Histogram, MetricsRegistry } from '@sallyport/kernel';
import { SocketBytes } from './socket-bytes.ts';

/** Seconds; OpenTelemetry's advice for http.server.request.duration. */
const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const CONNECTION_BUCKETS = [1, 10, 60, 300, 900, 3_600, 14_400, 86_400];
const MESSAGE_BUCKETS = [64, 256, 1_024, 4_096, 10_240, 65_536, 1_048_576];

/**
 * The data plane's metrics. Labels are names from the configuration, methods, statuses and reason codes: never an address,
 * a user or a raw path (R0.18).
 */
export class GatewayMetrics {
  readonly requestDuration: Family<Histogram>;
  readonly responses: Family<Counter>;
  readonly activeRequests: Gauge;
  readonly refused: Family<Counter>;
  readonly observed: Family<Counter>;
  readonly inspection: InspectionMetrics;
  readonly bytes: { readonly in: Counter; readonly out: Counter };
  /** What connections of clients carry. */
  readonly clientBytes: SocketBytes;
  readonly connections: Family<Gauge>;
  readonly connectionsAccepted: Family<Counter>;
  readonly connectionsRefused: Family<Counter>;
  readonly tlsHandshakes: Family<Counter>;
  readonly http2Errors: Family<Counter>;
  /** `method`: by what a front door proves itself. */
  readonly authAttempts: Family<Counter>;
  readonly webSockets: Family<Gauge>;
  readonly webSocketDuration: Family<Histogram>;
  readonly webSocketMessages: Family<Counter>;
  readonly webSocketMessageBytes: Family<Histogram>;
  readonly webSocketCloses: Family<Counter>;
  readonly webSocketBuffered: Gauge;
  readonly internalErrors: Counter;
  readonly #exchanges = new Map<string, ExchangeSeries>();
  readonly #stageTimes = new Map<string, Counter>();

  constructor(registry: MetricsRegistry) {
    this.requestDuration = registry.histogram(
      'http_server_request_duration_seconds',
      'Time from a request to the end of its response.',
      { buckets: DURATION_BUCKETS, labels: ['http_request_method', 'http_route', 'http_response_status_code'] },
    );
    this.responses = responsesIn(registry);
    this.activeRequests = registry.gauge('http_server_active_requests', 'Requests in progress.').with();
    this.refused = registry.counter(
      'proxy_blocked_requests_total',
      'Requests the gateway refused, by who decided and why.',
      ['route', 'stage', 'reason'],
    );
    this.observed = registry.counter('gateway_observed_verdicts_total', 'Verdicts of stages that only observe.', [
      'stage',
      'reason',
    ]);
    this.inspection = new InspectionMetrics(registry);
    const bytes = registry.counter('gateway_http_bytes_total', 'Bytes of request and response bodies.', ['direction']);
    this.bytes = { in: bytes.with('in'), out: bytes.with('out') };
    this.clientBytes = clientBytesIn(registry);
    this.connections = registry.gauge('gateway_connections', 'Open client connections.', ['listener']);
    this.connectionsAccepted = acceptedIn(registry);
    this.connectionsRefused = registry.counter(
      'gateway_connections_refused_total',
      'Connections ended before their first request or for a limit.',
      ['listener', 'reason'],
    );
    this.tlsHandshakes = registry.counter('gateway_tls_handshakes_total', 'TLS handshakes by result.', [
      'listener',
      'result',
    ]);
    this.http2Errors = registry.counter(
      'gateway_http2_errors_total',
      'HTTP/2 streams and connections ended because of what the client did, by reason.',
      ['listener', 'scope', 'reason'],
    );
    this.authAttempts = registry.counter(
      'gateway_auth_attempts_total',
      'Proofs of front doors: tokens, secrets, certificates.',
      ['method', 'result'],
    );
    this.webSockets = registry.gauge('gateway_ws_connections', 'Open WebSocket connections.', ['route', 'state']);
    this.webSocketDuration = registry.histogram(
      'gateway_ws_connection_duration_seconds',
      'How long WebSocket connections lasted.',
      { buckets: CONNECTION_BUCKETS, labels: ['route'] },
    );
    this.webSocketMessages = registry.counter(
      'gateway_ws_messages_total',
      'WebSocket messages, by what became of them.',
      ['direction', 'route', 'verdict'],
    );
    this.webSocketMessageBytes = registry.histogram('gateway_ws_message_bytes', 'Size of WebSocket messages.', {
      buckets: MESSAGE_BUCKETS,
      labels: ['direction'],
    });
    this.webSocketCloses = registry.counter(
      'gateway_ws_closes_total',
      'WebSocket connections that ended, by close code and who ended them.',
      ['code', 'initiator'],
    );
    this.webSocketBuffered = registry
      .gauge('gateway_ws_send_buffer_bytes', 'Bytes waiting for WebSocket peers to read them.')
      .with();
    this.internalErrors = registry
      .counter('gateway_internal_errors_total', 'Unforeseen errors that ended one connection.')
      .with();
  }

  /** Counts one finished exchange. */
  exchange(event: ExchangeEvent): void {
    const method = METHODS.has(event.method) ? event.method : 'other';
    const { duration, responses } = this.#seriesOf(method, event.route, event.status);
    duration.observe(event.durationMs / 1_000);
    responses.add();
    if (event.bytesIn > 0) this.bytes.in.add(event.bytesIn);
    if (event.bytesOut > 0) this.bytes.out.add(event.bytesOut);
    if (isRefusal(event)) this.refused.with(event.route, event.decidedBy, event.reason).add();
    for (const { stage, reason } of event.observed) this.observed.with(stage, reason).add();
    for (const stage of event.failedStages) this.inspection.stageFailures.with(stage).add();
    for (const stage in event.stageUs) this.#stageTime(stage).add((event.stageUs[stage] ?? 0) / 1_000_000);
    if (event.inspection !== undefined) this.#matches(event, event.inspection.ruleIds);
  }

  /** Looked up by one key: every exchange has some. */
  #seriesOf(method: string, route: string, status: number): ExchangeSeries {
    const key = `${method} ${status} ${route}`;
    const known = this.#exchanges.get(key);
    if (known !== undefined) return known;
    const responses = this.responses.with(route, classOf(status));
    if (this.#exchanges.size >= DURATIONS_MAX) {
      return { duration: this.requestDuration.with('other', route, 'other'), responses };
    }
    const series = { duration: this.requestDuration.with(method, route, String(status)), responses };
    this.#exchanges.set(key, series);
    return series;
  }

  #matches({ verdict, decidedBy, observed }: ExchangeEvent, ruleIds: readonly number[]): void {
    const isDetected = observed.some(({ stage }) => stage === 'waf');
    const action = verdict !== 'pass' && decidedBy === 'waf' ? 'refused' : isDetected ? 'detected' : 'passed';
    for (const id of ruleIds) this.inspection.ruleMatches.with(String(id), action).add();
  }

  /** Looked up once: every exchange has some. */
  #stageTime(stage: string): Counter {
    const known = this.#stageTimes.get(stage);
    if (known !== undefined) return known;
    const counter = this.inspection.stageSeconds.with(stage);
    this.#stageTimes.set(stage, counter);
    return counter;
  }
}

function responsesIn(registry: MetricsRegistry): Family<Counter> {
  return registry.counter(
    'gateway_http_responses_total',
    'Answers by class of status, exact whatever clients send: `1xx` to `5xx`, `none` where nothing was answered.',
    ['route', 'class'],
  );
}

function acceptedIn(registry: MetricsRegistry): Family<Counter> {
  return registry.counter('gateway_connections_accepted_total', 'Client connections that were taken in.', ['listener']);
}

function clientBytesIn(registry: MetricsRegistry): SocketBytes {
  const family = registry.counter(
    'gateway_client_bytes_total',
    'Bytes on connections of clients, with what TLS adds; `in` comes from clients.',
    ['direction'],
  );
  const bytes = new SocketBytes(family);
  registry.onCollect(() => bytes.collect());
  return bytes;
}

/** What one finished exchange is counted in. */
interface ExchangeSeries {
  readonly duration: Histogram;
  readonly responses: Counter;
}

/** Six of them: whoever makes an upstream answer with every status there is must not hide errors behind `other`. */
function classOf(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : 'none';
}

/** What stages cost, and what rules found. */
class InspectionMetrics {
  readonly stageFailures: Family<Counter>;
  readonly stageSeconds: Family<Counter>;
  readonly ruleMatches: Family<Counter>;
  readonly heldBytes: Gauge;

  constructor(registry: MetricsRegistry) {
    this.stageFailures = registry.counter(
      'gateway_stage_failures_total',
      'Stages that failed and fell back to their onFailure.',
      ['stage'],
    );
    this.stageSeconds = registry.counter('gateway_stage_seconds_total', 'Time that stages took, bodies included.', [
      'stage',
    ]);
    this.ruleMatches = registry.counter(
      'gateway_waf_matches_total',
      'Rules that matched, by what became of the exchange: refused, detected (would have been refused), passed.',
      ['rule', 'action'],
    );
    this.heldBytes = registry.gauge('gateway_waf_held_bytes', 'Bytes of bodies that wait for inspection.').with();
  }
}

/** What is told apart; a client could make up more of them than anybody wants to look at. */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', '']);

/**
 * Most methods and statuses told apart in each worker; over all workers `MergedMetrics` holds a bound. Each is a histogram
 * of 17 series, and an upstream or a client that tries everything must not fill the database of the metrics (R0.18);
 * beyond it only the route is told apart.
 */
const DURATIONS_MAX = 40;

/** What the gateway decided against; not what an upstream or a client broke off, nor a redirect to https. */
function isRefusal({ verdict, decidedBy, reason }: ExchangeEvent): boolean {
  return (verdict === 'deny' || verdict === 'drop') && decidedBy !== 'upstream' && reason !== 'CLIENT_CLOSED';
}
