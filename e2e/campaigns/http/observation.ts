import type { ExchangeEvent } from '@sallyport/kernel';
import type { WireRequest } from '../../../packages/gateway/test/request/request-reader.ts';

/** What one input came to, on both sides of a proxy. */
export interface Observation {
  /** Everything the client got. */
  readonly received: Buffer;
  /** The proxy closed the connection after the client had ended its side. */
  readonly isClosed: boolean;
  /** What reached the upstream, whole. */
  readonly requests: readonly WireRequest[];
  /** Bytes that reached the upstream and that no strict server accepts. */
  readonly faults: readonly string[];
  /** Heads that reached the upstream without the end of their body. */
  readonly cutHeads: readonly string[];
}

/** The same of the gateway, which also says what it did. */
export interface GatewayObservation extends Observation {
  readonly events: readonly ExchangeEvent[];
  /** Errors the gateway logged. */
  readonly errors: readonly string[];
}
