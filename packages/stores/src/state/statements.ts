import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite';

/** Every statement on the database of the state, prepared once. */
export interface StateStatements extends Readonly<Record<keyof typeof SQL, StatementSync>> {
  readonly rows: (
    statement: StatementSync,
    ...values: readonly SQLInputValue[]
  ) => readonly Record<string, SQLOutputValue>[];
  readonly run: (statement: StatementSync, ...values: readonly SQLInputValue[]) => void;
}

const SQL = {
  sequence: "SELECT value FROM sequence WHERE name = 'decisions'",
  setSequence: "UPDATE sequence SET value = ? WHERE name = 'decisions'",
  decisions: 'SELECT decision FROM decisions ORDER BY sequence',
  addDecision: 'INSERT INTO decisions (id, sequence, ends_ms, decision) VALUES (?, ?, ?, ?)',
  removeDecision: 'DELETE FROM decisions WHERE id = ?',
  forgetEnded: 'DELETE FROM decisions WHERE ends_ms <= ?',
  revoked: 'SELECT id FROM revoked ORDER BY sequence',
  addRevoked: 'INSERT INTO revoked (sequence, id) VALUES (?, ?)',
  trimRevoked:
    'DELETE FROM revoked WHERE sequence <= (SELECT sequence FROM revoked ORDER BY sequence DESC LIMIT 1 OFFSET ?)',
  audit: 'SELECT sequence, entry, hash, mac FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?',
  addAudit: 'INSERT INTO audit (sequence, entry, hash, mac) VALUES (?, ?, ?, ?)',
  trimAudit: 'DELETE FROM audit WHERE sequence <= ?',
  end: 'SELECT sequence, hash, mac FROM audit_end WHERE name = ?',
  setEnd: `INSERT INTO audit_end (name, sequence, hash, mac) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, mac = excluded.mac`,
  policies: 'SELECT attempt FROM policies ORDER BY sequence',
  addPolicy: 'INSERT INTO policies (attempt) VALUES (?)',
  trimPolicies:
    'DELETE FROM policies WHERE sequence <= (SELECT sequence FROM policies ORDER BY sequence DESC LIMIT 1 OFFSET ?)',
} as const;

export function prepareState(database: DatabaseSync): StateStatements {
  const prepared = Object.fromEntries(Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The names are those of `SQL`.
  const statements = prepared as Record<keyof typeof SQL, StatementSync>;
  return {
    ...statements,
    rows: (statement, ...values) => statement.all(...values),
    run: (statement, ...values) => void statement.run(...values),
  };
}
