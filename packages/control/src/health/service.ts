import type { ServerAddress } from '@sallyport/kernel';

/** A service that somebody wants to know the state of, as it is configured. Holds secrets. */
export interface ServiceConfig {
  readonly name: string;
  readonly target: ServiceTarget;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** From which duration on a good answer counts as slow; undefined: never. */
  readonly slowAfterMs: number | undefined;
  readonly failuresToDown: number;
  readonly successesToUp: number;
}

/** What is asked, and what the right answer is. */
export type ServiceTarget =
  | HttpTarget
  | TcpTarget
  | TlsTarget
  | WebSocketTarget
  | RedisTarget
  | PostgresTarget
  | DnsTarget;

export type ServiceKind = ServiceTarget['kind'];

export interface HttpTarget {
  readonly kind: 'http';
  readonly url: string;
  readonly method: 'GET' | 'HEAD';
  /** Both ends included. */
  readonly statuses: readonly StatusRange[];
  /** What the body has to hold; undefined: anything. */
  readonly text: string | undefined;
  readonly headers: Headers;
  readonly tls: ServiceTls;
}

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

export interface TcpTarget {
  readonly kind: 'tcp';
  readonly address: ServerAddress;
  /** Undefined: in the clear. */
  readonly tls: ServiceTls | undefined;
}

export interface TlsTarget {
  readonly kind: 'tls';
  readonly address: ServerAddress;
  readonly tls: ServiceTls;
}

export interface WebSocketTarget {
  readonly kind: 'websocket';
  readonly url: string;
  readonly protocol: string | undefined;
  readonly headers: Headers;
  /** Whether the server has to answer a ping. */
  readonly hasPing: boolean;
  readonly tls: ServiceTls;
}

export interface RedisTarget {
  readonly kind: 'redis';
  readonly address: ServerAddress;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: ServiceTls | undefined;
}

export interface PostgresTarget {
  readonly kind: 'postgres';
  readonly address: ServerAddress;
  readonly user: string;
  readonly database: string;
  /** Undefined: a server that asks for one is well. */
  readonly password: string | undefined;
  readonly tls: ServiceTls | undefined;
}

export interface DnsTarget {
  readonly kind: 'dns';
  readonly host: string;
  readonly type: DnsType;
  /** `ADDRESS` or `ADDRESS:PORT`; undefined: those of the system. */
  readonly server: string | undefined;
  /** What has to be among the answers; empty: any answer will do. */
  readonly expected: readonly string[];
}

export const DNS_TYPES = ['A', 'AAAA', 'SRV', 'TXT'] as const;

export type DnsType = (typeof DNS_TYPES)[number];

/** How a server proves itself. Certificates are always verified. */
export interface ServiceTls {
  /** PEM of the only authorities that count; undefined: those of the system. */
  readonly ca: string | undefined;
  /** Undefined: the host that is connected to. */
  readonly serverName: string | undefined;
}

export type Headers = readonly (readonly [name: string, value: string])[];

/** Where it is, for people: without queries, which carry secrets. */
export function targetText(target: ServiceTarget): string {
  switch (target.kind) {
    case 'http':
    case 'websocket':
      return target.url.replace(/\?.*$/, '');
    case 'dns':
      return `${target.type} ${target.host}${target.server === undefined ? '' : ` at ${target.server}`}`;
    case 'tcp':
    case 'tls':
    case 'redis':
    case 'postgres':
      return addressText(target.address);
  }
}

function addressText(address: ServerAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
