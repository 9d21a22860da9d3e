import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HealthStore } from '@sallyport/kernel';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryHealthStore, SqliteHealthStore } from '../../src/index.ts';
import { batchOf, resultOf, runHealthStoreContract, serviceOf } from './contract.ts';

const folders: string[] = [];
const drivers: SqliteHealthStore[] = [];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sallyport-health-'));
  folders.push(path);
  return path;
}

/** The driver behind the asynchronous port, as the store thread puts it there. */
function port(path: string): HealthStore {
  const driver = new SqliteHealthStore({ folder: path, nowMs: () => 0 });
  drivers.push(driver);
  return {
    load: async () => driver.load(),
    commit: async (batch) => driver.commit(batch),
    release: async () => driver.release(),
  };
}

async function tidy(): Promise<void> {
  for (const driver of drivers.splice(0)) driver.release();
  for (const path of folders.splice(0)) rmSync(path, { recursive: true });
}

runHealthStoreContract('MemoryHealthStore', {
  open: () => new MemoryHealthStore(),
  reopen: undefined,
  close: async () => undefined,
});

let place = '';

runHealthStoreContract('SqliteHealthStore', {
  open: () => {
    place = folder();
    return port(place);
  },
  reopen: async (store) => {
    await store.release();
    return port(place);
  },
  close: tidy,
});

describe('SqliteHealthStore', () => {
  afterEach(tidy);

  it('belongs to one process, until that releases it', async () => {
    const path = folder();
    const first = port(path);
    await first.load();
    const second = port(path);
    await expect(second.load()).rejects.toMatchObject({ code: 'BUSY' });
    await first.release();
    expect(await second.load()).toEqual([]);
  });

  it('puts a damaged file aside and begins anew', async () => {
    const path = folder();
    writeFileSync(join(path, 'health.db'), 'not a database, but long enough to be looked at as one'.repeat(50));
    const store = port(path);
    expect(await store.load()).toEqual([]);
    await store.commit(batchOf(serviceOf('api', { results: [resultOf(1)] })));
    expect(readdirSync(path).filter((name) => name.startsWith('health.db.damaged-'))).toHaveLength(1);
  });

  it('stores nothing of a batch of which one part cannot be stored', async () => {
    const store = port(folder());
    await store.load();
    const broken = serviceOf('broken', { results: [{ ...resultOf(1), durationMs: Number.NaN }] });
    await expect(store.commit(batchOf(serviceOf('api'), broken))).rejects.toMatchObject({ name: 'StoreError' });
    expect(await store.load()).toEqual([]);
  });
});
