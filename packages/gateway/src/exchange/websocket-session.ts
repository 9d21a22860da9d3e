import { type Client, reason } from '@sallyport/kernel';
import type { Dismissal, LiveExchange } from '../listener/connection-table.ts';
import { type Decision, decide } from '../pipeline/decide.ts';
import type { Policy } from '../pipeline/policy.ts';
import { CLOSE } from '../websocket/close.ts';
import type { Relay } from '../websocket/relay.ts';
import type { Door, GatewayContext } from './context.ts';
import { noteStageFailure } from './failures.ts';
import type { Forward } from './judge.ts';

export interface WebSocketSessionOptions {
  readonly context: GatewayContext;
  /** The handshake as it was judged. */
  readonly forward: Forward;
  readonly door: Door;
  readonly relay: Relay;
  /** Tells how far the connection has come. */
  readonly onProgress: () => void;
}

/** An open WebSocket connection: reports on itself, and can be judged again. Its deadlines are the relay's. */
export class WebSocketSession implements LiveExchange {
  readonly #options: WebSocketSessionOptions;
  #lastMs: number;

  constructor(options: WebSocketSessionOptions) {
    this.#options = options;
    this.#lastMs = options.context.clock.monotonicMs();
  }

  get client(): Client {
    return this.#options.forward.exchange.client;
  }

  get route(): string {
    return this.#options.forward.route.name;
  }

  get requestId(): string {
    return this.#options.forward.exchange.id;
  }

  /** The policy it came by is gone, and with it the door and what that knew of the client: it has to come again. */
  get isDoorRetired(): boolean {
    return this.#options.door.isRetired;
  }

  get bytes(): { readonly bytesIn: number; readonly bytesOut: number } {
    const { bytesIn, bytesOut } = this.#options.relay.facts();
    return { bytesIn, bytesOut };
  }

  get relay(): Relay {
    return this.#options.relay;
  }

  sweep(nowMs: number): void {
    if (nowMs - this.#lastMs < PROGRESS_MS) return;
    this.#lastMs = nowMs;
    this.#options.onProgress();
  }

  /** The relay says goodbye itself. */
  onShutdown(): void {
    return;
  }

  dismiss(code: Dismissal): void {
    const { relay } = this.#options;
    if (code === 'DRAINING') relay.close(CLOSE.serviceRestart, 'service restart', reason(code));
    else relay.close(CLOSE.forbidden, TEXTS[code], reason(code));
  }

  /** Judges the handshake again, by a policy that came later; a connection that it would not let in is closed with the reason. */
  rejudge(policy: Policy): void {
    const { exchange } = this.#options.forward;
    const again = { ...exchange, route: policy.router.find(exchange.request) };
    const decision = decide(again, policy, this.#options.context.clock);
    if (decision instanceof Promise) void decision.then((settled) => this.#settle(settled));
    else this.#settle(decision);
  }

  #settle({ verdict, failures }: Decision): void {
    const { context, relay } = this.#options;
    for (const { stage, cause } of failures) noteStageFailure(context, { stage, requestId: this.requestId, cause });
    if (verdict.kind === 'pass') return;
    const { code, detail } = verdict.reason;
    relay.close(
      CLOSE.forbidden,
      'policy changed',
      reason('POLICY_CHANGED', detail === undefined ? code : `${code}: ${detail}`),
    );
  }
}

const TEXTS: Readonly<Record<Exclude<Dismissal, 'DRAINING'>, string>> = {
  CLIENT_BANNED: 'not allowed here',
  CLOSED_BY_OPERATOR: 'closed by an operator',
};

/** How often an open connection reports its counters. */
const PROGRESS_MS = 60_000;
