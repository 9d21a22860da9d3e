import type { JwksFetch } from '@sallyport/identity';
import type { Clock, EventSink, FlightRecorder, Log, MetricsRegistry } from '@sallyport/kernel';
import type { TurnedAway } from './acceptor/turned-away.ts';
import type { StageName } from './pipeline/order.ts';
import type { SharedCounts } from './shared-counts.ts';

/** What a data plane is given. */
export interface GatewayDeps {
  /** Name of this node in events. */
  readonly node: string;
  readonly sink: EventSink;
  readonly metrics: MetricsRegistry;
  readonly log: Log;
  readonly clock: Clock;
  /** A number from 0 up to, not including, 1. Default: `Math.random`; nothing secret depends on it. */
  readonly random?: () => number;
  /** How keys of Cloudflare Access are fetched. Default: the platform's `fetch`. */
  readonly fetchKeys?: JwksFetch;
  /** Encrypts TLS session tickets, 48 bytes. Default: a key that nobody else has. */
  readonly ticketKeys?: Buffer;
  /** Counts of clients that other data planes of this node count as well. Default: this one is alone. */
  readonly counts?: SharedCounts;
  /** Number of this data plane on its node. Default 0. */
  readonly plane?: number;
  /** How many data planes share the limits of connections. Default 1. */
  readonly planes?: number;
  /** Connections came or went; for whoever hands them over. */
  readonly onLoad?: (by: 1 | -1) => void;
  /** A listener of this data plane could not accept a connection. */
  readonly onTurnedAway?: (listener: string, why: TurnedAway) => void;
  /** Keeps what is being judged, for whoever finds this thread dead. */
  readonly recorder?: FlightRecorder;
  /** A stage has thrown, and its request was judged as it does then; for whoever reports bugs. Must not throw. */
  readonly onStageFailure?: (stage: StageName, cause: unknown) => void;
}
