import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Outbox, StoreError } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { MemoryOutbox, SqliteOutbox } from '../../src/index.ts';
import { notificationOf, runOutboxContract } from './contract.ts';

/** The driver as a port: the store thread does the same. */
class SqlitePort implements Outbox {
  readonly inner: SqliteOutbox;
  constructor(folder: string) {
    this.inner = new SqliteOutbox(folder);
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
    const outbox = new SqliteOutbox(own);
    outbox.enqueue({ notifications: [notificationOf('a1')], memory: undefined, nowMs: 1 });
    expect(outbox.status().channels).toHaveLength(1);
    expect(readdirSync(own)).toContain('outbox.db.damaged');
    outbox.release();
    rmSync(own, { recursive: true });
  });

  it('says what is wrong with its folder as a failure of a store', () => {
    const outbox = new SqliteOutbox(join(tmpdir(), 'sallyport-outbox-that-is-not-there'));
    expect(() => outbox.recall()).toThrow(StoreError);
  });
});
