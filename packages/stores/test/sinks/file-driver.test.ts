import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileDriver, type FileDriverOptions } from '../../src/sinks/file-driver.ts';
import { runSinkContract } from '../sink-contract.ts';

const T0 = Date.parse('2026-11-28T10:00:00.000Z');
const DAY_MS = 86_400_000;

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sallyport-sink-'));
  mkdirSync(join(root, 'logs'));
});
afterEach(() => rmSync(root, { recursive: true }));

const pathOf = (): string => join(root, 'logs', 'events.ndjson');
const names = (): readonly string[] => readdirSync(join(root, 'logs')).toSorted();
const text = (name = 'events.ndjson'): string => readFileSync(join(root, 'logs', name), 'utf8');

function driverOf(options: Partial<FileDriverOptions> = {}): { driver: FileDriver; clock: ManualClock } {
  const clock = new ManualClock(T0);
  const limits = { rotateBytes: 1_000, rotateMs: DAY_MS, filesMax: 3, bytesMax: 1e6 };
  const driver = new FileDriver({ path: pathOf(), clock, ...limits, ...options });
  return { driver, clock };
}

runSinkContract('a file', {
  open: async () => driverOf({ rotateBytes: 1e9 }).driver,
  received: async () => text(),
  fail: async () => renameSync(join(root, 'logs'), join(root, 'away')),
  mend: async () => renameSync(join(root, 'away'), join(root, 'logs')),
  close: async () => undefined,
});

runSinkContract('a file that is put aside all the time', {
  open: async () => driverOf({ rotateBytes: 100, filesMax: 10_000 }).driver,
  received: async () =>
    names()
      .toSorted((one, other) => numberOf(one) - numberOf(other))
      .map(text)
      .join(''),
  fail: async () => renameSync(join(root, 'logs'), join(root, 'away')),
  mend: async () => renameSync(join(root, 'away'), join(root, 'logs')),
  close: async () => undefined,
});

/** The clock stands still, so files are told apart by their number; the present one is the last. */
function numberOf(name: string): number {
  if (name === 'events.ndjson') return Number.POSITIVE_INFINITY;
  return Number(/Z(?:\.(\d+))?$/.exec(name)?.[1] ?? 0);
}

describe('the file of a sink (R0.16)', () => {
  it('is for its owner alone', async () => {
    const { driver } = driverOf();
    await driver.write(['{}\n']);
    expect(statSync(pathOf()).mode & 0o777).toBe(0o600);
    await driver.close();
  });

  it('goes on with what is there, on a new line after one that was cut off', async () => {
    writeFileSync(pathOf(), '{"n":1}\n{"n":');
    const { driver } = driverOf();
    await driver.write(['{"n":2}\n']);
    await driver.write(['{"n":3}\n']);
    expect(text()).toBe('{"n":1}\n{"n":\n{"n":2}\n{"n":3}\n');
    await driver.close();
  });

  it('is put aside before it becomes too large, under its name with the time', async () => {
    const { driver, clock } = driverOf();
    const line = `${'a'.repeat(400)}\n`;
    for (let count = 0; count < 5; count += 1) {
      await driver.write([line]);
      clock.advance(1_000);
    }
    expect(names()).toEqual([
      'events.ndjson',
      'events.ndjson.2026-11-28T10-00-02.000Z',
      'events.ndjson.2026-11-28T10-00-04.000Z',
    ]);
    expect(text()).toBe(line);
    expect(text('events.ndjson.2026-11-28T10-00-02.000Z')).toBe(line + line);
    await driver.close();
  });

  it('is put aside when its day is over, also one that an earlier process has left', async () => {
    writeFileSync(pathOf(), '{"n":1}\n');
    utimesSync(pathOf(), (T0 - DAY_MS) / 1_000, (T0 - DAY_MS) / 1_000);
    const { driver, clock } = driverOf();
    await driver.write(['{"n":2}\n']);
    clock.advance(DAY_MS - 1_000);
    await driver.write(['{"n":3}\n']);
    expect(names()).toEqual([
      'events.ndjson',
      'events.ndjson.2026-11-28T10-00-00.000Z',
      'events.ndjson.2026-11-29T09-59-59.000Z',
    ]);
    expect([text(), text('events.ndjson.2026-11-28T10-00-00.000Z')]).toEqual(['{"n":3}\n', '{"n":1}\n']);
    await driver.close();
  });

  it('leaves as many files as agreed, and as many bytes, and what others have put beside them', async () => {
    writeFileSync(`${pathOf()}.old`, 'not ours');
    const { driver, clock } = driverOf({ filesMax: 4, bytesMax: 1_300 });
    for (let count = 0; count < 12; count += 1) {
      await driver.write([`${String(count).padEnd(600, 'x')}\n`]);
      clock.advance(1_000);
    }
    // Each has 601 bytes, so two of them are within the sum.
    expect(names()).toEqual([
      'events.ndjson',
      'events.ndjson.2026-11-28T10-00-10.000Z',
      'events.ndjson.2026-11-28T10-00-11.000Z',
      'events.ndjson.old',
    ]);
    await driver.close();
  });

  it('is made anew when somebody has moved it away, as logrotate does', async () => {
    const { driver } = driverOf();
    await driver.write(['{"n":1}\n']);
    renameSync(pathOf(), `${pathOf()}.1`);
    await driver.write(['{"n":2}\n']);
    expect([text('events.ndjson.1'), text()]).toEqual(['{"n":1}\n', '{"n":2}\n']);
    await driver.close();
  });

  it('goes on at its end when somebody has emptied it', async () => {
    const { driver } = driverOf();
    await driver.write(['{"n":1}\n']);
    truncateSync(pathOf(), 0);
    await driver.write(['{"n":2}\n']);
    expect(text()).toBe('{"n":2}\n');
    await driver.close();
  });

  it('may be written by two processes for a while, as in a hand-over', async () => {
    const [one, other] = [driverOf().driver, driverOf().driver];
    await one.write(['{"n":1}\n']);
    await other.write(['{"n":2}\n']);
    await one.write(['{"n":3}\n']);
    expect(text()).toBe('{"n":1}\n{"n":2}\n{"n":3}\n');
    await one.close();
    await other.close();
  });

  it.each([
    ['a link', () => symlinkSync(join(root, 'elsewhere'), pathOf()), 'ELOOP'],
    ['a folder', () => mkdirSync(pathOf()), 'EISDIR'],
    ['the file of a device', () => symlinkSync('/dev/full', pathOf()), 'ELOOP'],
  ])('is not written when %s is in its place', async (_what, put, code) => {
    put();
    await expect(driverOf().driver.write(['{}\n'])).rejects.toMatchObject({ code });
    expect(readdirSync(root)).toEqual(['logs']);
  });

  it('is not a device', async () => {
    const { driver } = driverOf({ path: '/dev/full' });
    await expect(driver.write(['{}\n'])).rejects.toThrow('/dev/full is no regular file');
  });

  it('is opened anew after it was closed', async () => {
    const { driver } = driverOf();
    await driver.write(['{"n":1}\n']);
    await driver.close();
    const descriptor = openSync(pathOf(), 'r');
    closeSync(descriptor);
    appendFileSync(pathOf(), '{"n":"cut');
    await driver.write(['{"n":2}\n']);
    expect(text()).toBe('{"n":1}\n{"n":"cut\n{"n":2}\n');
    await driver.close();
  });
});
