import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventQuestioner } from '../../src/store/event-questioner.ts';

let folder = '';
let questioner: EventQuestioner;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-questions-'));
  mkdirSync(join(folder, 'events'));
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  questioner = new EventQuestioner(folder, { clock: new ManualClock(), log });
});

afterEach(async () => {
  await questioner.close();
  rmSync(folder, { recursive: true });
});

const ask = (): Promise<number> =>
  questioner.ask('events.overview', { fromMs: 0, untilMs: 60_000 }).then(({ total }) => total.events);

describe('questions about events', () => {
  it('wait for their turn, twenty of them, and are all answered', async () => {
    const asked = Array.from({ length: 20 }, ask);
    await expect(ask()).rejects.toMatchObject({ name: 'StoreError', code: 'BUSY' });
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 20 }, () => 0));
    expect(await ask()).toBe(0);
  }, 20_000);

  it('that fail leave their place to others', async () => {
    rmSync(join(folder, 'events'), { recursive: true });
    for (let count = 0; count < 25; count += 1) await expect(ask()).rejects.toMatchObject({ code: 'FAILED' });
    mkdirSync(join(folder, 'events'));
    expect(await ask()).toBe(0);
  }, 20_000);

  it('are refused when the gateway stops', async () => {
    await questioner.close();
    await expect(ask()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });
});
