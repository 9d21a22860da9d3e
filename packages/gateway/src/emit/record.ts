import type { Client, ClientFacts, ExchangeEvent, FailureSource, ReasonCode } from '@sallyport/kernel';
import type { Decision } from '../pipeline/decide.ts';
import type { Policy } from '../pipeline/policy.ts';

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
  /** Set by the emitter: an exchange ends once. */
  isEmitted = false;

  constructor(times: { wallMs: number; monotonicMs: number }, listener: string, client: Client | undefined) {
    this.timeMs = times.wallMs;
    this.startedMs = times.monotonicMs;
    this.listener = listener;
    this.client = client;
  }
}

/** The client as events name it. Undefined only before a PROXY header was read. */
export function clientFacts(client: Client | undefined, peer = ''): ClientFacts {
  if (client === undefined) return { address: '', network: '', peer, evidence: 'peer' };
  return { address: client.address.text, network: client.network, peer: client.peer, evidence: client.evidence };
}
