import {
  type AuditEntry,
  type AuditHead,
  BoundedMap,
  type Clock,
  type Decision,
  type DecisionChange,
  type DecisionSnapshot,
  REVOKED_REMEMBERED_MAX,
  type StateStore,
  type StoredState,
  StoreError,
} from '@sallyport/kernel';

export interface DecisionLogOptions {
  readonly clock: Clock;
  readonly decisionsMax: number;
  readonly store: Pick<StateStore, 'load' | 'commit'>;
  /** Brings a change to all data planes, in order; answers how many have confirmed it. */
  readonly onChange: (change: DecisionChange) => Promise<number>;
  /** The audit log has grown with what was stored. */
  readonly onAudited: (head: AuditHead) => void;
  /** What is in force was read again, and may be something else: all data planes need the snapshot. */
  readonly onReplaced: () => void;
}

/** `known`: one with this id is in force, and nothing changes. Otherwise how many data planes have confirmed it. */
export type Taken = number | 'known' | 'too-many';

/**
 * All decisions in force, and the order in which they came to be. The one writer of sequence numbers.
 *
 * Whatever is ordered is stored first; then it holds, then data planes hear of it, and then whoever ordered it. Orders that come
 * while the store writes are stored together in one step after it.
 */
export class DecisionLog {
  readonly #options: DecisionLogOptions;
  readonly #inForce = new Map<string, Decision>();
  readonly #revoked = new BoundedMap<string, true>({ entriesMax: REVOKED_REMEMBERED_MAX });
  readonly #orders: Order[] = [];
  #sequence = 0;
  /** None ends before that: a hundred thousand that are taken one by one must not be looked through each time. */
  #nextEndMs = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  /** A commit has failed, and only the store knows what became of it. */
  #isUncertain = false;
  #isPaused = false;

  constructor(options: DecisionLogOptions) {
    this.#options = options;
  }

  /** Begins with what is stored. */
  adopt({ decisions, revoked }: Pick<StoredState, 'decisions' | 'revoked'>): void {
    this.#isUncertain = false;
    this.#sequence = decisions.sequence;
    this.#inForce.clear();
    this.#nextEndMs = Number.POSITIVE_INFINITY;
    for (const decision of decisions.decisions) this.#hold(decision);
    for (const id of revoked) this.#revoked.set(id, true);
  }

  /** What is in force, the oldest first. */
  snapshot(): DecisionSnapshot {
    this.#forgetEnded();
    return { sequence: this.#sequence, decisions: [...this.#inForce.values()] };
  }

  /** How many of a kind are in force. */
  count(kind: Decision['kind']): number {
    this.#forgetEnded();
    let count = 0;
    for (const decision of this.#inForce.values()) if (decision.kind === kind) count += 1;
    return count;
  }

  /** The decision in force with this id. */
  find(id: string): Decision | undefined {
    return this.#inForce.get(id);
  }

  /** Whether a decision with this id was revoked, so that a late repetition of an order does not bring it back. */
  isRevoked(id: string): boolean {
    return this.#revoked.get(id) === true;
  }

  /** Takes a decision, with its entry for the audit log. @throws StoreError when it could not be stored: it does not hold. */
  take(decision: Decision, audit: AuditEntry): Promise<Taken> {
    return this.#order<Taken>((settle) => ({ kind: 'take', decision, audit, ...settle }));
  }

  /**
   * Ends a decision; answers how many data planes have confirmed that. Undefined when none with this id is in force.
   *
   * @throws StoreError when that could not be stored: it still holds.
   */
  revoke(id: string, audit: AuditEntry): Promise<number | undefined> {
    return this.#order<number | undefined>((settle) => ({ kind: 'revoke', id, audit, ...settle }));
  }

  /** Finishes what was ordered; from then on nothing is taken until somebody resumes. What is in force stays so. */
  async pause(): Promise<void> {
    this.#isPaused = true;
    await this.#writing;
  }

  /** Takes orders again. @throws StoreError when what is stored cannot be read; the next order tries again. */
  async resume(): Promise<void> {
    this.#isPaused = false;
    await this.lookAgain();
  }

  /** The store was gone and is there again: what is stored is read before the next order, or now where none waits. */
  async lookAgain(): Promise<void> {
    this.#isUncertain = true;
    await this.#writing;
    if (this.#isUncertain && !this.#isPaused) await this.#lookAgain();
  }

  /** All that the process which has taken over says is in force, in the place of what was here. */
  replace(decisions: DecisionSnapshot): void {
    this.adopt({ decisions, revoked: [] });
    this.#options.onReplaced();
  }

  /**
   * A change that the process which has taken over has made; answers how many data planes have confirmed it. Undefined: one before it
   * is missing here, and nothing changes.
   */
  follow(change: DecisionChange): Promise<number> | undefined {
    // The snapshot has brought it already.
    if (change.sequence <= this.#sequence) return Promise.resolve(0);
    return change.sequence === this.#sequence + 1 ? this.#apply(change) : undefined;
  }

  #order<Result>(make: (settle: Settle<Result>) => Order): Promise<Result> {
    if (this.#isPaused) {
      return Promise.reject(new StoreError('UNAVAILABLE', 'another process takes over: ask again in a second'));
    }
    if (this.#orders.length >= ORDERS_MAX) return Promise.reject(new StoreError('BUSY', 'too many orders wait'));
    return new Promise<Result>((resolve, reject) => {
      this.#orders.push(make({ resolve, reject }));
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#orders.length > 0) {
      const orders = this.#orders.splice(0, BATCH_MAX);
      // The next batch follows on this one.
      await this.#write(orders);
    }
    this.#writing = undefined;
  }

  async #write(orders: readonly Order[]): Promise<void> {
    try {
      if (this.#isUncertain) await this.#lookAgain();
      const nowMs = this.#options.clock.wallMs();
      const { settled, changes, audit } = this.#plan(orders);
      if (changes.length > 0) {
        const { store, onAudited } = this.#options;
        onAudited(await store.commit({ nowMs, changes, audit, policies: [] }));
      }
      for (const finish of settled) finish();
    } catch (cause) {
      this.#isUncertain = true;
      for (const { reject } of orders) reject(cause);
    }
  }

  /** What orders come to, one after the other, if all of it can be stored. */
  #plan(orders: readonly Order[]): Plan {
    this.#forgetEnded();
    const taken = new Set<string>();
    const gone = new Set<string>();
    const isHeld = (id: string): boolean => taken.has(id) || (this.#inForce.has(id) && !gone.has(id));
    const plan: Plan = { settled: [], changes: [], audit: [] };
    const add = (change: DecisionChange, { audit, resolve, reject }: Order): void => {
      plan.changes.push(change);
      plan.audit.push(audit);
      plan.settled.push(() => this.#apply(change).then(resolve, reject));
    };
    for (const order of orders) {
      const sequence = this.#sequence + plan.changes.length + 1;
      if (order.kind === 'take') {
        const { decision, resolve } = order;
        const size = this.#inForce.size - gone.size + taken.size;
        if (isHeld(decision.id)) plan.settled.push(() => resolve('known'));
        else if (size >= this.#options.decisionsMax) plan.settled.push(() => resolve('too-many'));
        else {
          taken.add(decision.id);
          add({ kind: 'take', sequence, decision }, order);
        }
      } else if (isHeld(order.id)) {
        if (!taken.delete(order.id)) gone.add(order.id);
        add({ kind: 'revoke', sequence, id: order.id }, order);
      } else plan.settled.push(() => order.resolve(undefined));
    }
    return plan;
  }

  #apply(change: DecisionChange): Promise<number> {
    this.#sequence = change.sequence;
    if (change.kind === 'take') this.#hold(change.decision);
    else {
      this.#inForce.delete(change.id);
      this.#revoked.set(change.id, true);
    }
    return this.#options.onChange(change);
  }

  async #lookAgain(): Promise<void> {
    this.adopt(await this.#options.store.load());
    this.#options.onReplaced();
  }

  #hold(decision: Decision): void {
    this.#inForce.set(decision.id, decision);
    this.#nextEndMs = Math.min(this.#nextEndMs, decision.endsMs ?? Number.POSITIVE_INFINITY);
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

/** Orders that wait for the store. */
const ORDERS_MAX = 10_000;

/** Orders that are stored in one step: a step that never ends would let nobody know. */
const BATCH_MAX = 500;

interface Settle<Result> {
  readonly resolve: (result: Result) => void;
  readonly reject: (cause: unknown) => void;
}

type Order =
  | ({ readonly kind: 'take'; readonly decision: Decision; readonly audit: AuditEntry } & Settle<Taken>)
  | ({ readonly kind: 'revoke'; readonly id: string; readonly audit: AuditEntry } & Settle<number | undefined>);

interface Plan {
  /** In the order of the orders: each holds when the one before it has. */
  readonly settled: (() => unknown)[];
  readonly changes: DecisionChange[];
  readonly audit: AuditEntry[];
}
