/** The steps from an empty database to the present one. A step that was published is never changed. */
export const HEALTH_MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE services (
    name TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    checked_ms INTEGER NOT NULL,
    is_told INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE results (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    duration_ms REAL NOT NULL,
    PRIMARY KEY (service, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE changes (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    code TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (service, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE shares (
    service TEXT NOT NULL REFERENCES services ON DELETE CASCADE,
    span TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    up_ms REAL NOT NULL,
    degraded_ms REAL NOT NULL,
    down_ms REAL NOT NULL,
    PRIMARY KEY (service, span, start_ms)
  ) STRICT, WITHOUT ROWID;
  `,
];
