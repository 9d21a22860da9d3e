import type {
  AuthenticationEvent,
  Client,
  Clock,
  ConnectionEvent,
  EventSink,
  ExchangeEvent,
  MessageEvent,
  ObservedVerdict,
  Reason,
  SystemEvent,
} from '@sallyport/kernel';
import type { GatewayMetrics } from './gateway-metrics.ts';
import { clientFacts, type ExchangeRecord } from './record.ts';

export interface EmitterOptions {
  readonly node: string;
  readonly boot: string;
  readonly sink: EventSink;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  /** An exchange has ended: gives back what it held. */
  readonly onExchangeEnd?: (record: ExchangeRecord) => void;
}

/** What a connection event says beyond its identity. */
export type ConnectionFacts = Omit<ConnectionEvent, 'kind' | 'node' | 'boot' | 'sequence' | 'timeMs'>;

/** What a message event says beyond its identity. */
export type MessageFacts = Omit<MessageEvent, 'kind' | 'node' | 'boot' | 'sequence' | 'timeMs'>;

/** Who could not prove that they may come to a service. */
export interface FailedProof {
  /** '' for a connection. */
  readonly requestId: string;
  readonly listener: string;
  readonly method: AuthenticationEvent['method'];
  /** As far as it is known without the proof. */
  readonly client: Client | undefined;
  readonly peer: string;
}

/** A TCP connection that got no further. `client` is undefined as long as only its peer is known. */
export interface RefusedConnection {
  readonly listener: string;
  readonly peer: string;
  readonly client: Client | undefined;
  readonly durationMs: number;
}

/** The one place that makes events, so that each has an identity of its own and an exchange ends in exactly one. */
export class Emitter {
  readonly #options: EmitterOptions;
  #sequence = 0;

  constructor(options: EmitterOptions) {
    this.#options = options;
  }

  /** Ends an exchange. A second call for the same record does nothing. */
  exchange(record: ExchangeRecord): void {
    if (record.isEmitted) return;
    record.isEmitted = true;
    const { clock, metrics, sink, onExchangeEnd } = this.#options;
    const event = this.#exchangeEvent(record, clock.monotonicMs() - record.startedMs);
    metrics.exchange(event);
    sink.emit(event);
    onExchangeEnd?.(record);
  }

  /** A WebSocket message that was not passed on. */
  message(facts: MessageFacts): void {
    const { clock, sink } = this.#options;
    sink.emit({ kind: 'message', ...this.#identity(), timeMs: clock.wallMs(), ...facts });
  }

  connection(facts: ConnectionFacts): void {
    const { clock, sink } = this.#options;
    sink.emit({ kind: 'connection', ...this.#identity(), timeMs: clock.wallMs(), ...facts });
  }

  /** A TCP connection that ended before its first request, or because of a limit. */
  refusedConnection({ listener, peer, client, durationMs }: RefusedConnection, reason: Reason): void {
    this.#options.metrics.connectionsRefused.with(listener, reason.code).add();
    this.connection({
      phase: 'refused',
      requestId: '',
      listener,
      route: '',
      client: clientFacts(client, peer),
      reason: reason.code,
      reasonDetail: reason.detail ?? '',
      closeCode: 0,
      closedBy: 'gateway',
      messagesIn: 0,
      messagesOut: 0,
      bytesIn: 0,
      bytesOut: 0,
      durationMs,
    });
  }

  /** A proof that was asked for, by a listener and not by a route, is missing or wrong. */
  failedProof({ requestId, listener, method, client, peer }: FailedProof, reason: Reason): void {
    const { clock, sink } = this.#options;
    sink.emit({
      kind: 'authentication',
      ...this.#identity(),
      timeMs: clock.wallMs(),
      requestId,
      listener,
      route: '',
      client: clientFacts(client, peer),
      realm: 'service',
      method,
      result: 'failure',
      subject: '',
      reason: reason.code,
      reasonDetail: reason.detail ?? '',
    });
  }

  system(what: SystemEvent['what'], detail: string): void {
    const { clock, sink } = this.#options;
    sink.emit({ kind: 'system', ...this.#identity(), timeMs: clock.wallMs(), what, detail });
  }

  #identity(): { node: string; boot: string; sequence: number } {
    this.#sequence += 1;
    return { node: this.#options.node, boot: this.#options.boot, sequence: this.#sequence };
  }

  #exchangeEvent(record: ExchangeRecord, durationMs: number): ExchangeEvent {
    this.#sequence += 1;
    return {
      kind: 'exchange',
      node: this.#options.node,
      boot: this.#options.boot,
      sequence: this.#sequence,
      timeMs: record.timeMs,
      requestId: record.requestId,
      traceId: record.traceId,
      listener: record.listener,
      route: record.route,
      client: clientFacts(record.client),
      method: record.method,
      host: record.host,
      path: record.path,
      httpVersion: record.httpVersion,
      isWebSocket: record.isWebSocket,
      status: record.status,
      verdict: record.verdict,
      decidedBy: record.decidedBy,
      reason: record.reason,
      reasonDetail: record.reasonDetail,
      observed: observedOf(record),
      failedStages: failedStagesOf(record),
      stageUs: stageUsOf(record),
      upstream: record.upstream,
      upstreamServer: record.upstreamServer,
      upstreamAttempts: record.upstreamAttempts,
      upstreamHeadMs: rounded(record.upstreamHeadMs),
      faultOf: record.faultOf,
      bytesIn: record.bytesIn,
      bytesOut: record.bytesOut,
      durationMs: rounded(durationMs),
      inspection: record.inspected?.facts,
    };
  }
}

const NOTHING_OBSERVED: readonly ObservedVerdict[] = [];

function observedOf(record: ExchangeRecord): readonly ObservedVerdict[] {
  const verdict = record.inspected?.observed;
  const observed = observedOfBody(record);
  return verdict === undefined
    ? observed
    : [...observed, { stage: 'waf', verdict: verdict.kind, reason: verdict.reason.code }];
}

function observedOfBody({ decision, isBodyLimitExceeded }: ExchangeRecord): readonly ObservedVerdict[] {
  const observed = decision?.observed ?? NOTHING_OBSERVED;
  // An announced length was judged by the stage already.
  if (!isBodyLimitExceeded || observed.some(({ reason }) => reason === 'BODY_TOO_LARGE')) return observed;
  return [...observed, { stage: 'protocol', verdict: 'deny', reason: 'BODY_TOO_LARGE' }];
}

const NONE: readonly string[] = [];

function failedStagesOf({ decision, failedStages }: ExchangeRecord): readonly string[] {
  const failures = decision?.failures ?? [];
  if (failures.length + failedStages.length === 0) return NONE;
  return [...failures.map(({ stage }) => stage), ...failedStages];
}

/** An inspection goes on after the decision about the head, and counts its whole time itself. */
function stageUsOf({ decision, inspected }: ExchangeRecord): ExchangeEvent['stageUs'] {
  const stageUs = decision?.stageUs ?? {};
  return inspected === undefined ? stageUs : { ...stageUs, waf: inspected.us };
}

/** To the microsecond: what lies beyond is noise of the clock. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
