import { describe, expect, it } from 'vitest';
import { EVENT_SCHEMA, type EventRecord, type Kind, sigmaFields, toEcs, toOcsf } from '../src/index.ts';

const HEAD = { level: 'warn', time: '2026-11-28T03:00:00.500Z', node: 'n', boot: 'b', sequence: 7 };
const TIME_MS = Date.parse(HEAD.time);

const EXCHANGE: EventRecord = {
  ...HEAD,
  kind: 'exchange',
  requestId: 'b-1',
  client: '203.0.113.7',
  peer: '10.0.0.1',
  evidence: 'trusted-proxies',
  method: 'POST',
  host: 'a.example',
  path: '/login',
  httpVersion: '2.0',
  status: 403,
  verdict: 'deny',
  decidedBy: 'waf',
  reason: 'REQUEST_CONTENT_DENIED',
  reasonDetail: '942100',
  inspection: {
    mode: 'block',
    ruleSet: '0123',
    inboundScore: 5,
    outboundScore: 0,
    ruleIds: [942_100],
    matches: [{ id: 942_100, message: 'SQL Injection', target: 'ARGS:q' }],
  },
  listener: 'public',
  route: 'all',
  upstream: 'app',
  upstreamServer: '127.0.0.1:1',
  bytesOut: 5,
  durationMs: 2.0625,
  traceId: 'abc',
};

const RECORDS: Readonly<Record<Kind, EventRecord>> = {
  exchange: EXCHANGE,
  message: {
    ...HEAD,
    kind: 'message',
    requestId: 'b-1',
    client: '2001:db8::1',
    network: '2001:db8::/64',
    direction: 'in',
    opcode: 1,
    bytes: 9,
    verdict: 'deny',
    decidedBy: 'strictness',
    reason: 'FRAME_INVALID',
    listener: 'public',
  },
  connection: {
    ...HEAD,
    kind: 'connection',
    phase: 'refused',
    client: '203.0.113.7',
    listener: 'public',
    durationMs: 1,
  },
  authentication: {
    ...HEAD,
    kind: 'authentication',
    client: '203.0.113.7',
    realm: 'service',
    method: 'access-token',
    result: 'failure',
  },
  decision: {
    ...HEAD,
    kind: 'decision',
    phase: 'taken',
    decisionId: 'd1',
    decisionKind: 'ban',
    scopeKind: 'network',
    scope: '203.0.113.0/24',
    author: 'socket:alice',
    createdAt: HEAD.time,
  },
  administration: {
    ...HEAD,
    level: 'info',
    kind: 'administration',
    author: 'session:alice',
    session: 's1',
    door: 'port',
    operation: 'reload',
    result: 'done',
    detail: 'version 4',
  },
  system: { ...HEAD, level: 'info', kind: 'system', what: 'started', detail: 'ready' },
};

describe('an event in the words of ECS', () => {
  it('says an exchange', () => {
    expect(toEcs(EXCHANGE)).toEqual({
      ecs: { version: '8.17.0' },
      '@timestamp': HEAD.time,
      log: { level: 'warn' },
      event: {
        dataset: 'sallyport.exchange',
        module: 'sallyport',
        kind: 'alert',
        category: ['web', 'intrusion_detection'],
        type: ['access', 'denied'],
        outcome: 'failure',
        action: 'deny',
        code: 'REQUEST_CONTENT_DENIED',
        reason: '942100',
        risk_score: 5,
        duration: 2_063_000,
        sequence: 7,
      },
      http: {
        request: { id: 'b-1', method: 'POST' },
        response: { status_code: 403 },
        version: '2.0',
      },
      url: { domain: 'a.example', path: '/login' },
      client: { ip: '203.0.113.7', bytes: 0 },
      source: { address: '10.0.0.1', ip: '10.0.0.1' },
      server: { address: '127.0.0.1:1', bytes: 5 },
      service: { name: 'app' },
      related: { ip: ['203.0.113.7', '10.0.0.1'] },
      rule: { ruleset: '0123', id: ['942100'], name: ['SQL Injection'] },
      trace: { id: 'abc' },
      observer: {
        name: 'n',
        product: 'Sallyport',
        type: 'proxy',
        ingress: { interface: { name: 'public' } },
      },
      labels: {
        evidence: 'trusted-proxies',
        is_web_socket: 'false',
        decided_by: 'waf',
        route: 'all',
      },
    });
  });

  it.each<[Kind, readonly string[], readonly string[], string]>([
    ['message', ['network'], ['protocol', 'denied'], 'failure'],
    ['connection', ['network'], ['connection', 'denied'], 'failure'],
    ['authentication', ['authentication'], ['start'], 'failure'],
    ['decision', ['intrusion_detection'], ['denied'], 'success'],
    ['administration', ['configuration'], ['change'], 'success'],
    ['system', ['process'], ['start'], 'unknown'],
  ])('categorises %s', (kind, category, type, outcome) => {
    expect(toEcs(RECORDS[kind])).toMatchObject({ event: { dataset: `sallyport.${kind}`, category, type, outcome } });
  });

  it('lists addresses, not networks, among what is related', () => {
    expect(toEcs(RECORDS.decision)).not.toHaveProperty('related');
    expect(toEcs({ ...RECORDS.decision, scope: '203.0.113.7' })).toMatchObject({ related: { ip: ['203.0.113.7'] } });
  });
});

describe('an event as a class of OCSF', () => {
  it('says an exchange as HTTP Activity under the profile Security Control', () => {
    expect(toOcsf(EXCHANGE)).toEqual({
      category_uid: 4,
      class_uid: 4002,
      activity_id: 6,
      activity_name: 'Post',
      type_uid: 400_206,
      severity_id: 3,
      time: TIME_MS,
      duration: 2,
      status_id: 2,
      status_code: 'REQUEST_CONTENT_DENIED',
      status_detail: '942100',
      action_id: 2,
      disposition_id: 2,
      src_endpoint: { ip: '203.0.113.7' },
      proxy_endpoint: { ip: '10.0.0.1' },
      dst_endpoint: { svc_name: 'app', name: '127.0.0.1:1' },
      http_request: { http_method: 'POST', version: '2.0', url: { hostname: 'a.example', path: '/login' } },
      http_response: { code: 403 },
      firewall_rule: { uid: '942100', name: 'SQL Injection', match_location: 'ARGS:q' },
      traffic: { bytes_in: 5, bytes_out: 0 },
      trace: { uid: 'abc' },
      device: { name: 'n' },
      metadata: {
        version: '1.5.0',
        product: { name: 'Sallyport', vendor_name: 'Sallyport' },
        uid: 'n/b/7',
        correlation_uid: 'b-1',
        sequence: 7,
        profiles: ['security_control', 'host', 'network_proxy', 'trace'],
      },
    });
  });

  it.each<[string, EventRecord, object]>([
    [
      'message',
      RECORDS.message,
      { class_uid: 4001, activity_id: 6, disposition_id: 2, src_endpoint: { ip: '2001:db8::1' } },
    ],
    [
      'refused connection',
      RECORDS.connection,
      { class_uid: 4001, activity_id: 5, type_uid: 400_105, action_id: 2, status_id: 2 },
    ],
    [
      'open connection',
      { ...RECORDS.connection, phase: 'open' },
      { activity_id: 1, activity_name: 'Open', status_id: 1 },
    ],
    [
      'authentication',
      RECORDS.authentication,
      {
        category_uid: 3,
        class_uid: 3002,
        activity_id: 1,
        status_id: 2,
        user: { type_id: 0 },
        service: { name: 'service' },
      },
    ],
    [
      'known user',
      { ...RECORDS.authentication, subject: 'alice', result: 'success' },
      { status_id: 1, user: { name: 'alice' } },
    ],
    [
      'decision',
      RECORDS.decision,
      {
        category_uid: 2,
        class_uid: 2004,
        activity_id: 1,
        severity_id: 3,
        finding_info: { uid: 'd1', title: 'ban of 203.0.113.0/24', created_time: TIME_MS },
      },
    ],
    [
      'revoked decision',
      { ...RECORDS.decision, phase: 'revoked' },
      { activity_id: 3, activity_name: 'Close', severity_id: 1 },
    ],
    [
      'administration',
      RECORDS.administration,
      {
        class_uid: 6003,
        activity_id: 99,
        activity_name: 'reload',
        status_id: 1,
        api: { operation: 'reload' },
        actor: { user: { name: 'session:alice' }, session: { uid: 's1' } },
        src_endpoint: { name: 'port' },
      },
    ],
    [
      'system',
      RECORDS.system,
      { class_uid: 6002, activity_id: 3, severity_id: 1, app: { name: 'Sallyport' }, message: 'ready' },
    ],
    [
      'passed exchange',
      { ...EXCHANGE, verdict: 'pass', decidedBy: undefined, level: 'info' },
      { severity_id: 1, status_id: 1, action_id: 1, disposition_id: 1 },
    ],
    ['redirect', { ...EXCHANGE, verdict: 'redirect' }, { action_id: 1, disposition_id: 99, disposition: 'Redirected' }],
    ['dropped exchange', { ...EXCHANGE, verdict: 'drop' }, { action_id: 2, disposition_id: 6 }],
    [
      'method of its own',
      { ...EXCHANGE, method: 'PROPFIND' },
      { activity_id: 99, activity_name: 'PROPFIND', type_uid: 400_299 },
    ],
    ['request that could not be parsed', { ...EXCHANGE, method: undefined }, { activity_id: 0, type_uid: 400_200 }],
  ])('says a %s', (_, record, expected) => {
    expect(toOcsf(record)).toMatchObject(expected);
  });

  it('names no proxy where the peer is the client', () => {
    expect(toOcsf({ ...EXCHANGE, peer: undefined, evidence: undefined })).not.toHaveProperty('proxy_endpoint');
  });
});

describe('an event in the names of Sigma', () => {
  it('says an exchange for rules about web servers and proxies', () => {
    expect(sigmaFields(EXCHANGE)).toEqual({
      'c-ip': '203.0.113.7',
      src_ip: '203.0.113.7',
      'cs-method': 'POST',
      'cs-host': 'a.example',
      'cs-uri-stem': '/login',
      'c-uri-stem': '/login',
      'c-uri': '/login',
      'cs-version': 'HTTP/2.0',
      'sc-status': 403,
      'cs-bytes': 0,
      'sc-bytes': 5,
      'time-taken': 2.0625,
    });
  });
});

describe('a mapping', () => {
  it.each(Object.keys(EVENT_SCHEMA.kinds))('is plain data for %s', (kind) => {
    for (const map of [toEcs, toOcsf, sigmaFields]) {
      const mapped = map({ kind });
      expect(JSON.parse(JSON.stringify(mapped))).toEqual(mapped);
    }
  });

  it('makes nothing of what is no event', () => {
    for (const record of [{}, { kind: 'log' }, { kind: 'constructor' }, { kind: 7 }]) {
      expect([toEcs(record), toOcsf(record), sigmaFields(record)]).toEqual([{}, {}, {}]);
    }
  });

  it('leaves its record as it was', () => {
    const before = structuredClone(EXCHANGE);
    toEcs(EXCHANGE);
    toOcsf(EXCHANGE);
    expect(EXCHANGE).toEqual(before);
  });
});
