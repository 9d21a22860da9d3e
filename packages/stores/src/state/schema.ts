/** The steps from an empty database to the present one. A step that was published is never changed. */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE sequence (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO sequence VALUES ('decisions', 0);
  CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL UNIQUE,
    ends_ms INTEGER,
    decision TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX decisions_by_end ON decisions (ends_ms) WHERE ends_ms IS NOT NULL;
  CREATE TABLE revoked (sequence INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT;
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    entry TEXT NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL
  ) STRICT;
  CREATE TABLE audit_end (
    name TEXT PRIMARY KEY,
    sequence INTEGER NOT NULL,
    hash TEXT NOT NULL,
    mac TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE policies (sequence INTEGER PRIMARY KEY AUTOINCREMENT, attempt TEXT NOT NULL) STRICT;
  `,
];
