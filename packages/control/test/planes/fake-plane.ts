import type { CommandAck, DecisionChange, DecisionSnapshot } from '@sallyport/kernel';
import type { DataPlane, PlaneEnd, PlaneEndCause, PolicyVersion } from '../../src/index.ts';

/** A promise that is kept by hand. */
export interface Pending<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (cause: Error) => void;
}

/** A data plane that carries nothing, and does what it is asked when a test says so. */
export class FakePlane implements DataPlane<PolicyVersion> {
  readonly slot: number;
  /** With which it began. */
  readonly first: PolicyVersion;
  readonly startedBy: Pending<void> = pending();
  readonly endedBy: Pending<PlaneEnd> = pending();
  /** What it was told, in order. */
  readonly told: string[] = [];
  readonly snapshots: DecisionSnapshot[] = [];
  /** How it takes policies. `waits`: until `answerPrepared` is called. */
  prepares: 'at-once' | 'waits' | 'fails' = 'at-once';
  /** False: it prepares policies, and fails to put them in force. */
  isActivating = true;
  /** False: it ends before it has answered to a decision or a command. */
  isAnswering = true;
  inForce: number;
  #isGone = false;
  #prepared: { readonly version: number; readonly answer: Pending<number> } | undefined;

  constructor(slot: number, image: PolicyVersion) {
    this.slot = slot;
    this.first = image;
    this.inForce = image.version;
    this.startedBy.promise.catch(() => undefined);
  }

  get started(): Promise<void> {
    return this.startedBy.promise;
  }

  get ended(): Promise<PlaneEnd> {
    return this.endedBy.promise;
  }

  prepare({ version }: PolicyVersion): Promise<number> {
    this.told.push(`prepare ${version}`);
    const answer = pending<number>();
    this.#prepared = { version, answer };
    if (this.prepares === 'at-once') answer.resolve(this.slot + 1);
    if (this.prepares === 'fails') answer.reject(new Error(`plane ${this.slot} cannot use it`));
    return answer.promise;
  }

  /** Answers the question that waits. */
  answerPrepared(): void {
    this.#prepared?.answer.resolve(this.slot + 1);
  }

  activate(version: number): Promise<number> {
    this.told.push(`activate ${version}`);
    if (this.#isGone) return this.#gone();
    if (!this.isActivating || this.#prepared?.version !== version)
      return Promise.reject(new Error(`${version} was not prepared`));
    this.inForce = version;
    return Promise.resolve((this.slot + 1) / 1_000);
  }

  discard(): void {
    this.told.push('discard');
    this.#prepared = undefined;
  }

  replaceDecisions(snapshot: DecisionSnapshot): void {
    this.told.push(`decisions ${snapshot.sequence}`);
    this.snapshots.push(snapshot);
  }

  applyDecision({ sequence }: DecisionChange): Promise<void> {
    this.told.push(`decision ${sequence}`);
    return this.isAnswering ? Promise.resolve() : this.#gone();
  }

  command({ id }: { readonly id: string }): Promise<CommandAck> {
    this.told.push(`command ${id}`);
    return this.isAnswering ? Promise.resolve({ id, worker: this.slot, closed: 1, isRepeat: false }) : this.#gone();
  }

  drain(): void {
    this.told.push('drain');
  }

  close(): void {
    this.told.push('close');
    this.end('stopped');
  }

  terminate(cause: PlaneEndCause): void {
    this.told.push(`terminate ${cause}`);
    this.end(cause);
  }

  /** It is gone, with all that it was asked. */
  end(cause: PlaneEndCause): void {
    this.#isGone = true;
    const gone = new Error(`plane ${this.slot} ended: ${cause}`);
    this.startedBy.reject(gone);
    this.#prepared?.answer.reject(gone);
    this.endedBy.resolve({ cause, detail: 'a test' });
  }

  async #gone(): Promise<never> {
    await this.ended;
    throw new Error(`plane ${this.slot} is gone`);
  }
}

function pending<Value>(): Pending<Value> {
  return Promise.withResolvers<Value>();
}
