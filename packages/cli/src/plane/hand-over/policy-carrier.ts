import type { Log } from '@sallyport/kernel';
import { type CarriedPolicy, piecesOf, RELEASE } from './carried-policy.ts';
import type { Answer, HeldPolicy, Question } from './messages.ts';

export interface PolicyCarrierOptions {
  readonly log: Log;
  /** @throws Error when there is no answer, or a failure for one. */
  readonly ask: (question: Question, msMax: number) => Promise<Answer>;
}

/**
 * Brings the policy in force to the process before us. Of several that come while one is on its way only the last one counts. What
 * cannot be brought is told, and nothing else happens: that process ends soon.
 */
export class PolicyCarrier {
  readonly #options: PolicyCarrierOptions;
  #isThere = false;
  /** Why it cannot have policies of ours; undefined: it can. */
  #hindrance: string | undefined;
  #wanted: CarriedPolicy | undefined;
  #isCarrying = false;

  constructor(options: PolicyCarrierOptions) {
    this.#options = options;
  }

  /** It follows. `held`: undefined for one that is of a release which takes no policies. */
  begin(held: HeldPolicy | undefined, policy: CarriedPolicy): void {
    this.#isThere = true;
    if (held?.release !== RELEASE) this.#hindrance = `it is of another release: ${held?.release ?? 'an earlier one'}`;
    if (held?.hash !== policy.hash) this.bring(policy);
  }

  bring(policy: CarriedPolicy): void {
    if (!this.#isThere) return;
    if (this.#hindrance !== undefined) return this.#refused(policy, this.#hindrance);
    this.#wanted = policy;
    if (!this.#isCarrying) void this.#carryAll();
  }

  /** It is gone. */
  end(): void {
    this.#isThere = false;
    this.#wanted = undefined;
  }

  async #carryAll(): Promise<void> {
    this.#isCarrying = true;
    for (let policy = this.#next(); policy !== undefined; policy = this.#next()) {
      try {
        await this.#carry(policy);
      } catch (error) {
        if (this.#isThere) this.#refused(policy, error);
      }
    }
    this.#isCarrying = false;
  }

  #next(): CarriedPolicy | undefined {
    const policy = this.#wanted;
    this.#wanted = undefined;
    return policy;
  }

  async #carry(policy: CarriedPolicy): Promise<void> {
    for (const piece of piecesOf(policy)) {
      const answer = await this.#options.ask({ kind: 'policy', piece }, POLICY_MS_MAX);
      // One that came later takes its place: the other end lets go of what it has of this one.
      if (this.#wanted !== undefined) return;
      if (answer.kind !== 'judging') continue;
      const { workers } = answer;
      return this.#options.log.info(TAKEN, { version: policy.image.version, hash: policy.hash, workers });
    }
    throw new TypeError('it did not say that it judges by it');
  }

  #refused({ image, hash }: CarriedPolicy, error: unknown): void {
    this.#options.log.warn(NOT_TAKEN, { version: image.version, hash, error });
  }
}

const TAKEN = 'the process before this one judges what it has by the policy in force';
const NOT_TAKEN =
  'the process before this one does not take the policy in force: what it has stays judged by the one before';

/** Its workers prepare it in slices, beside all that they have to do. */
const POLICY_MS_MAX = 60_000;
