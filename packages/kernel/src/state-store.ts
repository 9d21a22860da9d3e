import type { DecisionChange, DecisionSnapshot } from './decision.ts';

/**
 * What outlives the process: decisions, the record of what administrators did, and the history of policies. One process writes.
 * Every failure is a `StoreError`.
 */
export interface StateStore {
  /**
   * What is stored. Takes the store for this process, and mends or creates it, where that has not been done.
   *
   * @throws StoreError `BUSY`: another process has it.
   */
  load(): Promise<StoredState>;

  /**
   * Stores all of a batch or nothing. When the promise is kept it is on the disk: neither the end of the process nor a loss of
   * power takes it away. Changes must carry the sequence numbers that follow on what is stored.
   *
   * @throws StoreError `CONFLICT`: they do not. After any other failure only {@link load} says what is stored.
   */
  commit(batch: StateBatch): Promise<AuditHead>;

  /** Entries of the audit log behind `after`, the oldest first, at most `limit` (1 to {@link AUDIT_PAGE_MAX}). */
  readAudit(page: AuditPage): Promise<readonly AuditRecord[]>;

  /** Checks the chain over one page. Whoever checks all goes on with `after` until `next` is undefined. */
  verifyAudit(page: AuditPage): Promise<AuditVerification>;

  /** Lets another process have it. What is asked from now on fails with `UNAVAILABLE` until somebody loads again. */
  release(): Promise<void>;
}

export interface StoredState {
  readonly decisions: DecisionSnapshot;
  /** Ids of decisions that were revoked, the oldest first, at most {@link REVOKED_REMEMBERED_MAX}: a late repetition of an order does not bring one back. */
  readonly revoked: readonly string[];
  /** The oldest first, at most {@link POLICIES_REMEMBERED_MAX}. */
  readonly policies: readonly StoredPolicy[];
  readonly head: AuditHead;
  /** Where a damaged store was put aside before this one was begun; undefined: it was not. */
  readonly movedAside: string | undefined;
}

export interface StateBatch {
  /** Wall clock: decisions that have ended by then are forgotten. */
  readonly nowMs: number;
  readonly changes: readonly DecisionChange[];
  readonly audit: readonly AuditEntry[];
  readonly policies: readonly StoredPolicy[];
}

/** What somebody did to the gateway, or tried. Holds no secret. */
export interface AuditEntry {
  readonly timeMs: number;
  /** `socket:alice`, `session:alice`; '' for nobody. */
  readonly author: string;
  /** '' unless it is a session. */
  readonly session: string;
  readonly operation: string;
  /** `done`, or the code of the problem. */
  readonly result: string;
  readonly detail: string;
}

/** An entry in its place. */
export interface AuditRecord extends AuditEntry {
  /** From 1, without a gap. */
  readonly sequence: number;
  /** SHA-256 over the hash before it and this entry, in hexadecimal. */
  readonly hash: string;
}

/** The last entry: who keeps it elsewhere can tell later that nothing behind it was cut off. 0 and '' before the first. */
export interface AuditHead {
  readonly sequence: number;
  readonly hash: string;
}

export interface AuditPage {
  readonly after: number;
  readonly limit: number;
}

export interface AuditVerification {
  /** Entries of this page that are as they were written. */
  readonly checked: number;
  /** Where the next page begins; undefined after the last one, or where something is wrong. */
  readonly next: number | undefined;
  /** What is wrong first; undefined: nothing. */
  readonly problem: string | undefined;
  readonly head: AuditHead;
}

/** One attempt to bring a policy into force. What was configured is not stored: it holds secrets. */
export interface StoredPolicy {
  /** Undefined for one that never came into force. */
  readonly version: number | undefined;
  readonly hash: string;
  readonly source: PolicySource;
  readonly author: string;
  readonly timeMs: number;
  readonly result: PolicyResult;
  readonly problems: readonly string[];
}

/** Where a policy came from. */
export type PolicySource = 'start' | 'signal' | 'file' | 'api' | 'rollback';

/** What became of it. */
export type PolicyResult = 'published' | 'unchanged' | 'refused' | 'failed';

/** Most entries of the audit log in one answer. */
export const AUDIT_PAGE_MAX = 1_000;

/** Ids of revoked decisions that are remembered. */
export const REVOKED_REMEMBERED_MAX = 10_000;

/** Attempts to bring a policy into force that are remembered. */
export const POLICIES_REMEMBERED_MAX = 100;
