import { z } from 'zod';
import { DNS_TYPES, type ServiceConfig, type ServiceTarget, type ServiceTls } from '../../health/service.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, integerLeaf, section } from '../leaf.ts';
import { duration, list, text } from '../leaves.ts';
import {
  credential,
  headers,
  optionalTls,
  resolverAddress,
  serviceAddress,
  serviceUrl,
  statusRange,
  tlsSection,
  tlsShape,
  words,
} from './service-leaves.ts';

/** A service without its name, which is its key in the file. */
export type ServiceDraft = Omit<ServiceConfig, 'name'>;

/** Most services: each is asked again and again, and has series of its own in the metrics. */
export const SERVICES_MAX = 200;

/** One entry of `services`. */
export function service(context: ParseContext): z.ZodType<ServiceDraft> {
  return z.discriminatedUnion('kind', [
    http(context),
    tcp(context),
    tls(context),
    webSocket(context),
    redis(context),
    postgres(context),
    dns(),
  ]);
}

type Draft = z.ZodType<ServiceDraft> & z.core.$ZodTypeDiscriminable;

function http(context: ParseContext): Draft {
  return section('A web server or API: one request, whose answer is looked at. Redirects are not followed.', {
    kind: z.literal('http'),
    url: serviceUrl('What is asked.', ['http', 'https']),
    method: choiceLeaf('Method of the request.', ['GET', 'HEAD']).prefault('GET'),
    statuses: list(statusRange(), 'Statuses of a good answer.').prefault(['200-299']),
    text: words('What the body has to hold, within its first 64 KB. Default: anything.').optional(),
    headers: headers(),
    tls: tlsSection(context).prefault({}),
    ...TIMES,
  }).transform(({ url, method, statuses, text: wanted, headers: fields, tls: proof, ...times }, issues) => {
    if (statuses.length === 0) addIssue(issues, 'is empty', { path: ['statuses'], allowed: 'at least one status' });
    if (wanted !== undefined && method === 'HEAD') addIssue(issues, 'needs method: GET', { path: ['text'] });
    mustBeTls(url, proof, (problem) => addIssue(issues, problem, { path: ['tls'] }));
    return filled({ kind: 'http', url, method, statuses, text: wanted, headers: fields, tls: proof }, times, issues);
  });
}

function tcp(context: ParseContext): Draft {
  return section('Anything that takes connections: it is well when it takes one.', {
    kind: z.literal('tcp'),
    address: serviceAddress('Where it is.', { directory: context.directory, port: undefined }),
    tls: optionalTls(context),
    ...TIMES,
  }).transform(({ address, tls: proof, ...times }, issues) =>
    filled({ kind: 'tcp', address, tls: proof }, times, issues),
  );
}

function tls(context: ParseContext): Draft {
  return section('A TLS server and its certificate, whatever it speaks.', {
    kind: z.literal('tls'),
    address: serviceAddress('Where it is.', { directory: context.directory, port: 443 }),
    ...tlsShape(context),
    ...TIMES,
  }).transform(({ address, ca, serverName, ...times }, issues) =>
    filled({ kind: 'tls', address, tls: { ca, serverName } }, times, issues),
  );
}

function webSocket(context: ParseContext): Draft {
  return section('A WebSocket server: a handshake, and a ping that it has to answer.', {
    kind: z.literal('websocket'),
    url: serviceUrl('What is asked.', ['ws', 'wss']),
    protocol: text('Subprotocol to ask for. Default: none.', {
      pattern: /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/,
      allowed: 'a name of a subprotocol',
      problem: 'is not a subprotocol',
    }).optional(),
    headers: headers(),
    ping: booleanLeaf('Whether it has to answer a ping. `false`: the handshake is enough.').prefault(true),
    tls: tlsSection(context).prefault({}),
    ...TIMES,
  }).transform(({ url, protocol, headers: fields, ping, tls: proof, ...times }, issues) => {
    mustBeTls(url, proof, (problem) => addIssue(issues, problem, { path: ['tls'] }));
    const target = { kind: 'websocket', url, protocol, headers: fields, hasPing: ping, tls: proof } as const;
    return filled(target, times, issues);
  });
}

function redis(context: ParseContext): Draft {
  return section('Redis or Valkey: it has to answer PING.', {
    kind: z.literal('redis'),
    address: serviceAddress('Where it is.', { directory: context.directory, port: 6_379 }),
    user: words('User name (ACL). Default: that of the server.').optional(),
    password: credential('Password, if it has one.', context).optional(),
    tls: optionalTls(context),
    ...TIMES,
  }).transform(({ address, user, password, tls: proof, ...times }, issues) => {
    if (user !== undefined && password === undefined) addIssue(issues, 'needs a password', { path: ['user'] });
    return filled({ kind: 'redis', address, user, password, tls: proof }, times, issues);
  });
}

function postgres(context: ParseContext): Draft {
  return section(
    'PostgreSQL. With a password it has to answer `SELECT 1`; without one it is well when it asks for a password.',
    {
      kind: z.literal('postgres'),
      address: serviceAddress('Where it is.', { directory: context.directory, port: 5_432 }),
      user: words('Name of the role.').prefault('postgres'),
      database: words('Name of the database. Default: the name of the role.').optional(),
      password: credential(
        'Password of the role. It proves itself by SCRAM-SHA-256; only over TLS it is also told to a server that asks for it.',
        context,
      ).optional(),
      tls: optionalTls(context),
      ...TIMES,
    },
  ).transform(({ address, user, database, password, tls: proof, ...times }, issues) =>
    filled({ kind: 'postgres', address, user, database: database ?? user, password, tls: proof }, times, issues),
  );
}

function dns(): Draft {
  return section('A name in the DNS.', {
    kind: z.literal('dns'),
    host: text('The name.', {
      pattern: /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*$/,
      allowed: 'a name such as game.example.com',
      problem: 'is not a name',
    }),
    type: choiceLeaf('Which records.', DNS_TYPES).prefault('A'),
    server: resolverAddress('The resolver to ask. Default: those of the system.').optional(),
    expect: list(
      words('A value: an address, `TARGET:PORT` of an SRV record, or a text.'),
      'What has to be among the answers. Default: any answer will do.',
    ).prefault([]),
    ...TIMES,
  }).transform(({ host, type, server, expect, ...times }, issues) =>
    filled({ kind: 'dns', host, type, server, expected: expect }, times, issues),
  );
}

/** What every service has. */
const TIMES = {
  interval: duration('Time from one check to the next.', { min: '1s', max: '1d' }).prefault('20s'),
  timeout: duration('Longest check; beyond it has failed.', { min: '100ms', max: '1m' }).prefault('5s'),
  slowAfter: duration(
    'A check that takes longer is slow, and a service that is slow as often as it would have to fail is degraded. Default: none is slow.',
    { min: '1ms', max: '1m' },
  ).optional(),
  failuresToDown: integerLeaf('Failed checks in a row after which it is down.', { min: 1, max: 100 }).prefault(3),
  successesToUp: integerLeaf('Good checks in a row after which it is up again.', { min: 1, max: 100 }).prefault(2),
};

interface Times {
  readonly kind: string;
  readonly interval: number;
  readonly timeout: number;
  readonly slowAfter?: number | undefined;
  readonly failuresToDown: number;
  readonly successesToUp: number;
}

function filled(target: ServiceTarget, times: Times, issues: z.RefinementCtx): ServiceDraft {
  const { interval, timeout, slowAfter, failuresToDown, successesToUp } = times;
  if (slowAfter !== undefined && slowAfter >= timeout) {
    addIssue(issues, 'is not less than the timeout', { path: ['slowAfter'], allowed: 'less than timeout' });
  }
  return { target, intervalMs: interval, timeoutMs: timeout, slowAfterMs: slowAfter, failuresToDown, successesToUp };
}

function mustBeTls(url: string, { ca, serverName }: ServiceTls, report: (problem: string) => void): void {
  const isAsked = ca !== undefined || serverName !== undefined;
  if (isAsked && !/^(https|wss):/.test(url)) report('is for https and wss only');
}
