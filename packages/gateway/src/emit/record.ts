import type {
  Client,
  ClientFacts,
  Clock,
  ExchangeEvent,
  FailureSource,
  Inspected,
  Inspection,
  ReasonCode,
  Verdict,
} from '@sallyport/kernel';
import type { Decision } from '../pipeline/decide.ts';
import type { Policy } from '../pipeline/policy.ts';
import type { UpstreamCall } from '../upstream/port.ts';

/**
 * What is known of one exchange so far; it becomes its event when the exchange ends. One writer: the exchange.
 */
export class ExchangeRecord {
  readonly timeMs: number;
  readonly startedMs: number;
  readonly listener: string;
  requestId = '';
  traceId = '';
  route = '';
  client: Client | undefined;
  method = '';
  host = '';
  path = '';
  httpVersion = '';
  isWebSocket = false;
  status = 0;
  verdict: ExchangeEvent['verdict'] = 'pass';
  decidedBy = '';
  reason: ReasonCode | '' = '';
  reasonDetail = '';
  decision: Decision | undefined;
  upstream = '';
  upstreamServer = '';
  upstreamAttempts = 0;
  upstreamHeadMs = -1;
  faultOf: FailureSource | '' = '';
  bytesIn = 0;
  /** More body came than the route allows, and the stage that would refuse it only observes. */
  isBodyLimitExceeded = false;
  bytesOut = 0;
  /** The policy it began with, once it is known; given back by the emitter. */
  policy: Policy | undefined;
  /** Not yet finished. */
  inspection: Inspection | undefined;
  inspected: Inspected | undefined;
  /** Stages that failed after the decision about the head. */
  readonly failedStages: string[] = [];
  /** Set by the emitter: an exchange ends once. */
  isEmitted = false;

  static begin(clock: Clock, listener: string, client: Client | undefined): ExchangeRecord {
    return new ExchangeRecord({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() }, listener, client);
  }

  constructor(times: { wallMs: number; monotonicMs: number }, listener: string, client: Client | undefined) {
    this.timeMs = times.wallMs;
    this.startedMs = times.monotonicMs;
    this.listener = listener;
    this.client = client;
  }

  /** What was decided about it, and by which step. */
  note(verdict: Exclude<Verdict, { kind: 'pass' }>, decidedBy: string): void {
    this.verdict = verdict.kind;
    this.decidedBy = decidedBy;
    this.reason = verdict.reason.code;
    this.reasonDetail = verdict.reason.detail ?? '';
  }

  /** How it ended, unless it was refused: a client that does not wait for that cannot hide why it was refused. */
  noteEnd(verdict: Exclude<Verdict, { kind: 'pass' }>, decidedBy: string, faultOf: FailureSource): void {
    if (this.verdict !== 'pass') return;
    this.faultOf = faultOf;
    this.note(verdict, decidedBy);
  }

  /** Who was asked for an answer; undefined: nobody. */
  noteCall(call: UpstreamCall | undefined): void {
    if (call === undefined) return;
    this.upstreamServer = call.server;
    this.upstreamAttempts = call.attempts;
    this.upstreamHeadMs = call.headMs;
  }
}

/** The client as events name it. Undefined only before a PROXY header was read. */
export function clientFacts(client: Client | undefined, peer = ''): ClientFacts {
  if (client === undefined) return { address: '', network: '', peer, evidence: 'peer' };
  return { address: client.address.text, network: client.network, peer: client.peer, evidence: client.evidence };
}
