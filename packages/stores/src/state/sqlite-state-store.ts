import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import {
  AUDIT_PAGE_MAX,
  type AuditEntry,
  type AuditHead,
  type AuditPage,
  type AuditRecord,
  type AuditVerification,
  type Decision,
  type DecisionChange,
  POLICIES_REMEMBERED_MAX,
  REVOKED_REMEMBERED_MAX,
  type StateBatch,
  type StoredPolicy,
  type StoredState,
  StoreError,
} from '@sallyport/kernel';
import { AuditChain, type ChainLink, EMPTY_HEAD } from './audit-chain.ts';
import { storeErrorOf } from './sqlite-failure.ts';
import { openStateDatabase, type StateDatabase } from './state-database.ts';
import { prepareState, type StateStatements } from './statements.ts';

export interface SqliteStateOptions {
  readonly folder: string;
  /** Wall clock, for the name of what is put aside. */
  readonly nowMs: () => number;
  /** Entries of the audit log that are kept. Default 200,000. */
  readonly auditEntriesMax?: number;
  /** Sees the connection once it is open. Default: nothing is set on it. */
  readonly configure?: (database: DatabaseSync) => void;
}

/**
 * The state in a SQLite database: the port `StateStore`, but synchronous, for a thread that waits for the disk. What it throws is a
 * `StoreError`.
 */
export class SqliteStateStore {
  readonly #options: SqliteStateOptions;
  #open: Open | undefined;

  constructor(options: SqliteStateOptions) {
    this.#options = options;
  }

  load(): StoredState {
    return attempt(() => {
      const open = this.#open ?? this.#openNow();
      const { statements, database } = open;
      const { rows } = statements;
      return {
        decisions: {
          sequence: Number(rows(statements.sequence)[0]?.['value']),
          decisions: rows(statements.decisions).map((row) => decisionIn(row['decision'])),
        },
        revoked: rows(statements.revoked).map((row) => String(row['id'])),
        policies: rows(statements.policies).map((row) => policyIn(row['attempt'])),
        head: endOf(open, 'head'),
        movedAside: database.movedAside,
      };
    });
  }

  commit(batch: StateBatch): AuditHead {
    return attempt(() => {
      const open = this.#opened();
      const { database } = open.database;
      database.exec('BEGIN IMMEDIATE');
      try {
        this.#write(open, batch);
        const head = this.#append(open, batch.audit);
        database.exec('COMMIT');
        return head;
      } catch (error) {
        // A full disk ends the transaction itself.
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    });
  }

  readAudit(page: AuditPage): readonly AuditRecord[] {
    return attempt(() =>
      linksIn(this.#opened(), page).map(({ sequence, hash, entry }) => ({
        ...entryIn(entry),
        sequence,
        hash,
      })),
    );
  }

  verifyAudit(page: AuditPage): AuditVerification {
    return attempt(() => {
      const open = this.#opened();
      const head = endOf(open, 'head');
      const base = endOf(open, 'base');
      const failed = (problem: string): AuditVerification => ({ checked: 0, next: undefined, problem, head });
      for (const name of ['base', 'head'] as const) {
        if (!isEndSealed(open, name)) return failed(`the ${name} of the log was not written with the key`);
      }
      let last = base;
      if (page.after > base.sequence) {
        const before = linksIn(open, { after: page.after - 1, limit: 1 })[0];
        if (before?.sequence !== page.after) return failed(`entry ${page.after} is missing`);
        last = before;
      }
      const links = linksIn(open, { after: last.sequence, limit: page.limit });
      for (const [checked, link] of links.entries()) {
        const problem = open.chain.check(last, link);
        if (problem !== undefined) return { checked, next: undefined, problem, head };
        last = link;
      }
      const checked = links.length;
      if (links.length === Math.min(page.limit, AUDIT_PAGE_MAX)) {
        return { checked, next: last.sequence, problem: undefined, head };
      }
      const isWhole = last.sequence === head.sequence && last.hash === head.hash;
      const problem = isWhole ? undefined : `the log ends with entry ${last.sequence} instead of ${head.sequence}`;
      return { checked, next: undefined, problem, head };
    });
  }

  release(): void {
    this.#open?.database.close();
    this.#open = undefined;
  }

  #openNow(): Open {
    const { folder, nowMs, configure } = this.#options;
    const database = openStateDatabase(folder, nowMs());
    configure?.(database.database);
    this.#open = { database, chain: new AuditChain(database.auditKey), statements: prepareState(database.database) };
    return this.#open;
  }

  #opened(): Open {
    if (this.#open === undefined) throw new StoreError('UNAVAILABLE', 'the state is not open in this process');
    return this.#open;
  }

  #write({ statements }: Open, { nowMs, changes, policies }: StateBatch): void {
    const { rows, run } = statements;
    let sequence = Number(rows(statements.sequence)[0]?.['value']);
    run(statements.forgetEnded, nowMs);
    for (const change of changes) {
      if (change.sequence !== sequence + 1) {
        throw new StoreError('CONFLICT', `change ${change.sequence} does not follow on ${sequence}`);
      }
      sequence = change.sequence;
      applyChange(statements, change);
    }
    if (changes.length > 0) run(statements.setSequence, sequence);
    for (const policy of policies) run(statements.addPolicy, JSON.stringify(policy));
    if (policies.length > 0) run(statements.trimPolicies, POLICIES_REMEMBERED_MAX);
  }

  #append(open: Open, entries: readonly AuditEntry[]): AuditHead {
    const { chain, statements } = open;
    const { run } = statements;
    let head = endOf(open, 'head');
    if (entries.length === 0) return head;
    for (const entry of entries) {
      const link = chain.append(head, entry);
      run(statements.addAudit, link.sequence, link.entry, link.hash, link.mac);
      head = { sequence: link.sequence, hash: link.hash };
    }
    setEnd(open, 'head', head);
    this.#trim(open, head);
    return head;
  }

  /** The oldest leave; the last of them is remembered, so that the chain still has a beginning. */
  #trim(open: Open, head: AuditHead): void {
    const { auditEntriesMax = AUDIT_ENTRIES_MAX } = this.#options;
    const base = endOf(open, 'base');
    if (head.sequence - base.sequence <= auditEntriesMax) return;
    const after = head.sequence - auditEntriesMax - 1;
    const last = linksIn(open, { after, limit: 1 })[0];
    if (last === undefined) return;
    open.statements.run(open.statements.trimAudit, last.sequence);
    setEnd(open, 'base', last);
  }
}

/** Entries of the audit log: at ten a minute that is two weeks, and for longer there is the log of events. */
const AUDIT_ENTRIES_MAX = 200_000;

interface Open {
  readonly database: StateDatabase;
  readonly chain: AuditChain;
  readonly statements: StateStatements;
}

function applyChange(statements: StateStatements, change: DecisionChange): void {
  const { run } = statements;
  switch (change.kind) {
    case 'take': {
      const { sequence, decision } = change;
      return run(statements.addDecision, decision.id, sequence, decision.endsMs ?? null, JSON.stringify(decision));
    }
    case 'revoke':
      run(statements.removeDecision, change.id);
      run(statements.addRevoked, change.sequence, change.id);
      return run(statements.trimRevoked, REVOKED_REMEMBERED_MAX);
  }
}

function linksIn({ statements }: Open, { after, limit }: AuditPage): readonly ChainLink[] {
  return statements.rows(statements.audit, after, Math.min(limit, AUDIT_PAGE_MAX)).map((row) => ({
    sequence: Number(row['sequence']),
    entry: String(row['entry']),
    hash: String(row['hash']),
    mac: String(row['mac']),
  }));
}

function endOf({ statements }: Open, name: 'head' | 'base'): AuditHead {
  const row = statements.rows(statements.end, name)[0];
  return row === undefined ? EMPTY_HEAD : { sequence: Number(row['sequence']), hash: String(row['hash']) };
}

function isEndSealed(open: Open, name: 'head' | 'base'): boolean {
  const row = open.statements.rows(open.statements.end, name)[0];
  return row === undefined || open.chain.isSealOf(String(row['mac']), endOf(open, name));
}

function setEnd({ chain, statements }: Open, name: 'head' | 'base', { sequence, hash }: AuditHead): void {
  statements.run(statements.setEnd, name, sequence, hash, chain.seal({ sequence, hash }));
}

/** Only this file writes these texts, and migrations change them. */
function decisionIn(text: SQLOutputValue | undefined): Decision {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- See above.
  return JSON.parse(String(text)) as Decision;
}

function policyIn(text: SQLOutputValue | undefined): StoredPolicy {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- See above.
  return JSON.parse(String(text)) as StoredPolicy;
}

function entryIn(text: string): AuditEntry {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- See above.
  return JSON.parse(text) as AuditEntry;
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeErrorOf(error);
  }
}
