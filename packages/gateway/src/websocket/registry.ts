import { type Clock, reason } from '@sallyport/kernel';
import { LocalCounts, type SharedCounts } from '../shared-counts.ts';
import { CLOSE } from './close.ts';
import { Relay, type RelayOptions } from './relay.ts';

export interface RelayRegistryOptions {
  readonly clock: Clock;
  /** A number from 0 up to, not including, 1. */
  readonly random: () => number;
  /** Connections of one client on one route, counted over all data planes. Default: this one is alone. */
  readonly counts?: SharedCounts;
}

/**
 * All relayed connections of one worker: counted per client, swept together, drained together.
 *
 * The owner calls `sweep` about once a second, and ten times a second while it drains.
 */
export class RelayRegistry {
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #relays = new Set<Relay>();
  /** Open or promised connections by route and client network. */
  readonly #counts: SharedCounts;
  /** When each relay is due, during a drain. */
  readonly #dueMs = new Map<Relay, number>();
  #drainEndMs: number | undefined;

  constructor(options: RelayRegistryOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#counts = options.counts ?? new LocalCounts();
  }

  /** Relays that are not yet closed. */
  get size(): number {
    return this.#relays.size;
  }

  get isDraining(): boolean {
    return this.#drainEndMs !== undefined;
  }

  /** The relays, oldest first; for progress events. */
  relays(): IterableIterator<Relay> {
    return this.#relays.values();
  }

  /**
   * Takes one of the `max` places that a client has on a route; undefined when none is left. To be taken before the
   * upstream is asked: otherwise many handshakes at once would all find a free place.
   */
  reserve(route: string, network: string, max: number): Slot | undefined {
    const giveBack = this.#counts.acquire(`websocket ${route}\n${network}`, max);
    return giveBack === undefined ? undefined : new Slot(giveBack);
  }

  /** Starts a relay; its end gives the slot back before `onClose` is called. */
  open(slot: Slot, options: Omit<RelayOptions, 'clock'>): Relay {
    const relay: Relay = new Relay({
      ...options,
      clock: this.#clock,
      onClose: (facts) => {
        this.#relays.delete(relay);
        this.#dueMs.delete(relay);
        slot.release();
        options.onClose(facts);
      },
    });
    this.#relays.add(relay);
    const nowMs = this.#clock.monotonicMs();
    // A handshake that was under way when the drain began: it leaves with the others.
    if (this.#drainEndMs !== undefined) {
      this.#dueMs.set(relay, nowMs + this.#random() * Math.max(0, this.#drainEndMs - nowMs));
    }
    return relay;
  }

  /** Judges all deadlines, and closes what a drain has made due. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [relay, dueMs] of this.#dueMs) {
      if (nowMs < dueMs) continue;
      this.#dueMs.delete(relay);
      relay.close(CLOSE.serviceRestart, 'service restart', reason('DRAINING'));
    }
    for (const relay of this.#relays) relay.sweep(nowMs);
  }

  /**
   * Closes every relay with 1012 over `spreadMs`: each in a slice of its own and at a random moment of that slice, so that
   * neither the upstreams nor the next process meet them all at once. A second call changes nothing.
   */
  drain(spreadMs: number): void {
    if (this.#drainEndMs !== undefined) return;
    const nowMs = this.#clock.monotonicMs();
    this.#drainEndMs = nowMs + spreadMs;
    const sliceMs = spreadMs / Math.max(1, this.#relays.size);
    let index = 0;
    for (const relay of this.#relays) {
      this.#dueMs.set(relay, nowMs + (index + this.#random()) * sliceMs);
      index += 1;
    }
  }

  /** Closes one relay with 1012 at a random moment within `spreadMs`: for clients who have to come again. */
  closeWithin(relay: Relay, spreadMs: number): void {
    if (!this.#relays.has(relay) || this.#dueMs.has(relay)) return;
    this.#dueMs.set(relay, this.#clock.monotonicMs() + this.#random() * spreadMs);
  }

  /** Closes every relay now; `text` as in `Relay.close`. */
  closeAll(code: number, text: string): void {
    for (const relay of this.#relays) relay.close(code, text, reason('DRAINING'));
  }

  /** The hard stop: ends every socket without a word. */
  destroyAll(): void {
    for (const relay of this.#relays) relay.destroy(reason('DRAINING'));
  }
}

/** A client's place among its WebSocket connections on a route. */
export class Slot {
  #giveBack: (() => void) | undefined;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  /** Gives the place back; a second call does nothing. Not needed once a relay was opened with it. */
  release(): void {
    this.#giveBack?.();
    this.#giveBack = undefined;
  }
}
