import type { Server, Socket } from 'node:net';

export type Way = 'handoff' | 'reuseport' | 'shared';

/** What a worker is started with. */
export interface Placement {
  readonly way: Way;
  readonly port: number;
  /** The sockets that each worker has or will have, by place; {@link ABSENT} where nobody takes any. */
  readonly counts: Int32Array;
  /** Which of them is this worker's. */
  readonly place: number;
}

/** What a worker says. */
export type Said = { readonly kind: 'ready' } | { readonly kind: 'socket'; readonly socket: Socket };

/** What a worker is told. */
export type Told =
  | { readonly kind: 'server'; readonly server: Server }
  | { readonly kind: 'socket'; readonly socket: Socket }
  | { readonly kind: 'drain' };

/** Connections that may wait to be accepted: more than the clients open at once. */
export const BACKLOG = 1_024;

/** Connections more than the fewest a worker of the shared way may have before it hands the next one on. */
export const LEAD = 4;

export const ABSENT: number = 2 ** 30;
