import type { ClientPolicy, ListenerConfig, RouteConfig, TunnelProof, UpstreamConfig } from '@sallyport/kernel';
import { printQuery } from '@sallyport/siem';
import { stringify } from 'yaml';
import { formatAddress } from './addresses.ts';
import { describeNotifications } from './describe-notifications.ts';
import { describeServices } from './describe-services.ts';
import { describeWaf, describeWafPolicy } from './describe-waf.ts';
import type { SallyportConfig } from './parts.ts';
import type { AdminConfig } from './schema/admin.ts';
import type { ErrorReportsConfig } from './schema/error-reports.ts';
import type { SinkConfig } from './schema/events.ts';
import { parseCertificate } from './schema/key-pair.ts';
import type { StateConfig } from './schema/state.ts';
import { formatDuration, formatSize } from './units.ts';

/**
 * The configuration that holds, as YAML with the keys of the file, every default written out and every secret replaced.
 * Where nothing was replaced, loading the text gives the same configuration again.
 */
export function describeConfig(config: SallyportConfig): string {
  return stringify(describeParts(config, PLAIN_MASKS), { lineWidth: 0, aliasDuplicateObjects: false });
}

/** What stands in the place of what is not shown. */
export interface Masks {
  secret(value: string): string;
  /** A certificate is no secret, but nobody reads PEM. */
  certificate(pem: string): string;
  keys(jwks: string): string;
  /** A list that is too long to be written out. */
  networks(networks: readonly string[]): string;
}

function describeState({ folder, events }: StateConfig): Readonly<Record<string, unknown>> {
  if (events === undefined) return { folder, events: false };
  return { folder, events: { retentionDays: events.retentionDays, quota: formatSize(events.quotaBytes) } };
}

/** The same as plain data. Every key of the file that has a value is there. */
export function describeParts(config: SallyportConfig, masks: Masks): Readonly<Record<string, unknown>> {
  const { gateway, operations, admin, state, events, notifications, errorReports, services, log, workers, reload } =
    config;
  const { connections, drain, lists } = gateway;
  return {
    version: 1,
    mode: gateway.mode,
    observe: gateway.observe || (gateway.observeStages.length > 0 ? gateway.observeStages : false),
    listeners: gateway.listeners.map((listener) => describeListener(listener, masks)),
    upstreams: Object.fromEntries(
      gateway.upstreams.map((upstream) => [upstream.name, describeUpstream(upstream, masks)]),
    ),
    routes: gateway.routes.map(describeRoute),
    lists: { allow: describeNetworks(lists.allow, masks), deny: describeNetworks(lists.deny, masks) },
    connections: {
      max: connections.connectionsMax,
      perClientMax: connections.perClientMax,
      halfOpenPerClientMax: connections.halfOpenPerClientMax,
      handshakeTimeout: formatDuration(connections.handshakeMs),
      headerTimeout: formatDuration(connections.headerMs),
      keepAlive: formatDuration(connections.keepAliveMs),
      headerMax: formatSize(connections.headerBytesMax),
    },
    waf: describeWaf(gateway.waf),
    drain: {
      deadline: formatDuration(drain.deadlineMs),
      webSocketSpread: formatDuration(drain.webSocketSpreadMs),
    },
    operations:
      operations === undefined ? false : { address: formatAddress(operations.address), exposed: operations.isExposed },
    admin: admin === undefined ? false : describeAdmin(admin),
    ...(state === undefined ? {} : { state: describeState(state) }),
    ...(events.sinks.length === 0 ? {} : { events: { sinks: events.sinks.map(describeSink) } }),
    notifications: describeNotifications(notifications, masks),
    ...(errorReports === undefined ? {} : { errorReports: describeErrorReports(errorReports, masks) }),
    ...(services.length === 0 ? {} : { services: describeServices(services, masks) }),
    log: {
      level: log.level,
      destination: log.destination.kind === 'stdout' ? 'stdout' : { file: log.destination.path },
    },
    workers: {
      count: workers.count,
      memoryMax: formatSize(workers.memoryBytesMax),
      hangAfter: formatDuration(workers.hangMs),
      ...(workers.diagnostics === undefined ? {} : { diagnostics: workers.diagnostics }),
    },
    reload: { watch: reload.isWatched },
  };
}

const PLAIN_MASKS: Masks = {
  secret: () => '<secret>',
  certificate: describeCertificate,
  keys: () => '<keys>',
  networks: ({ length }) => `<${length} networks>`,
};

/** Longest list of networks that is written out. */
const NETWORKS_SHOWN_MAX = 50;

function describeAdmin({ socket, address, sessionIdleMs, sessionLifeMs }: AdminConfig): object {
  return {
    ...(socket === undefined ? {} : { socket }),
    ...(address === undefined ? {} : { address: formatAddress(address) }),
    sessionIdle: formatDuration(sessionIdleMs),
    sessionLifetime: formatDuration(sessionLifeMs),
  };
}

function describeErrorReports({ endpoint, key, environment }: ErrorReportsConfig, masks: Masks): object {
  return { dsn: masks.secret(`${key} ${endpoint}`), ...(environment === undefined ? {} : { environment }) };
}

function describeSink(sink: SinkConfig): object {
  return {
    name: sink.name,
    kind: sink.kind,
    path: sink.path,
    rotate: { size: formatSize(sink.rotateBytes), every: formatDuration(sink.rotateMs) },
    keep: { files: sink.filesMax, total: formatSize(sink.bytesMax) },
    format: sink.format,
    ...(sink.filter === undefined ? {} : { filter: printQuery(sink.filter) }),
  };
}

function describeListener(listener: ListenerConfig, masks: Masks): object {
  const { address, tls } = listener;
  return {
    name: listener.name,
    address: formatAddress(address),
    ...(address.kind === 'unix' ? { access: accessOf(address.mode) } : {}),
    ...(tls === undefined
      ? {}
      : {
          tls: {
            certificates: tls.certificates.map(({ certificate, key }) => ({
              certificate: masks.certificate(certificate),
              key: masks.secret(key),
            })),
            minVersion: tls.minVersion,
          },
        }),
    client: describeClient(listener.client, masks),
    insecure: listener.isInsecure,
    redirectToHttps: listener.isRedirectedToHttps,
  };
}

function accessOf(mode: number): string {
  if ((mode & 0o007) !== 0) return 'everyone';
  return (mode & 0o070) === 0 ? 'owner' : 'group';
}

function describeClient(client: ClientPolicy, masks: Masks): object | string {
  switch (client.kind) {
    case 'direct':
      return client.kind;
    case 'proxy-protocol':
    case 'trusted-proxies':
      return { kind: client.kind, from: client.from };
    case 'cloudflare':
      return { kind: client.kind, clientCa: masks.certificate(client.clientCa) };
    case 'cloudflare-tunnel':
      return { kind: client.kind, proof: describeProof(client.proof, masks) };
  }
}

function describeProof(proof: TunnelProof, masks: Masks): object | string {
  switch (proof.kind) {
    case 'unix-socket':
      return proof.kind;
    case 'access-jwt': {
      const { kind, issuer, audience, keys } = proof;
      const source = keys.kind === 'url' ? { keysUrl: keys.url } : { keysFile: masks.keys(keys.jwks) };
      return { kind, issuer, audience, ...source };
    }
    case 'origin-secret':
      return { kind: proof.kind, header: proof.header, secrets: proof.secrets.map((secret) => masks.secret(secret)) };
  }
}

function describeUpstream(upstream: UpstreamConfig, masks: Masks): object {
  const { healthCheck, ejection, timeouts, retries, breaker, pool, tls } = upstream;
  const scheme = tls === undefined ? 'http' : 'https';
  return {
    servers: upstream.servers.map(({ address, weight }) => ({
      url: address.kind === 'unix' ? formatAddress(address) : `${scheme}://${formatAddress(address)}`,
      weight,
    })),
    ...(tls === undefined ? {} : { tls: describeUpstreamTls(tls, masks) }),
    balance: upstream.balance,
    ...(healthCheck === undefined
      ? {}
      : {
          healthCheck: {
            path: healthCheck.path,
            interval: formatDuration(healthCheck.intervalMs),
            timeout: formatDuration(healthCheck.timeoutMs),
            healthyAfter: healthCheck.healthyAfter,
            unhealthyAfter: healthCheck.unhealthyAfter,
          },
        }),
    ejection: { failures: ejection.failuresMax, duration: formatDuration(ejection.durationMs) },
    timeouts: {
      connect: formatDuration(timeouts.connectMs),
      head: formatDuration(timeouts.headMs),
      idle: formatDuration(timeouts.idleMs),
    },
    retries: { attempts: retries.attemptsMax, budget: retries.budgetRatio },
    breaker: {
      errorRatio: breaker.errorRatio,
      requests: breaker.requestsMin,
      window: formatDuration(breaker.windowMs),
      open: formatDuration(breaker.openMs),
    },
    pool: {
      connections: pool.connectionsMax,
      idle: pool.idleMax,
      idleTime: formatDuration(pool.idleMs),
      pending: pool.pendingMax,
    },
  };
}

function describeUpstreamTls(tls: NonNullable<UpstreamConfig['tls']>, masks: Masks): object {
  return {
    ...(tls.ca === undefined ? {} : { ca: masks.certificate(tls.ca) }),
    ...(tls.identity === undefined
      ? {}
      : {
          identity: { certificate: masks.certificate(tls.identity.certificate), key: masks.secret(tls.identity.key) },
        }),
    ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
}

function describeRoute(route: RouteConfig): object {
  const { match, request, webSocket } = route;
  return {
    name: route.name,
    match: {
      host: match.hosts,
      ...(match.path.kind === 'exact' ? { exactPath: match.path.value } : { path: match.path.value }),
      methods: match.methods,
      headers: Object.fromEntries(match.headers.map(({ name, value }) => [name, value ?? true])),
    },
    upstream: route.upstream,
    profile: route.profile,
    hostHeader: route.hostHeader,
    request: {
      methods: request.methods,
      bodyMax: formatSize(request.bodyBytesMax),
      headerMax: formatSize(request.headerBytesMax),
      headerCountMax: request.headersMax,
      targetMax: formatSize(request.targetBytesMax),
      contentTypes: request.contentTypes,
      bodyOnGet: request.isBodyOnGetAllowed,
      encodedSlash: request.isEncodedSlashAllowed,
      bodyRateMin: formatSize(request.bodyBytesPerSecondMin),
      bodyGrace: formatDuration(request.bodyGraceMs),
      totalTimeout: formatDuration(request.totalMs),
      stallTimeout: formatDuration(request.stallMs),
    },
    webSocket: {
      allowed: webSocket.isAllowed,
      messageMax: formatSize(webSocket.messageBytesMax),
      fragmentsMax: webSocket.fragmentsMax,
      idleTimeout: formatDuration(webSocket.idleMs),
      perClientMax: webSocket.perClientMax,
      bufferMax: formatSize(webSocket.bufferBytesMax),
      stallTimeout: formatDuration(webSocket.stallMs),
    },
    waf: describeWafPolicy(route.waf),
  };
}

function describeNetworks(networks: readonly string[], masks: Masks): readonly string[] | string {
  return networks.length <= NETWORKS_SHOWN_MAX ? networks : masks.networks(networks);
}

/** Its names and its end. */
export function describeCertificate(pem: string): string {
  const certificate = parseCertificate(pem);
  if (certificate === undefined) return '<certificate>';
  const names = certificate.subjectAltName ?? certificate.subject.replaceAll('\n', ', ');
  return `<certificate of ${names} until ${certificate.validToDate.toISOString().slice(0, 10)}>`;
}
