import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AuditVerification, StateStore } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryStateStore, type SqliteStateOptions } from '../../src/index.ts';
import { batchOf, decisionOf, entryOf, runStateStoreContract, take } from '../contract.ts';
import { SqlitePort } from './rig.ts';

let folder = '';
let open: SqlitePort[] = [];

function sqlite(more: Partial<SqliteStateOptions> = {}): SqlitePort {
  const store = new SqlitePort({ folder, nowMs: () => 1_700_000_000_000, ...more });
  open.push(store);
  return store;
}

function begin(): void {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-state-store-'));
}

async function end(): Promise<void> {
  for (const store of open) await store.release();
  open = [];
  rmSync(folder, { recursive: true });
}

runStateStoreContract('memory', {
  open: () => new MemoryStateStore(),
  reopen: undefined,
  close: async () => undefined,
});

runStateStoreContract('SQLite', {
  open: () => {
    begin();
    return sqlite();
  },
  reopen: async (store) => {
    await store.release();
    return sqlite();
  },
  close: end,
});

/** Changes the database behind the back of the store. */
async function tamper(store: StateStore, sql: string): Promise<void> {
  await store.release();
  const database = new DatabaseSync(join(folder, 'state.db'));
  database.exec(sql);
  database.close();
}

describe('the state in SQLite', () => {
  beforeEach(begin);
  afterEach(end);

  it('is for its owner alone, and so is the key beside it', async () => {
    await sqlite().load();
    expect(statSync(join(folder, 'audit.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'audit.key')).length).toBe(32);
  });

  it('belongs to one at a time', async () => {
    const first = sqlite();
    await first.load();
    const second = sqlite();
    await expect(second.load()).rejects.toMatchObject({
      code: 'BUSY',
      message: `another process has the state in ${folder}`,
    });
    await first.release();
    expect((await second.load()).decisions.sequence).toBe(0);
  });

  it('is written through the journal to the disk at each commit', async () => {
    const store = sqlite();
    await store.load();
    await store.commit(batchOf({ changes: [take(1, decisionOf('a'))] }));
    expect(existsSync(join(folder, 'state.db-wal'))).toBe(true);
  });

  it('stores nothing of a batch for which the disk has no room, and goes on when it has', async () => {
    const store = sqlite({ configure: (database) => database.exec('PRAGMA max_page_count = 20') });
    await store.load();
    await store.commit(batchOf({ changes: [take(1, decisionOf('a'))], audit: [entryOf('one')] }));
    const before = await store.load();
    const large = batchOf({ changes: [take(2, decisionOf('b'))], audit: [entryOf('x'.repeat(100_000))] });
    await expect(store.commit(large)).rejects.toMatchObject({ code: 'FULL' });
    expect(await store.load()).toEqual(before);
    await store.commit(batchOf({ changes: [take(2, decisionOf('b'))] }));
  });

  it('says that somebody else writes for too long', async () => {
    const store = sqlite();
    await store.load();
    const other = new DatabaseSync(join(folder, 'state.db'));
    other.exec('BEGIN IMMEDIATE');
    await expect(store.commit(batchOf({ audit: [entryOf('one')] }))).rejects.toMatchObject({ code: 'BUSY' });
    other.exec('ROLLBACK');
    other.close();
    expect((await store.commit(batchOf({ audit: [entryOf('one')] }))).sequence).toBe(1);
  });

  it('says that it may not write, and reads on', async () => {
    const store = sqlite({ configure: (database) => database.exec('PRAGMA query_only = ON') });
    await store.load();
    await expect(store.commit(batchOf({ audit: [entryOf('one')] }))).rejects.toMatchObject({ code: 'READ_ONLY' });
    expect((await store.load()).head.sequence).toBe(0);
  });

  it('refuses a database of a newer version, and leaves it alone', async () => {
    const store = sqlite();
    await store.load();
    await tamper(store, 'PRAGMA user_version = 99');
    await expect(store.load()).rejects.toMatchObject({ code: 'FAILED', message: /version 99/ });
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([]);
  });

  it.each([
    ['a head that is no database', (bytes: Buffer) => bytes.fill(0x5a, 0, 100)],
    ['pages of noise', (bytes: Buffer) => bytes.fill(0x5a, 4_096)],
    ['an end that is missing', (bytes: Buffer) => bytes.subarray(0, 5_000)],
  ])('puts a database aside that has %s, and begins an empty one', async (_what, damage) => {
    const store = sqlite();
    await store.load();
    await store.commit(batchOf({ changes: [take(1, decisionOf('a'))] }));
    await store.release();
    const path = join(folder, 'state.db');
    const bytes = damage(readFileSync(path));
    writeFileSync(path, bytes);
    const { movedAside, decisions } = await store.load();
    expect(movedAside).toBe(`${path}.damaged-2023-11-14T221320000Z`);
    expect(readFileSync(movedAside ?? '')).toEqual(bytes);
    expect(decisions).toEqual({ sequence: 0, decisions: [] });
    await store.commit(batchOf({ changes: [take(1, decisionOf('a'))] }));
  });

  it('refuses a key that was cut', async () => {
    const store = sqlite();
    await store.load();
    await store.release();
    writeFileSync(join(folder, 'audit.key'), 'short');
    chmodSync(join(folder, 'audit.key'), 0o600);
    await expect(store.load()).rejects.toMatchObject({ message: /has not the 32 bytes of a key/ });
  });
});

describe('the audit log in SQLite', () => {
  beforeEach(begin);
  afterEach(end);

  async function written(): Promise<SqlitePort> {
    const store = sqlite();
    await store.load();
    for (const detail of ['one', 'two', 'three', 'four']) await store.commit(batchOf({ audit: [entryOf(detail)] }));
    return store;
  }

  async function verify(store: StateStore): Promise<AuditVerification> {
    await store.load();
    return store.verifyAudit({ after: 0, limit: 100 });
  }

  const head =
    "UPDATE audit_end SET sequence = 3, hash = (SELECT hash FROM audit WHERE sequence = 3), mac = (SELECT mac FROM audit WHERE sequence = 3) WHERE name = 'head'";

  it.each([
    [
      'a changed author',
      "UPDATE audit SET entry = replace(entry, 'alice', 'mallory') WHERE sequence = 2",
      'entry 2 is not what was written',
    ],
    [
      'a changed hash',
      "UPDATE audit SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE sequence = 3",
      'entry 3 is not what was written',
    ],
    [
      'a changed code',
      "UPDATE audit SET mac = 'x' || substr(mac, 2) WHERE sequence = 2",
      'entry 2 was not written with the key',
    ],
    ['a row that is gone', 'DELETE FROM audit WHERE sequence = 2', 'entry 2 is missing'],
    ['a first row that is gone', 'DELETE FROM audit WHERE sequence = 1', 'entry 1 is missing'],
    ['an end that is gone', 'DELETE FROM audit WHERE sequence > 2', 'the log ends with entry 2 instead of 4'],
    ['all rows gone', 'DELETE FROM audit', 'the log ends with entry 0 instead of 4'],
    [
      'two rows in each other’s place',
      'UPDATE audit SET sequence = 9 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3; UPDATE audit SET sequence = 3 WHERE sequence = 9',
      'entry 2 is not what was written',
    ],
    [
      'a head that was made up',
      "UPDATE audit_end SET sequence = 3 WHERE name = 'head'",
      'the head of the log was not written with the key',
    ],
    [
      'a beginning that was made up',
      "INSERT INTO audit_end SELECT 'base', sequence, hash, 'x' FROM audit WHERE sequence = 2",
      'the base of the log was not written with the key',
    ],
  ])('finds %s', async (_what, sql, problem) => {
    const store = await written();
    expect((await verify(store)).problem).toBeUndefined();
    await tamper(store, sql);
    expect((await verify(store)).problem).toBe(problem);
  });

  it('finds every changed byte of every entry', async () => {
    const store = await written();
    const entry = (await store.readAudit({ after: 1, limit: 1 }))[0];
    const length = JSON.stringify(entry).length;
    const missed: number[] = [];
    for (let place = 1; place < length; place += 1) {
      await store.release();
      const database = new DatabaseSync(join(folder, 'state.db'));
      const { text } = database.prepare('SELECT entry AS text FROM audit WHERE sequence = 2').get() ?? {};
      const before = String(text);
      if (place <= before.length) {
        const changed = `${before.slice(0, place - 1)}~${before.slice(place)}`;
        database.prepare('UPDATE audit SET entry = ? WHERE sequence = 2').run(changed);
        database.close();
        const { problem } = await verify(store);
        if (problem !== 'entry 2 is not what was written') missed.push(place);
        await store.release();
        const mended = new DatabaseSync(join(folder, 'state.db'));
        mended.prepare('UPDATE audit SET entry = ? WHERE sequence = 2').run(before);
        mended.close();
      } else database.close();
    }
    expect(missed).toEqual([]);
  });

  it('cannot tell an end that was cut off with an old head put back: its head has to be kept elsewhere', async () => {
    const store = await written();
    const kept = (await store.load()).head;
    await tamper(store, `${head}; DELETE FROM audit WHERE sequence > 3`);
    const verification = await verify(store);
    expect(verification.problem).toBeUndefined();
    expect(verification.head.sequence).toBeLessThan(kept.sequence);
  });

  it('lets the oldest entries leave, and the chain still holds', async () => {
    const store = sqlite({ auditEntriesMax: 3 });
    await store.load();
    for (let index = 1; index <= 10; index += 1) await store.commit(batchOf({ audit: [entryOf(String(index))] }));
    const kept = await store.readAudit({ after: 0, limit: 100 });
    expect(kept.map(({ sequence }) => sequence)).toEqual([8, 9, 10]);
    expect((await verify(store)).problem).toBeUndefined();
    await tamper(store, 'DELETE FROM audit WHERE sequence = 8');
    expect((await verify(store)).problem).toBe('entry 8 is missing');
  });
});
