import type { ClientEvidence } from './client.ts';
import type { Decision } from './decision.ts';
import type { FailureSource } from './error.ts';
import type { ReasonCode } from './reason.ts';

/**
 * The record of what happened. Every HTTP exchange ends in exactly one; a WebSocket connection emits several, and each message
 * one whose verdict is not `pass`.
 */
export type Event =
  | ExchangeEvent
  | MessageEvent
  | ConnectionEvent
  | AuthenticationEvent
  | DecisionEvent
  | AdministrationEvent
  | SystemEvent;

/** Unique over a fleet: which node, which start of it, which event. */
export interface EventIdentity {
  readonly node: string;
  readonly boot: string;
  readonly sequence: number;
}

export interface ExchangeEvent extends EventIdentity {
  readonly kind: 'exchange';
  /** Wall clock at the first byte judged, milliseconds since 1970. */
  readonly timeMs: number;
  readonly requestId: string;
  readonly traceId: string;
  readonly listener: string;
  /** '' when none matched or the request never got that far. */
  readonly route: string;
  readonly client: ClientFacts;
  /** '' when the request could not be parsed. */
  readonly method: string;
  readonly host: string;
  /** Normalised path without the query: queries carry secrets. */
  readonly path: string;
  readonly httpVersion: string;
  readonly isWebSocket: boolean;
  /** Status sent to the client; 0 when nothing was sent. */
  readonly status: number;
  readonly verdict: 'pass' | 'deny' | 'redirect' | 'drop';
  /** Which step decided: a stage, or `strictness`, `connection`, `upstream`. '' for a pass that went well. */
  readonly decidedBy: string;
  readonly reason: ReasonCode | '';
  readonly reasonDetail: string;
  /** What observed stages would have done. */
  readonly observed: readonly ObservedVerdict[];
  /** Stages that threw. */
  readonly failedStages: readonly string[];
  /** Microseconds each stage took, by name. */
  readonly stageUs: Readonly<Record<string, number>>;
  /** '' when no upstream was asked. */
  readonly upstream: string;
  readonly upstreamServer: string;
  /** Tries made, 0 when none. */
  readonly upstreamAttempts: number;
  /** Milliseconds from the request's dispatch to the response's head; -1 when none came. */
  readonly upstreamHeadMs: number;
  /** Whose fault a failure was; '' when nothing failed. */
  readonly faultOf: FailureSource | '';
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
  /** What inspection by rules found; undefined when no rule ran or none matched. */
  readonly inspection: InspectionFacts | undefined;
}

/** What rules said about one exchange. Every text is printable ASCII and bounded. */
export interface InspectionFacts {
  /** `detect`: nothing was refused. */
  readonly mode: 'detect' | 'block';
  /** Which rules: the first digits of the hash of the rule set. */
  readonly ruleSet: string;
  /** Sums of what the matches below added to anomaly scores. */
  readonly inboundScore: number;
  readonly outboundScore: number;
  /** Every rule that matched and wants to be recorded, in order; at most 200. */
  readonly ruleIds: readonly number[];
  /** The same with their story, the one that decided first; at most 20. */
  readonly matches: readonly RuleMatch[];
}

/** One rule that matched, and why. */
export interface RuleMatch {
  readonly id: number;
  /** 1 to 5. */
  readonly phase: number;
  readonly message: string;
  /** What the rule itself says about its match. */
  readonly data: string;
  /** 0 (emergency) to 7 (debug); -1 when the rule has none. */
  readonly severity: number;
  /** The first part that matched, `ARGS:name`; '' for a rule that judges without looking. */
  readonly target: string;
  /** What stood there, cut, with everything masked that could be a secret. */
  readonly excerpt: string;
  /** How the value was read before it was compared. */
  readonly transformations: readonly string[];
  /** What it added to anomaly scores. */
  readonly score: number;
  /** The exclusion that would have let this part pass this rule; '' when there is none. */
  readonly exclusion: string;
}

export interface ClientFacts {
  readonly address: string;
  readonly network: string;
  readonly peer: string;
  readonly evidence: ClientEvidence;
}

export interface ObservedVerdict {
  readonly stage: string;
  readonly verdict: 'deny' | 'redirect' | 'drop';
  readonly reason: ReasonCode;
}

export interface ConnectionEvent extends EventIdentity {
  readonly kind: 'connection';
  readonly timeMs: number;
  /** `refused`: a TCP connection that ended before its first request; the others are WebSocket connections. */
  readonly phase: 'refused' | 'open' | 'progress' | 'close';
  /** The handshake's request id; '' for `refused`. */
  readonly requestId: string;
  readonly listener: string;
  readonly route: string;
  readonly client: ClientFacts;
  readonly reason: ReasonCode | '';
  readonly reasonDetail: string;
  /** WebSocket close code, 0 when there is none yet. */
  readonly closeCode: number;
  /** Who ended it; '' while it is open. */
  readonly closedBy: 'client' | 'upstream' | 'gateway' | '';
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly durationMs: number;
}

/** A WebSocket message that was not passed on. Messages that pass are counted by the events of their connection. */
export interface MessageEvent extends EventIdentity {
  readonly kind: 'message';
  readonly timeMs: number;
  /** The handshake's request id. */
  readonly requestId: string;
  readonly listener: string;
  readonly route: string;
  readonly client: ClientFacts;
  /** `in`: from the client to the upstream. */
  readonly direction: 'in' | 'out';
  /** Of the frame that was judged (RFC 6455 §5.2), 0 to 15. */
  readonly opcode: number;
  /** Payload bytes of the message, up to and with what was judged. What came later was never read. */
  readonly bytes: number;
  readonly verdict: 'deny' | 'drop';
  /** Which step decided: a stage, or `strictness`. */
  readonly decidedBy: string;
  readonly reason: ReasonCode;
  readonly reasonDetail: string;
  /** What the payload looked like, cut, with everything masked that could be somebody's words; '' when none was kept. */
  readonly excerpt: string;
}

/**
 * Somebody proved who they are, or failed to. Never what they proved it with. Of traffic only failures: a success is in the event of
 * its exchange.
 */
export interface AuthenticationEvent extends EventIdentity {
  readonly kind: 'authentication';
  readonly timeMs: number;
  /** '' when it belongs to no request. */
  readonly requestId: string;
  /** '' for a door of the administration. */
  readonly listener: string;
  readonly route: string;
  /** An empty address where the door has none. */
  readonly client: ClientFacts;
  /** What it would open: traffic of a service, or the administration. */
  readonly realm: 'service' | 'administration';
  /** By what: `access-token`, `origin-secret`, `client-certificate`, `session`, `link`. A closed list of each door, never the credential. */
  readonly method: string;
  readonly result: 'success' | 'failure';
  /** Who it was, as the proof says; '' after a failure that names nobody. */
  readonly subject: string;
  /** Why it failed; '' after a success, or where no reason code says it. */
  readonly reason: ReasonCode | '';
  readonly reasonDetail: string;
}

/** A decision began or ceased to hold. */
export interface DecisionEvent extends EventIdentity {
  readonly kind: 'decision';
  readonly timeMs: number;
  readonly phase: 'taken' | 'revoked' | 'ended';
  readonly decision: Decision;
  /** Who took or revoked it now; '' when it ended by itself. */
  readonly author: string;
}

/** What somebody did to the gateway itself. */
export interface AdministrationEvent extends EventIdentity {
  readonly kind: 'administration';
  readonly timeMs: number;
  /** `socket:alice`, `session:alice`; '' for somebody who is not known. */
  readonly author: string;
  /** The id of the session, which opens nothing; '' when it is none. */
  readonly session: string;
  /** Through which door: the admin socket, its port, a signal to the process. */
  readonly door: 'socket' | 'port' | 'signal';
  /** The operation of the admin API, or the name of the signal. */
  readonly operation: string;
  readonly result: 'done' | 'refused' | 'failed';
  /** What was done to what, or why not. */
  readonly detail: string;
}

export interface SystemEvent extends EventIdentity {
  readonly kind: 'system';
  readonly timeMs: number;
  readonly what:
    | 'started'
    | 'draining'
    | 'stopped'
    | 'upstream-up'
    | 'upstream-down'
    | 'breaker-open'
    | 'breaker-closed'
    | 'policy-activated'
    | 'policy-refused'
    | 'attack-level'
    | 'worker-started'
    | 'worker-lost'
    | 'store-lost'
    | 'store-restored'
    | 'store-damaged'
    | 'events-dropped'
    | 'service-up'
    | 'service-degraded'
    | 'service-down'
    | 'service-unknown'
    | 'certificate-ending'
    | 'certificate-renewed'
    | 'taken-over'
    | 'take-over-failed';
  readonly detail: string;
}

/**
 * Where events go. `emit` returns at once and never throws: a sink that cannot keep up drops by class and counts what it
 * dropped, because losing sight must not mean losing service.
 */
export interface EventSink {
  emit(event: Event): void;
}
