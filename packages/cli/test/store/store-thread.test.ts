import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreThread } from '../../src/store/store-thread.ts';

const FAILING = new URL('failing-store-main.ts', import.meta.url);

let folder = '';
const ends: (() => Promise<void>)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'));
});

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  rmSync(folder, { recursive: true });
});

interface Rig {
  readonly thread: StoreThread;
  readonly news: string[];
  /** Pauses before it is started again, in milliseconds. */
  readonly pauses: number[];
  /** Ends the pause. */
  readonly again: () => void;
  /** Resolves with the next news. */
  readonly next: () => Promise<string>;
}

function rig(path: string, entry?: URL): Rig {
  const news: string[] = [];
  const pauses: number[] = [];
  let waiting = (): void => undefined;
  let heard = (_what: string): void => undefined;
  const note = (what: string): void => {
    news.push(what);
    heard(what);
  };
  const thread = new StoreThread({
    folder: path,
    clock: new ManualClock(),
    onLost: (why) => note(`lost: ${why}`),
    onRestored: () => note('restored'),
    ...(entry === undefined ? {} : { entry }),
    wait: (callback, ms) => {
      pauses.push(ms);
      waiting = callback;
    },
  });
  ends.push(() => thread.close());
  const next = (): Promise<string> =>
    new Promise((resolve) => {
      heard = resolve;
    });
  return { thread, news, pauses, again: () => waiting(), next };
}

describe('the store thread', () => {
  it('answers what it is asked', async () => {
    writeFileSync(join(folder, 'file'), 'x'.repeat(1_000));
    const { thread } = rig(folder);
    await thread.start();
    const size = await thread.ask('folder.measure');
    expect(size.usedBytes).toBe(1_000);
    expect(size.freeBytes).toBeGreaterThan(0);
  });

  it('says what an operation has thrown, and goes on', async () => {
    const { thread } = rig(join(folder, 'missing'));
    await thread.start();
    await expect(thread.ask('folder.measure')).rejects.toMatchObject({ name: 'StoreError', code: 'FAILED' });
    expect(thread.isRunning).toBe(true);
  });

  it('says why it does not start, and is not tried again', async () => {
    const { thread, pauses } = rig(join(folder, 'never-starts'), FAILING);
    await expect(thread.start()).rejects.toThrow('the store thread cannot start: the disk is on fire');
    expect([thread.isRunning, pauses]).toEqual([false, []]);
  });

  it('fails what was asked when it dies, fails everything at once while it is lost, and is started again', async () => {
    const { thread, news, pauses, again, next } = rig(join(folder, 'dies'), FAILING);
    await thread.start();
    const lost = next();
    await expect(thread.ask('folder.measure')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await lost;
    await expect(thread.ask('folder.measure')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect([news, pauses, thread.isRunning]).toEqual([['lost: out of luck'], [100], false]);
    const restored = next();
    again();
    expect([await restored, thread.isRunning]).toEqual(['restored', true]);
  });

  it('waits longer each time it dies', async () => {
    const { thread, pauses, again, next } = rig(join(folder, 'dies'), FAILING);
    await thread.start();
    for (let round = 0; round < 4; round += 1) {
      const lost = next();
      await expect(thread.ask('folder.measure')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await lost;
      const restored = next();
      again();
      await restored;
    }
    expect(pauses).toEqual([100, 200, 400, 800]);
  });

  it('refuses what is beyond the number that may wait', async () => {
    const { thread } = rig(join(folder, 'silent'), FAILING);
    await thread.start();
    const waiting = Array.from({ length: 10_000 }, () => thread.ask('folder.measure').catch(() => 'failed'));
    await expect(thread.ask('folder.measure')).rejects.toMatchObject({ code: 'BUSY' });
    await thread.close();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['failed']));
  });

  it('answers what was asked before it is closed, and nothing after', async () => {
    const { thread, news } = rig(folder);
    await thread.start();
    const asked = thread.ask('folder.measure');
    await thread.close();
    expect((await asked).usedBytes).toBe(0);
    await expect(thread.ask('folder.measure')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(news).toEqual([]);
  });
});
