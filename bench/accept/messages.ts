import type { Socket } from 'node:net';

export type Way = 'handoff' | 'reuseport';

/** What a worker is started with. */
export interface Placement {
  readonly way: Way;
  readonly port: number;
  /** One number: the sockets that the worker has or will have. */
  readonly count: Int32Array;
}

/** What a worker says. */
export type Said = { readonly kind: 'ready' };

/** What a worker is told. */
export type Told = { readonly kind: 'socket'; readonly socket: Socket } | { readonly kind: 'drain' };

/** Connections that may wait to be accepted: more than the clients open at once. */
export const BACKLOG = 1_024;
