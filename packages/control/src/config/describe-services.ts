import type { ServiceConfig, ServiceTarget, ServiceTls } from '../health/service.ts';
import { formatAddress } from './addresses.ts';
import type { Masks } from './describe.ts';
import { formatDuration } from './units.ts';

/** `services` with the keys of the file, every default written out and every secret replaced. */
export function describeServices(services: readonly ServiceConfig[], masks: Masks): Readonly<Record<string, object>> {
  return Object.fromEntries(services.map((service) => [service.name, describeService(service, masks)]));
}

function describeService(service: ServiceConfig, masks: Masks): object {
  return {
    kind: service.target.kind,
    ...describeTarget(service.target, masks),
    interval: formatDuration(service.intervalMs),
    timeout: formatDuration(service.timeoutMs),
    ...(service.slowAfterMs === undefined ? {} : { slowAfter: formatDuration(service.slowAfterMs) }),
    failuresToDown: service.failuresToDown,
    successesToUp: service.successesToUp,
  };
}

function describeTarget(target: ServiceTarget, masks: Masks): object {
  switch (target.kind) {
    case 'http':
      return {
        url: describeUrl(target.url, masks),
        method: target.method,
        statuses: target.statuses.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)),
        ...(target.text === undefined ? {} : { text: target.text }),
        headers: describeHeaders(target.headers, masks),
        tls: describeTls(target.tls, masks),
      };
    case 'tcp':
      return { address: formatAddress(target.address), tls: describeOptionalTls(target.tls, masks) };
    case 'tls':
      return { address: formatAddress(target.address), ...describeTls(target.tls, masks) };
    case 'websocket':
      return {
        url: describeUrl(target.url, masks),
        ...(target.protocol === undefined ? {} : { protocol: target.protocol }),
        headers: describeHeaders(target.headers, masks),
        ping: target.hasPing,
        tls: describeTls(target.tls, masks),
      };
    case 'redis':
      return {
        address: formatAddress(target.address),
        ...(target.user === undefined ? {} : { user: target.user }),
        ...describePassword(target.password, masks),
        tls: describeOptionalTls(target.tls, masks),
      };
    case 'postgres':
      return {
        address: formatAddress(target.address),
        user: target.user,
        database: target.database,
        ...describePassword(target.password, masks),
        tls: describeOptionalTls(target.tls, masks),
      };
    case 'dns':
      return {
        host: target.host,
        type: target.type,
        ...(target.server === undefined ? {} : { server: target.server }),
        expect: target.expected,
      };
  }
}

/** A query may carry a token. */
function describeUrl(url: string, masks: Masks): string {
  const query = url.indexOf('?');
  return query < 0 ? url : `${url.slice(0, query)}?${masks.secret(url.slice(query + 1))}`;
}

function describeHeaders(headers: readonly (readonly [string, string])[], masks: Masks): object {
  return Object.fromEntries(headers.map(([name, value]) => [name, masks.secret(value)]));
}

function describePassword(password: string | undefined, masks: Masks): object {
  return password === undefined ? {} : { password: masks.secret(password) };
}

function describeOptionalTls(tls: ServiceTls | undefined, masks: Masks): object | boolean {
  if (tls === undefined) return false;
  return tls.ca === undefined && tls.serverName === undefined ? true : describeTls(tls, masks);
}

function describeTls({ ca, serverName }: ServiceTls, masks: Masks): object {
  return {
    ...(ca === undefined ? {} : { ca: masks.certificate(ca) }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}
