import {
  type Client,
  HeaderList,
  type Reason,
  type RequestExchange,
  type RouteConfig,
  reason,
  type Verdict,
} from '@sallyport/kernel';
import { soleValue } from '../client/raw-headers.ts';
import type { RequestAnswer } from '../client/resolver.ts';
import { acceptRequestId, continueTrace } from '../emit/identifiers.ts';
import type { ExchangeRecord } from '../emit/record.ts';
import { evidenceFields } from '../inspection/request.ts';
import { type ReadLeniently, witnessOf } from '../inspection/witness.ts';
import { type Decision, decide } from '../pipeline/decide.ts';
import type { Policy } from '../pipeline/policy.ts';
import { type CheckedHead, checkHead } from '../request/head.ts';
import { denyFor } from '../respond/refusal.ts';
import type { RawHead } from '../transport/port.ts';
import { checkHandshake, type Handshake } from '../websocket/handshake.ts';
import type { Arrival, Door, GatewayContext } from './context.ts';
import { noteStageFailure } from './failures.ts';
import { bearWitness } from './inspected.ts';

/** A request after everything that happens before it may be forwarded. */
export type Judged = Forward | Refused;

export interface Forward {
  readonly kind: 'forward';
  readonly policy: Policy;
  readonly checked: CheckedHead;
  readonly exchange: RequestExchange;
  readonly route: RouteConfig;
  readonly traceparent: string;
  /** Present for a WebSocket handshake, and only then. */
  readonly handshake: Handshake | undefined;
}

export interface Refused {
  readonly kind: 'refuse';
  readonly verdict: Exclude<Verdict, { kind: 'pass' }>;
  /** The stage, or `strictness` or `client`. */
  readonly decidedBy: string;
  /** The connection must not carry another request: its parser may have understood something else than we did. */
  readonly isConnectionSpoiled: boolean;
}

/**
 * From a parsed head to a decision, in the order of the flow (ARCHITECTURE.md): strictness, client, route, stages. Fills the
 * record on the way. Synchronous unless a stage or a token check is not.
 */
export function judge(
  context: GatewayContext,
  arrival: Arrival,
  raw: RawHead,
  record: ExchangeRecord,
): Judged | Promise<Judged> {
  const { recorder } = context;
  if (recorder === undefined) return judgeHead(context, arrival, raw, record);
  const ticket = recorder.begin(`${raw.method} ${raw.url}\n${raw.rawHeaders.join('\n')}`);
  const judged = judgeHead(context, arrival, raw, record);
  if (judged instanceof Promise) return judged.finally(() => recorder.end(ticket));
  recorder.end(ticket);
  return judged;
}

function judgeHead(
  context: GatewayContext,
  arrival: Arrival,
  raw: RawHead,
  record: ExchangeRecord,
): Judged | Promise<Judged> {
  const policy = context.pinPolicy(record);
  record.method = raw.method ?? '';
  record.httpVersion = raw.httpVersionMajor === 2 ? '2' : `${raw.httpVersionMajor}.${raw.httpVersionMinor}`;
  record.requestId = acceptRequestId(soleValue(raw.rawHeaders, 'x-request-id')) ?? context.ids.requestId();
  const trace = continueTrace(soleValue(raw.rawHeaders, 'traceparent'));
  record.traceId = trace.traceId;
  const checked = checkHead(raw);
  if ('code' in checked) {
    const read = (clientIp: string): ReadLeniently => ({ request: witnessOf(raw, clientIp), body: undefined });
    bearWitness(context, record, { arrival, read });
    return spoil(checked, 'strictness');
  }
  record.host = checked.head.host;
  record.path = checked.head.path;
  const { client } = arrival.connection;
  if (client === undefined) return spoil(reason('CLIENT_UNPROVEN', 'no client'), 'client');
  const step: Step = { context, arrival, policy, raw, checked, record, traceparent: trace.traceparent };
  const resolved = arrival.door.resolver.atRequest(client, raw.rawHeaders);
  return resolved instanceof Promise
    ? resolved.then((answer) => judgeClient(step, answer))
    : judgeClient(step, resolved);
}

function noteFailedProof(
  { context, arrival, record }: Step,
  requestProof: NonNullable<Door['requestProof']>,
  failure: Reason,
): void {
  const method = requestProof === 'access-jwt' ? 'access-token' : requestProof;
  const { client } = arrival.connection;
  const { requestId, listener } = record;
  context.emitter.failedProof({ requestId, listener, method, client, peer: client?.peer ?? '' }, failure);
}

interface Step {
  readonly context: GatewayContext;
  readonly arrival: Arrival;
  readonly policy: Policy;
  readonly raw: RawHead;
  readonly checked: CheckedHead;
  readonly record: ExchangeRecord;
  readonly traceparent: string;
}

function judgeClient(step: Step, resolved: RequestAnswer): Judged | Promise<Judged> {
  const { requestProof } = step.arrival.door;
  if (requestProof !== undefined) {
    const failure = 'code' in resolved && resolved.code === 'CLIENT_UNPROVEN' ? resolved : undefined;
    step.context.metrics.authAttempts.with(requestProof, failure === undefined ? 'ok' : 'refused').add();
    if (failure !== undefined) noteFailedProof(step, requestProof, failure);
  }
  if ('code' in resolved) return spoil(resolved, 'client');
  const { context, policy, checked, record } = step;
  record.client = resolved.client;
  const handshake = isWebSocketAsked(checked) ? checkHandshake(withAllFields(checked, step.raw)) : undefined;
  if (handshake?.kind === 'deny')
    return { kind: 'refuse', verdict: handshake, decidedBy: 'strictness', isConnectionSpoiled: true };
  record.isWebSocket = handshake !== undefined;
  const exchange = exchangeOf(step, resolved.client, resolved.scheme);
  record.route = exchange.route?.name ?? '';
  const decision = decide(exchange, policy, context.clock);
  if (decision instanceof Promise)
    return decision.then((settled) => conclude({ ...step, exchange, handshake }, settled));
  return conclude({ ...step, exchange, handshake }, decision);
}

function exchangeOf(step: Step, client: Client, scheme: 'http' | 'https'): RequestExchange {
  const { arrival, checked, record, policy } = step;
  const { name, isRedirectedToHttps } = arrival.door;
  return {
    kind: 'request',
    id: record.requestId,
    traceId: record.traceId,
    listener: { name, scheme, isRedirectedToHttps },
    client,
    request: checked.head,
    headerBytes: checked.headerBytes,
    route: policy.router.find(checked.head),
    isWebSocket: record.isWebSocket,
    evidence: { target: step.raw.url ?? '', fields: evidenceFields(step.raw, arrival.door.resolver.proofHeader) },
    inspection: undefined,
  };
}

function conclude(step: LastStep, decision: Decision): Judged {
  const { exchange, policy, checked, traceparent, handshake } = step;
  step.record.decision = decision;
  step.record.inspection = exchange.inspection;
  for (const { stage, cause } of decision.failures) {
    noteStageFailure(step.context, { stage, requestId: step.record.requestId, cause });
  }
  const { verdict, decidedBy } = decision;
  if (verdict.kind !== 'pass') return { kind: 'refuse', verdict, decidedBy, isConnectionSpoiled: false };
  if (exchange.route === undefined) throw new Error('routing passed an exchange without a route');
  return { kind: 'forward', policy, checked, exchange, route: exchange.route, traceparent, handshake };
}

interface LastStep extends Step {
  readonly exchange: RequestExchange;
  readonly handshake: Handshake | undefined;
}

/** An Upgrade to anything else is ignored, as RFC 9110 §7.8 allows, and never passed on. */
function isWebSocketAsked({ upgrade }: CheckedHead): boolean {
  return upgrade !== '' && upgrade.split(',').some((protocol) => protocol.trim() === 'websocket');
}

/** The handshake's own fields are hop-by-hop, so the checked head no longer has them. */
function withAllFields({ head }: CheckedHead, raw: RawHead): Parameters<typeof checkHandshake>[0] {
  const names = raw.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const values = raw.rawHeaders.filter((_, index) => index % 2 === 1);
  return {
    method: head.method,
    httpVersion: head.httpVersion,
    framing: head.framing,
    headers: new HeaderList(names, values),
  };
}

function spoil(why: Reason, decidedBy: string): Refused {
  return { kind: 'refuse', verdict: denyFor(why), decidedBy, isConnectionSpoiled: true };
}
