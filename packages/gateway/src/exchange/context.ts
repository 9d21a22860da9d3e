import type { Clock, Log } from '@sallyport/kernel';
import type { ClientResolver } from '../client/resolver.ts';
import type { Emitter } from '../emit/emitter.ts';
import type { GatewayMetrics } from '../emit/gateway-metrics.ts';
import type { Identifiers } from '../emit/identifiers.ts';
import type { Connection, ConnectionTable } from '../listener/connection-table.ts';
import type { Policy } from '../pipeline/policy.ts';
import type { Upstream } from '../upstream/port.ts';
import type { RelayRegistry } from '../websocket/registry.ts';

/** What every exchange of one gateway shares. */
export interface GatewayContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly emitter: Emitter;
  readonly metrics: GatewayMetrics;
  readonly ids: Identifiers;
  readonly connections: ConnectionTable;
  readonly relays: RelayRegistry;
  /** The policy in force; an exchange asks once, at its beginning. */
  policy(): Policy;
  upstream(name: string): Upstream | undefined;
  isDraining(): boolean;
}

/** A listener as exchanges see it. */
export interface Door {
  readonly name: string;
  readonly resolver: ClientResolver;
  readonly isRedirectedToHttps: boolean;
  /** What every request has to prove, for the count of attempts; undefined: nothing. */
  readonly requestProof: 'access-jwt' | 'origin-secret' | undefined;
}

/** One connection with the door it came through. */
export interface Arrival {
  readonly door: Door;
  readonly connection: Connection;
}
