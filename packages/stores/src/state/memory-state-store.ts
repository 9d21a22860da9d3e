import { randomBytes } from 'node:crypto';
import {
  AUDIT_PAGE_MAX,
  type AuditHead,
  type AuditPage,
  type AuditRecord,
  type AuditVerification,
  type Decision,
  POLICIES_REMEMBERED_MAX,
  REVOKED_REMEMBERED_MAX,
  type StateBatch,
  type StateStore,
  type StoredPolicy,
  type StoredState,
  StoreError,
} from '@sallyport/kernel';
import { AuditChain, EMPTY_HEAD } from './audit-chain.ts';

/** The state of a gateway that has no folder for it: it ends with the process, and the record of the audit log is short. */
export class MemoryStateStore implements StateStore {
  readonly #chain = new AuditChain(randomBytes(32));
  #decisions: readonly Decision[] = [];
  #sequence = 0;
  #revoked: readonly string[] = [];
  #policies: readonly StoredPolicy[] = [];
  #audit: readonly AuditRecord[] = [];
  #isOpen = false;

  async load(): Promise<StoredState> {
    this.#isOpen = true;
    return {
      decisions: { sequence: this.#sequence, decisions: this.#decisions },
      revoked: this.#revoked,
      policies: this.#policies,
      head: this.#head(),
      movedAside: undefined,
    };
  }

  async commit({ nowMs, changes, audit, policies }: StateBatch): Promise<AuditHead> {
    this.#mustBeOpen();
    const decisions = new Map(
      this.#decisions
        .filter(({ endsMs }) => endsMs === undefined || endsMs > nowMs)
        .map((decision) => [decision.id, decision] as const),
    );
    const revoked: string[] = [];
    let sequence = this.#sequence;
    for (const change of changes) {
      const isNew = change.kind === 'revoke' || !decisions.has(change.decision.id);
      if (change.sequence !== sequence + 1 || !isNew) {
        throw new StoreError('CONFLICT', `change ${change.sequence} does not follow on ${sequence}`);
      }
      sequence = change.sequence;
      if (change.kind === 'take') decisions.set(change.decision.id, change.decision);
      else {
        decisions.delete(change.id);
        revoked.push(change.id);
      }
    }
    this.#sequence = sequence;
    this.#decisions = [...decisions.values()];
    this.#revoked = [...this.#revoked, ...revoked].slice(-REVOKED_REMEMBERED_MAX);
    this.#policies = [...this.#policies, ...policies].slice(-POLICIES_REMEMBERED_MAX);
    for (const entry of audit) {
      const { hash, sequence: place } = this.#chain.append(this.#head(), entry);
      this.#audit = [...this.#audit.slice(1 - ENTRIES_MAX), { ...entry, hash, sequence: place }];
    }
    return this.#head();
  }

  async readAudit({ after, limit }: AuditPage): Promise<readonly AuditRecord[]> {
    this.#mustBeOpen();
    return this.#audit.filter(({ sequence }) => sequence > after).slice(0, Math.min(limit, AUDIT_PAGE_MAX));
  }

  /** Nobody but this process can change what it holds. */
  async verifyAudit(page: AuditPage): Promise<AuditVerification> {
    const records = await this.readAudit(page);
    const isFull = records.length === Math.min(page.limit, AUDIT_PAGE_MAX);
    const next = isFull ? records.at(-1)?.sequence : undefined;
    return { checked: records.length, next, problem: undefined, head: this.#head() };
  }

  async release(): Promise<void> {
    this.#isOpen = false;
  }

  #head(): AuditHead {
    const { sequence, hash } = this.#audit.at(-1) ?? EMPTY_HEAD;
    return { sequence, hash };
  }

  #mustBeOpen(): void {
    if (!this.#isOpen) throw new StoreError('UNAVAILABLE', 'the state is not open in this process');
  }
}

/** Entries that are kept in memory. */
const ENTRIES_MAX = 1_000;
