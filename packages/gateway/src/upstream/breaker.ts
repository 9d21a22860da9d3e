import type { BreakerConfig } from '@sallyport/kernel';
import { CountWindow } from './count-window.ts';

/**
 * Whether requests may pass. `open`: none, until its time is over. `half-open`: a probe is out; no other request until it
 * has its result, or until `untilMs`, because a client could send its probe as slowly as it likes.
 */
export type BreakerState =
  | { readonly kind: 'closed' }
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'half-open'; readonly untilMs: number };

/** `probe`: the one request that finds out whether the servers are back; its result must be settled. */
export type Admission = 'pass' | 'probe' | 'refuse';

/** What became of a request. `none`: it says nothing about the server, for example because the client left. */
export type Outcome = 'success' | 'failure' | 'none';

export const CLOSED: BreakerState = Object.freeze({ kind: 'closed' });

/** May a request pass now? Pure: the caller stores the state. */
export function decide(state: BreakerState, config: BreakerConfig, nowMs: number): Decision {
  if (state.kind === 'closed') return PASSES;
  if (nowMs < state.untilMs) return { admission: 'refuse', state };
  return { admission: 'probe', state: { kind: 'half-open', untilMs: nowMs + config.openMs } };
}

export interface Decision {
  readonly admission: Admission;
  readonly state: BreakerState;
}

/** What was learnt, with the counts of the window in which it is included. */
export interface Settlement {
  readonly outcome: Outcome;
  readonly isProbe: boolean;
  readonly requests: number;
  readonly failures: number;
}

/** The state after a request has ended. Pure. */
export function settle(
  state: BreakerState,
  settlement: Settlement,
  config: BreakerConfig,
  nowMs: number,
): BreakerState {
  const opened: BreakerState = { kind: 'open', untilMs: nowMs + config.openMs };
  switch (state.kind) {
    case 'closed': {
      if (settlement.outcome !== 'failure' || settlement.requests < config.requestsMin) return state;
      return settlement.failures / settlement.requests >= config.errorRatio ? opened : state;
    }
    case 'open':
      // A request from before the opening: what it says is known already.
      return state;
    case 'half-open':
      if (!settlement.isProbe) return state;
      if (settlement.outcome === 'success') return CLOSED;
      // A probe that learnt nothing makes room for the next one at once.
      return settlement.outcome === 'failure' ? opened : { kind: 'open', untilMs: nowMs };
  }
}

/**
 * The circuit breaker of one upstream: when too many of its requests fail, asking stops for a while, so that a service
 * that is down is not also flooded, and clients get their refusal at once.
 *
 * A failure is: no connection, no or an invalid response, a response that broke off. An answer is never a failure,
 * whatever its status: who may ask for a page that fails could otherwise switch the service off for everybody.
 */
export class Breaker {
  readonly #config: BreakerConfig;
  readonly #window: CountWindow;
  readonly #onChange: (kind: BreakerState['kind']) => void;
  #state: BreakerState = CLOSED;

  constructor(config: BreakerConfig, onChange: (kind: BreakerState['kind']) => void) {
    this.#config = config;
    this.#window = new CountWindow(config.windowMs);
    this.#onChange = onChange;
  }

  get state(): BreakerState {
    return this.#state;
  }

  admit(nowMs: number): Admission {
    const decision = decide(this.#state, this.#config, nowMs);
    this.#change(decision.state);
    return decision.admission;
  }

  /** Would a request pass, or be the probe? Changes nothing. */
  wouldAdmit(nowMs: number): boolean {
    return decide(this.#state, this.#config, nowMs).admission !== 'refuse';
  }

  settle(outcome: Outcome, isProbe: boolean, nowMs: number): void {
    if (outcome !== 'none') this.#window.add(nowMs);
    if (outcome === 'failure') this.#window.addMarked(nowMs);
    // Almost always: nothing can follow from a success while the breaker is closed.
    if (outcome !== 'failure' && this.#state.kind === 'closed') return;
    const settlement = { outcome, isProbe, requests: this.#window.total, failures: this.#window.marked };
    this.#change(settle(this.#state, settlement, this.#config, nowMs));
  }

  #change(state: BreakerState): void {
    const isSame = state.kind === this.#state.kind;
    this.#state = state;
    if (isSame) return;
    // What failed before the breaker opened must not open it again after it has closed.
    if (state.kind === 'closed') this.#window.clear();
    this.#onChange(state.kind);
  }
}

const PASSES: Decision = Object.freeze({ admission: 'pass', state: CLOSED });
