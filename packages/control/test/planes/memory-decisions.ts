import { type AuditEntry, type Decision, type StateBatch, type StateStore, StoreError } from '@sallyport/kernel';

/** What a log of decisions needs of a store, in memory: it waits, fails and stores all the same when the test says so. */
export class MemoryDecisions implements Pick<StateStore, 'load' | 'commit'> {
  readonly audit: AuditEntry[] = [];
  /** How many changes came in each step. */
  readonly steps: number[] = [];
  /** `lost`: it is stored, and nobody hears of it. */
  accident: 'none' | 'fails' | 'lost' = 'none';
  #decisions = new Map<string, Decision>();
  #sequence = 0;

  load: StateStore['load'] = async () => {
    if (this.accident === 'fails') throw new StoreError('UNAVAILABLE', 'the store thread is not running');
    return {
      decisions: { sequence: this.#sequence, decisions: [...this.#decisions.values()] },
      revoked: [],
      policies: [],
      head: { sequence: 0, hash: '' },
      movedAside: undefined,
    };
  };

  commit: StateStore['commit'] = async ({ changes, audit }: StateBatch) => {
    if (this.accident === 'fails') throw new StoreError('FULL', 'no room');
    for (const change of changes) {
      if (change.sequence !== this.#sequence + 1) throw new StoreError('CONFLICT', 'not the next one');
      this.#sequence = change.sequence;
      if (change.kind === 'take') this.#decisions.set(change.decision.id, change.decision);
      else this.#decisions.delete(change.id);
    }
    this.audit.push(...audit);
    this.steps.push(changes.length);
    if (this.accident === 'lost') throw new StoreError('UNAVAILABLE', 'the thread has ended');
    return { sequence: this.audit.length, hash: 'hash' };
  };
}
