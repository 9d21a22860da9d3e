import type { Clock, Decision, DecisionChange, DecisionSnapshot } from '@sallyport/kernel';

export interface DecisionLogOptions {
  readonly clock: Clock;
  readonly decisionsMax: number;
  /** Brings a change to all data planes, in order; answers how many have confirmed it. */
  readonly onChange: (change: DecisionChange) => Promise<number>;
}

/** All decisions in force, and the order in which they came to be. The one writer of sequence numbers. */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #inForce = new Map<string, Decision>();
  #sequence = 0;
  /** None ends before that: a hundred thousand that are taken one by one must not be looked through each time. */
  #nextEndMs = Number.POSITIVE_INFINITY;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
  }

  /** What is in force, the oldest first. */
  snapshot(): DecisionSnapshot {
    this.#forgetEnded();
    return { sequence: this.#sequence, decisions: [...this.#inForce.values()] };
  }

  /** Takes a decision; answers how many have confirmed it. `known`: one with this id is in force, and nothing changes. */
  take(decision: Decision): Promise<number> | 'known' | 'too-many' {
    this.#forgetEnded();
    if (this.#inForce.has(decision.id)) return 'known';
    if (this.#inForce.size >= this.#options.decisionsMax) return 'too-many';
    this.#inForce.set(decision.id, decision);
    this.#nextEndMs = Math.min(this.#nextEndMs, decision.endsMs ?? Number.POSITIVE_INFINITY);
    this.#sequence += 1;
    return this.#options.onChange({ kind: 'take', sequence: this.#sequence, decision });
  }

  /** Ends a decision; answers how many have confirmed that. Undefined when none with this id is in force. */
  revoke(id: string): Promise<number> | undefined {
    this.#forgetEnded();
    if (!this.#inForce.delete(id)) return undefined;
    this.#sequence += 1;
    return this.#options.onChange({ kind: 'revoke', sequence: this.#sequence, id });
  }

  /** What has ended holds nowhere any more, so nobody has to be told. */
  #forgetEnded(): void {
    const nowMs = this.#options.clock.wallMs();
    if (nowMs < this.#nextEndMs) return;
    this.#nextEndMs = Number.POSITIVE_INFINITY;
    for (const [id, { endsMs = Number.POSITIVE_INFINITY }] of this.#inForce) {
      if (endsMs <= nowMs) this.#inForce.delete(id);
      else this.#nextEndMs = Math.min(this.#nextEndMs, endsMs);
    }
  }
}
