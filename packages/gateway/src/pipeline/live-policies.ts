import { strict as assert } from 'node:assert';
import type { Policy } from './policy.ts';

/** Who keeps a policy; undefined until it has one. */
export interface Pinning {
  policy: Policy | undefined;
}

/**
 * The policies that one data plane holds: the one in force, and those that exchanges still hold on to. An exchange pins the
 * policy it began with; a retired policy lets go of its upstreams when nothing pins it any more.
 */
export class LivePolicies {
  /**
   * The one in force. Whoever puts another one in its place gives this one to `retire`. A field, because that is the step that
   * stands between two requests: what runs once in a reload has to be compiled when it runs, which takes longer than the step.
   */
  current: Policy;
  /** Oldest first. */
  readonly #retired: Policy[] = [];

  constructor(first: Policy) {
    this.current = first;
  }

  /** Versions that are still held, the oldest first, the one in force last. */
  get versions(): readonly number[] {
    return [...this.#retired, this.current].map(({ version }) => version);
  }

  /** For an exchange that begins; it gives the policy back with `unpin`. */
  pin(exchange: Pinning): Policy {
    this.current.pins += 1;
    exchange.policy = this.current;
    return this.current;
  }

  unpin({ policy }: Pinning): void {
    if (policy === undefined) return;
    assert(policy.pins > 0, 'a policy was given back too often');
    policy.pins -= 1;
    if (policy.pins === 0 && policy !== this.current) this.#release(policy);
  }

  /**
   * Another policy is in force in place of this one. While it is pinned it lives on, but no more than {@link RETIRED_MAX} do:
   * from the oldest one beyond, its upstreams are taken. What was sent to them finishes; an exchange that has not got that far
   * yet finds those that later policies name unchanged, and 503 for the others.
   */
  retire(before: Policy): void {
    if (before.pins === 0) before.upstreams.close();
    else this.#retired.push(before);
    const oldest = this.#retired[0];
    if (oldest !== undefined && this.#retired.length > RETIRED_MAX) this.#release(oldest);
  }

  /** Ends every upstream's idle connections. */
  close(): void {
    for (const policy of [...this.#retired, this.current]) policy.upstreams.close();
  }

  #release(policy: Policy): void {
    const index = this.#retired.indexOf(policy);
    if (index !== -1) this.#retired.splice(index, 1);
    policy.upstreams.close();
  }
}

/** Retired policies that live on: each may hold a hundred MiB, and a client that trickles a request holds one for minutes. */
const RETIRED_MAX = 2;
