import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Outbox, StoreError } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { MemoryOutbox, SqliteOutbox } from '../../src/index.ts';
import { notificationOf, runOutboxContract } from './contract.ts';

/** The driver as a port: the store thread does the same. */
class SqlitePort implements Outbox {
  readonly inner: SqliteOutbox;
  constructor(folder: string) {
    this.inner = new SqliteOutbox({ folder, nowMs: () => 0 });
  }
  enqueue: Outbox['enqueue'] = async (batch) => this.inner.enqueue(batch);
  recall: Outbox['recall'] = async () => this.inner.recall();
  claim: Outbox['claim'] = async (moment) => this.inner.claim(moment);
  done: Outbox['done'] = async (id) => this.inner.done(id);
  failed: Outbox['failed'] = async (id, outcome) => this.inner.failed(id, outcome);
  status: Outbox['status'] = async () => this.inner.status();
}

runOutboxContract('in memory', {
  open: () => new MemoryOutbox(),
  reopen: undefined,
  close: async () => undefined,
});

let folder = '';
let open: SqlitePort[] = [];

function sqlite(): SqlitePort {
  const port = new SqlitePort(folder);
  open.push(port);
  return port;
}

runOutboxContract('in SQLite', {
  open: () => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-outbox-'));
    return sqlite();
  },
  // Nobody has closed it: the process before us was killed.
  reopen: async () => sqlite(),
  close: async () => {
    for (const { inner } of open) inner.release();
    open = [];
    rmSync(folder, { recursive: true });
  },
});

describe('an outbox in SQLite', () => {
  it('is put aside when it is damaged, and an empty one begins', () => {
    const own = mkdtempSync(join(tmpdir(), 'sallyport-outbox-'));
    writeFileSync(join(own, 'outbox.db'), 'this is no database'.repeat(500));
    const outbox = new SqliteOutbox({ folder: own, nowMs: () => 0 });
    outbox.enqueue({ notifications: [notificationOf('a1')], memory: undefined, nowMs: 1 });
    expect(outbox.status().channels).toHaveLength(1);
    expect(readdirSync(own)).toContain('outbox.db.damaged-1970-01-01T000000000Z');
    outbox.release();
    rmSync(own, { recursive: true });
  });

  it('gives up a message that cannot be read, and hands out the others', () => {
    const own = mkdtempSync(join(tmpdir(), 'sallyport-outbox-'));
    const outbox = new SqliteOutbox({ folder: own, nowMs: () => 0 });
    const [torn, whole] = [notificationOf('a1'), { ...notificationOf('b1'), channel: 'other' }];
    outbox.enqueue({ notifications: [torn, whole], memory: undefined, nowMs: 1 });
    const database = new DatabaseSync(join(own, 'outbox.db'));
    database.exec(`UPDATE messages SET message = '{"id":' WHERE id = 'a1'`);
    database.close();
    expect(outbox.claim({ nowMs: 1, leaseMs: 60_000 }).map(({ notification }) => notification.id)).toEqual(['b1']);
    expect(outbox.status().dead).toEqual([{ id: 'a1', channel: torn.channel, failure: 'internal', enqueuedMs: 1 }]);
    outbox.release();
    rmSync(own, { recursive: true });
  });

  it('says what is wrong with its folder as a failure of a store', () => {
    const outbox = new SqliteOutbox({ folder: join(tmpdir(), 'sallyport-outbox-that-is-not-there'), nowMs: () => 0 });
    expect(() => outbox.recall()).toThrow(StoreError);
  });
});
