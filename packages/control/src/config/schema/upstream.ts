import type { HealthCheck, ServerAddress, UpstreamConfig, UpstreamTls } from '@sallyport/kernel';
import { z } from 'zod';
import { type ServerUrl, serverUrl } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, choiceLeaf, integerLeaf, ratioLeaf, section } from '../leaf.ts';
import { duration, fileContent, list, text } from '../leaves.ts';
import { keyPair, parseCertificate } from './key-pair.ts';

/** An upstream without its name, which is its key in the file. */
export type UpstreamDraft = Omit<UpstreamConfig, 'name'>;

/** One entry of `upstreams`: the URL of its only server, or a section. */
export function upstream(context: ParseContext): z.ZodType<UpstreamDraft> {
  const long = upstreamSection(context);
  const short = serverUrl('The only server; everything else has its default.', context.directory).transform(
    (server): UpstreamDraft => ({
      ...DEFAULTS.parse(EMPTY),
      servers: [weighted(server)],
      tls: defaultTls(server.isTls),
    }),
  );
  return z.union([short, long]);
}

function upstreamSection(context: ParseContext): z.ZodType<UpstreamDraft> {
  return section('Servers that give the same answers.', {
    servers: list(server(context), 'The servers: URLs, or sections with `url` and `weight`.'),
    tls: tls(context).optional(),
    ...SHAPE,
  }).transform((raw, issues): UpstreamDraft => {
    const { servers, tls: own, ...rest } = raw;
    const isTls = servers.some(({ isTls: secure }) => secure);
    if (servers.length === 0) addIssue(issues, 'is empty', { path: ['servers'], allowed: 'at least one server' });
    if (isTls && servers.some(({ isTls: secure }) => !secure)) {
      addIssue(issues, 'mixes https with other servers', {
        path: ['servers'],
        allowed: 'https for all of them, or for none',
      });
    }
    if (own !== undefined && !isTls) addIssue(issues, 'is for https servers only', { path: ['tls'] });
    return { ...rest, servers: servers.map(weighted), tls: own ?? defaultTls(isTls) };
  });
}

/** What an upstream has beside its servers; every default stands here. */
const SHAPE = {
  balance: choiceLeaf(
    'Which server is asked: in turn, the one with the fewest requests under way, or always the same for one client.',
    ['round-robin', 'least-connections', 'consistent-hash'],
  ).prefault('round-robin'),
  healthCheck: healthCheck()
    .optional()
    .transform((check) => check),
  ejection: section('A server with this many failures in a row is left out for a while.', {
    failures: integerLeaf('Failures in a row.', { min: 1, max: 1_000 }).prefault(5),
    duration: duration('How long it is left out.', { min: '1s', max: '1h' }).prefault('30s'),
  })
    .transform((raw) => ({ failuresMax: raw.failures, durationMs: raw.duration }))
    .prefault({}),
  timeouts: section('How long to wait for a server.', {
    connect: duration('For a connection, TLS included.', { min: '10ms', max: '1m' }).prefault('5s'),
    head: duration('From the last byte of a request to the head of its response.', { min: '10ms', max: '1h' }).prefault(
      '30s',
    ),
    idle: duration('Between two pieces of a response body.', { min: '10ms', max: '1h' }).prefault('60s'),
  })
    .transform((raw) => ({ connectMs: raw.connect, headMs: raw.head, idleMs: raw.idle }))
    .prefault({}),
  retries: section('Another try, only where nothing was sent or the method may be repeated.', {
    attempts: integerLeaf('Tries in all, the first one included. 1: no retries.', { min: 1, max: 10 }).prefault(3),
    budget: ratioLeaf('Share of requests that may be retries, so that retries cannot become a storm.', {
      min: 0,
      max: 1,
    }).prefault(0.2),
  })
    .transform((raw) => ({ attemptsMax: raw.attempts, budgetRatio: raw.budget }))
    .prefault({}),
  breaker: section('Stops asking an upstream that mostly fails; after a pause one request is let through as a probe.', {
    errorRatio: ratioLeaf('Share of failed requests that opens it.', { min: 0.01, max: 1 }).prefault(0.5),
    requests: integerLeaf('Fewest requests in the window before it may open.', { min: 1, max: 1_000_000 }).prefault(20),
    window: duration('Over which time failures are counted.', { min: '1s', max: '10m' }).prefault('10s'),
    open: duration('How long it stays open before the probe.', { min: '100ms', max: '10m' }).prefault('5s'),
  })
    .transform((raw) => ({
      errorRatio: raw.errorRatio,
      requestsMin: raw.requests,
      windowMs: raw.window,
      openMs: raw.open,
    }))
    .prefault({}),
  pool: section('Connections to each server.', {
    connections: integerLeaf('Most connections for requests.', { min: 1, max: 100_000 }).prefault(256),
    idle: integerLeaf('Most connections kept while nobody needs them.', { min: 0, max: 100_000 }).prefault(64),
    idleTime: duration('How long they are kept. Shorter than the server keeps them: Node.js servers close after 5s.', {
      min: '100ms',
      max: '10m',
    }).prefault('4s'),
    pending: integerLeaf('Most requests that wait for a connection; more are refused with 503.', {
      min: 0,
      max: 1_000_000,
    }).prefault(1_024),
  })
    .transform((raw) => ({
      connectionsMax: raw.connections,
      idleMax: raw.idle,
      idleMs: raw.idleTime,
      pendingMax: raw.pending,
    }))
    .prefault({}),
};

const DEFAULTS = z.object(SHAPE);

const EMPTY = {};

function server(context: ParseContext): z.ZodType<ServerUrl & { readonly weight: number }> {
  const url = serverUrl('URL of the server.', context.directory);
  const long = section('A server with a weight.', {
    url,
    weight: integerLeaf('Share of requests, relative to the others.', { min: 1, max: 1_000 }).prefault(1),
  });
  return z.union([
    url.transform((value) => ({ ...value, weight: 1 })),
    long.transform((raw) => ({ ...raw.url, weight: raw.weight })),
  ]);
}

function tls(context: ParseContext): z.ZodType<UpstreamTls> {
  return section('How https servers prove themselves, and we to them. Certificates are always verified.', {
    ca: fileContent('PEM file of the only authorities that count. Default: those of the system.', context).optional(),
    identity: keyPair(context).optional(),
    serverName: text('Name the certificate must be for. Default: the host of the URL.', {
      pattern: /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
      allowed: 'a host name',
      problem: 'is not a host name',
    }).optional(),
  }).transform((raw, issues): UpstreamTls => {
    if (raw.ca !== undefined && parseCertificate(raw.ca) === undefined) {
      addIssue(issues, 'is not a PEM certificate', { path: ['ca'] });
    }
    return { ca: raw.ca, identity: raw.identity, serverName: raw.serverName };
  });
}

function healthCheck(): z.ZodType<HealthCheck> {
  const path = text('Path that answers 2xx or 3xx when the server is well.', {
    pattern: /^\/[!-~]*$/,
    allowed: 'a path such as /health',
    problem: 'is not a path',
  });
  const long = section('Ask each server regularly whether it is well. Default: no active checks.', {
    path,
    interval: duration('Time between two checks.', { min: '500ms', max: '1h' }).prefault('10s'),
    timeout: duration('Longest wait for an answer.', { min: '10ms', max: '1m' }).prefault('2s'),
    healthyAfter: integerLeaf('Good answers in a row that bring a server back.', { min: 1, max: 100 }).prefault(2),
    unhealthyAfter: integerLeaf('Bad answers in a row that take it out.', { min: 1, max: 100 }).prefault(3),
  });
  const fill = (raw: z.output<typeof long>): HealthCheck => ({
    path: raw.path,
    intervalMs: raw.interval,
    timeoutMs: raw.timeout,
    healthyAfter: raw.healthyAfter,
    unhealthyAfter: raw.unhealthyAfter,
  });
  return z.union([path.transform((value) => fill(long.parse({ path: value }))), long.transform(fill)]);
}

function weighted(server: ServerUrl & { readonly weight?: number }): { address: ServerAddress; weight: number } {
  return { address: server.address, weight: server.weight ?? 1 };
}

function defaultTls(isTls: boolean): UpstreamTls | undefined {
  return isTls ? { ca: undefined, identity: undefined, serverName: undefined } : undefined;
}
