import type { ClientFacts, DecisionEvent, Event, ExchangeEvent, MessageEvent, SystemEvent } from '@sallyport/kernel';

/** How important an event is to somebody who reads the log. */
export function eventLevel(event: Event): 'info' | 'warn' | 'error' {
  switch (event.kind) {
    case 'exchange':
      if (event.faultOf === 'internal') return 'error';
      return event.verdict === 'pass' || event.verdict === 'redirect' ? 'info' : 'warn';
    case 'message':
      return 'warn';
    case 'authentication':
      return event.result === 'failure' ? 'warn' : 'info';
    case 'decision':
      return 'info';
    case 'administration':
      return event.result === 'done' ? 'info' : 'warn';
    case 'connection':
      return event.phase === 'refused' || event.reason !== '' ? 'warn' : 'info';
    case 'system':
      return WARNINGS.has(event.what) ? 'warn' : 'info';
  }
}

const WARNINGS: ReadonlySet<SystemEvent['what']> = new Set([
  'upstream-down',
  'breaker-open',
  'policy-refused',
  'worker-lost',
  'store-lost',
  'store-damaged',
  'events-dropped',
  'service-down',
  'service-degraded',
  'certificate-ending',
  'take-over-failed',
]);

/**
 * An event as one line of JSON. What is empty is left out: most exchanges pass, and their lines should be short to write and
 * to read. `time` is ISO 8601; all other names are those of the event.
 */
export function eventLine(event: Event): string {
  return `${JSON.stringify(lineFields(event, eventLevel(event), isoTime(event.timeMs)))}\n`;
}

function lineFields(event: Event, level: string, time: string): Readonly<Record<string, unknown>> {
  switch (event.kind) {
    case 'exchange':
      return exchangeFields(event, level, time);
    case 'message':
      return messageFields(event, level, time);
    case 'decision':
      return decisionFields(event, level, time);
    case 'authentication': {
      const { timeMs: _timeMs, requestId, listener, route, subject, reason, reasonDetail, ...fields } = event;
      const filled = {
        requestId: present(requestId),
        listener: present(listener),
        route: present(route),
        subject: present(subject),
        reason: present(reason),
        reasonDetail: present(reasonDetail),
      };
      return { level, time, ...fields, ...filled, ...clientFields(fields.client) };
    }
    case 'administration': {
      const { timeMs: _timeMs, author, session, detail, ...fields } = event;
      return { level, time, ...fields, author: present(author), session: present(session), detail: present(detail) };
    }
    case 'connection':
    case 'system': {
      const { timeMs: _timeMs, ...fields } = event;
      return { level, time, ...fields, ...('client' in fields ? clientFields(fields.client) : {}) };
    }
  }
}

/** One literal with a fixed order of keys: the engine then writes all lines with the same code. `undefined` is left out. */
function exchangeFields(event: ExchangeEvent, level: string, time: string): Readonly<Record<string, unknown>> {
  return {
    level,
    time,
    kind: event.kind,
    requestId: event.requestId,
    ...clientFields(event.client),
    method: present(event.method),
    host: present(event.host),
    path: present(event.path),
    status: event.status,
    verdict: event.verdict,
    decidedBy: present(event.decidedBy),
    reason: present(event.reason),
    reasonDetail: present(event.reasonDetail),
    faultOf: present(event.faultOf),
    observed: event.observed.length === 0 ? undefined : event.observed,
    inspection: event.inspection,
    failedStages: event.failedStages.length === 0 ? undefined : event.failedStages,
    listener: event.listener,
    route: present(event.route),
    upstream: present(event.upstream),
    upstreamServer: present(event.upstreamServer),
    upstreamAttempts: event.upstreamAttempts > 1 ? event.upstreamAttempts : undefined,
    upstreamHeadMs: event.upstreamHeadMs < 0 ? undefined : event.upstreamHeadMs,
    isWebSocket: event.isWebSocket || undefined,
    httpVersion: event.httpVersion === '1.1' ? undefined : present(event.httpVersion),
    bytesIn: event.bytesIn || undefined,
    bytesOut: event.bytesOut,
    durationMs: event.durationMs,
    stageUs: event.stageUs,
    traceId: present(event.traceId),
    node: event.node,
    boot: event.boot,
    sequence: event.sequence,
  };
}

function messageFields(event: MessageEvent, level: string, time: string): Readonly<Record<string, unknown>> {
  return {
    level,
    time,
    kind: event.kind,
    requestId: event.requestId,
    ...clientFields(event.client),
    direction: event.direction,
    opcode: event.opcode,
    bytes: event.bytes,
    verdict: event.verdict,
    decidedBy: event.decidedBy,
    reason: event.reason,
    reasonDetail: present(event.reasonDetail),
    excerpt: present(event.excerpt),
    listener: event.listener,
    route: present(event.route),
    node: event.node,
    boot: event.boot,
    sequence: event.sequence,
  };
}

/** Flat, so that a field of a decision has a name of its own; `takenBy` is who took what is revoked or ends now. */
function decisionFields(event: DecisionEvent, level: string, time: string): Readonly<Record<string, unknown>> {
  const { decision, phase, author } = event;
  return {
    level,
    time,
    kind: event.kind,
    phase,
    decisionId: decision.id,
    decisionKind: decision.kind,
    scopeKind: decision.scope.kind,
    scope: decision.scope.value,
    reasonDetail: present(decision.reason),
    author: present(author),
    takenBy: present(decision.author),
    createdAt: isoTime(decision.createdMs),
    endsAt: decision.endsMs === undefined ? undefined : isoTime(decision.endsMs),
    node: event.node,
    boot: event.boot,
    sequence: event.sequence,
  };
}

/** The same names in every kind of line; what the peer's own address says is left out. */
function clientFields({ address, network, peer, evidence }: ClientFacts): ClientFields {
  const isPeer = evidence === 'peer';
  return {
    client: address,
    network: network === address ? undefined : network,
    peer: isPeer && peer === address ? undefined : peer,
    evidence: isPeer ? undefined : evidence,
  };
}

interface ClientFields {
  readonly client: string;
  readonly network: string | undefined;
  readonly peer: string | undefined;
  readonly evidence: string | undefined;
}

function present(text: string): string | undefined {
  return text === '' ? undefined : text;
}

let secondMs = -1;
let secondText = '';

/** ISO 8601 with milliseconds. Formatting a date costs more than the rest of a line, and a second has many lines. */
function isoTime(timeMs: number): string {
  const wholeMs = Math.trunc(timeMs);
  const millisecond = ((wholeMs % 1_000) + 1_000) % 1_000;
  if (wholeMs - millisecond !== secondMs) {
    secondMs = wholeMs - millisecond;
    secondText = new Date(secondMs).toISOString().slice(0, -4);
  }
  return `${secondText}${String(millisecond).padStart(3, '0')}Z`;
}
