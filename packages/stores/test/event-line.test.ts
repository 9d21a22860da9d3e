import type { ClientFacts, Event } from '@sallyport/kernel';
import { EVENT_SCHEMA, type EventRecord, type Field, isKind, type Kind, valueOf } from '@sallyport/siem';
import { describe, expect, it } from 'vitest';
import { eventLevel, eventLine } from '../src/log.ts';

const CLIENT: ClientFacts = {
  address: '2001:db8::1',
  network: '2001:db8::/64',
  peer: '10.0.0.1',
  evidence: 'trusted-proxies',
};

const IDENTITY = { node: 'n', boot: 'b', sequence: 7, timeMs: 1_700_000_000_007 };

/** Every kind with every field filled, so that a line holds all it can hold. */
const FULL: Readonly<Record<Kind, Event>> = {
  exchange: {
    ...IDENTITY,
    kind: 'exchange',
    requestId: 'b-1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    listener: 'public',
    route: 'all',
    client: CLIENT,
    method: 'POST',
    host: 'a.example',
    path: '/login',
    httpVersion: '2.0',
    isWebSocket: true,
    status: 403,
    verdict: 'deny',
    decidedBy: 'waf',
    reason: 'REQUEST_CONTENT_DENIED',
    reasonDetail: '942100',
    observed: [{ stage: 'lists', verdict: 'deny', reason: 'ADDRESS_DENIED' }],
    failedStages: ['protocol'],
    stageUs: { lists: 3, decisions: 1, routing: 2, protocol: 1, waf: 900 },
    upstream: 'app',
    upstreamServer: '127.0.0.1:1',
    upstreamAttempts: 2,
    upstreamHeadMs: 1.5,
    faultOf: 'client',
    bytesIn: 12,
    bytesOut: 5,
    durationMs: 2,
    inspection: {
      mode: 'block',
      ruleSet: '0123456789ab',
      inboundScore: 5,
      outboundScore: 0,
      ruleIds: [942_100],
      matches: [
        {
          id: 942_100,
          phase: 2,
          message: 'SQL Injection Attack',
          data: 'Matched Data: s&1c',
          severity: 2,
          target: 'ARGS:q',
          excerpt: "1' or 1=1",
          transformations: ['none'],
          score: 5,
          exclusion: 'ctl:ruleRemoveTargetById=942100;ARGS:q',
        },
      ],
    },
  },
  message: {
    ...IDENTITY,
    kind: 'message',
    requestId: 'b-1',
    listener: 'public',
    route: 'all',
    client: CLIENT,
    direction: 'in',
    opcode: 1,
    bytes: 9,
    verdict: 'deny',
    decidedBy: 'strictness',
    reason: 'FRAME_INVALID',
    reasonDetail: 'text is not UTF-8',
    excerpt: 'aaa',
  },
  connection: {
    ...IDENTITY,
    kind: 'connection',
    phase: 'close',
    requestId: 'b-1',
    listener: 'public',
    route: 'all',
    client: CLIENT,
    reason: 'FRAME_INVALID',
    reasonDetail: 'unknown opcode',
    closeCode: 1002,
    closedBy: 'gateway',
    messagesIn: 1,
    messagesOut: 2,
    bytesIn: 3,
    bytesOut: 4,
    durationMs: 5,
  },
  authentication: {
    ...IDENTITY,
    kind: 'authentication',
    requestId: 'b-1',
    listener: 'public',
    route: 'all',
    client: CLIENT,
    realm: 'service',
    method: 'access-token',
    result: 'failure',
    subject: 'alice',
    reason: 'CLIENT_UNPROVEN',
    reasonDetail: 'expired',
  },
  decision: {
    ...IDENTITY,
    kind: 'decision',
    phase: 'revoked',
    author: 'socket:bob',
    decision: {
      id: 'd1',
      kind: 'ban',
      scope: { kind: 'network', value: '203.0.113.0/24' },
      reason: 'floods',
      author: 'socket:alice',
      createdMs: 1_700_000_000_000,
      endsMs: 1_700_000_600_000,
    },
  },
  administration: {
    ...IDENTITY,
    kind: 'administration',
    author: 'session:alice',
    session: 's1',
    door: 'port',
    operation: 'takeDecision',
    result: 'refused',
    detail: 'the network is too large',
  },
  system: { ...IDENTITY, kind: 'system', what: 'started', detail: 'all workers are ready' },
};

const ROWS = Object.values(FULL).map((event) => ({ kind: event.kind, event }));

function recordOf(event: Event): EventRecord {
  const record: EventRecord = JSON.parse(eventLine(event));
  return record;
}

/** Dotted names of everything a record holds, lists of objects gone into. */
function namesIn(value: unknown, prefix = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((element) => namesIn(element, prefix));
  if (typeof value !== 'object' || value === null) return [prefix];
  return Object.entries(value).flatMap(([key, member]) => namesIn(member, prefix === '' ? key : `${prefix}.${key}`));
}

function fieldsOf(kind: unknown): readonly Field[] {
  return isKind(kind) ? EVENT_SCHEMA.kinds[kind] : [];
}

describe('the schema of events', () => {
  it.each(ROWS)('names every field that a line of kind $kind may carry, and none that it may not', ({ event }) => {
    const record = recordOf(event);
    const named = fieldsOf(record['kind'])
      .filter(({ type }) => type !== 'structure')
      .map(({ name }) => name);
    expect([...new Set(namesIn(record))].toSorted()).toEqual(named.toSorted());
  });

  it.each(ROWS)('has every field of an event of kind $kind in its line', ({ event }) => {
    const record = recordOf(event);
    // These have other names in a line, which the tests beside this one name.
    const missing = Object.keys(event).filter(
      (name) => !['timeMs', 'client', 'decision'].includes(name) && !(name in record),
    );
    expect(missing).toEqual([]);
  });

  it.each(ROWS)('types every field of kind $kind as it is', ({ event }) => {
    const record = recordOf(event);
    for (const field of fieldsOf(record['kind'])) {
      if (field.type === 'structure') continue;
      expect({ name: field.name, type: typeOf(valueOf(record, field.name)) }).toEqual({
        name: field.name,
        type: JS_TYPES[field.type],
      });
    }
  });

  it('says what is left out because it is usual', () => {
    const { exchange } = FULL;
    if (exchange.kind !== 'exchange') throw new Error('the row of exchanges is no exchange');
    const client: ClientFacts = { address: '192.0.2.1', network: '192.0.2.1', peer: '192.0.2.1', evidence: 'peer' };
    const record = recordOf({ ...exchange, client, isWebSocket: false, bytesIn: 0 });
    expect(namesIn(record)).not.toContain('network');
    const names = ['network', 'peer', 'evidence', 'isWebSocket', 'bytesIn'];
    expect(names.map((name) => valueOf(record, name))).toEqual(['192.0.2.1', '192.0.2.1', 'peer', false, 0]);
  });
});

describe('an event line of a new kind', () => {
  it('tells a decision flat, with who took what is revoked', () => {
    expect(recordOf(FULL.decision)).toEqual({
      level: 'info',
      time: '2023-11-14T22:13:20.007Z',
      kind: 'decision',
      phase: 'revoked',
      decisionId: 'd1',
      decisionKind: 'ban',
      scopeKind: 'network',
      scope: '203.0.113.0/24',
      reasonDetail: 'floods',
      author: 'socket:bob',
      takenBy: 'socket:alice',
      createdAt: '2023-11-14T22:13:20.000Z',
      endsAt: '2023-11-14T22:23:20.000Z',
      node: 'n',
      boot: 'b',
      sequence: 7,
    });
  });

  it('has the level of what happened', () => {
    expect(Object.values(FULL).map(eventLevel)).toEqual(['warn', 'warn', 'warn', 'warn', 'info', 'warn', 'info']);
  });
});

const JS_TYPES: Readonly<Record<Exclude<Field['type'], 'structure'>, string>> = {
  text: 'string',
  integer: 'number',
  real: 'number',
  flag: 'boolean',
  address: 'string',
  time: 'string',
  texts: 'list of string',
  integers: 'list of number',
};

function typeOf(value: unknown): string {
  return Array.isArray(value) ? `list of ${typeof value[0]}` : typeof value;
}
