import type { Clock, FlightRecorder, Log } from '@sallyport/kernel';
import type { TurnedAway } from '../acceptor/turned-away.ts';
import type { ClientResolver } from '../client/resolver.ts';
import type { Emitter } from '../emit/emitter.ts';
import type { GatewayMetrics } from '../emit/gateway-metrics.ts';
import type { Identifiers } from '../emit/identifiers.ts';
import type { ExchangeRecord } from '../emit/record.ts';
import type { HeldBytes } from '../inspection/held-bytes.ts';
import type { Turns } from '../inspection/turns.ts';
import type { Connection, ConnectionTable } from '../listener/connection-table.ts';
import type { StageName } from '../pipeline/order.ts';
import type { Policy } from '../pipeline/policy.ts';
import type { RelayRegistry } from '../websocket/registry.ts';
import type { Batch } from './batch.ts';

/** What every exchange of one gateway shares. */
export interface GatewayContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly emitter: Emitter;
  readonly metrics: GatewayMetrics;
  readonly ids: Identifiers;
  readonly connections: ConnectionTable;
  readonly relays: RelayRegistry;
  /** Bodies that wait for their judgement. */
  readonly held: HeldBytes;
  /** Judgements that are to be made in this turn of the event loop. */
  readonly batch: Batch;
  /** Of those whose judgement takes long. */
  readonly turns: Turns;
  /** An exchange begins: the policy in force, which it keeps to its end. Its event gives it back. */
  pinPolicy(record: ExchangeRecord): Policy;
  isDraining(): boolean;
  /** Keeps what is being judged, for whoever finds this thread dead. */
  readonly recorder: FlightRecorder | undefined;
  /** A stage has thrown; for whoever reports bugs. Must not throw. */
  readonly onTurnedAway: (listener: string, why: TurnedAway) => void;
  readonly onStageFailure: (stage: StageName, cause: unknown) => void;
}

/** A listener as exchanges see it. */
export interface Door {
  readonly name: string;
  readonly resolver: ClientResolver;
  readonly isRedirectedToHttps: boolean;
  /** What every request has to prove, for the count of attempts; undefined: nothing. */
  readonly requestProof: 'access-jwt' | 'origin-secret' | undefined;
  /** The policy in force no longer has this door: connections through it end with the request they carry. */
  isRetired: boolean;
}

/** One connection with the door it came through. */
export interface Arrival {
  readonly door: Door;
  readonly connection: Connection;
}
