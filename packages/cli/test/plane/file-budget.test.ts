import { type LogFields, MetricsRegistry } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { FileBudget, RESERVED_FILES_MAX } from '../../src/plane/file-budget.ts';
import { TurnedAwayLog } from '../../src/plane/turned-away.ts';

function budget(filesMax: number | undefined): {
  readonly files: FileBudget;
  readonly machine: { open: number | undefined; connections: number; nowMs: number; looks: number };
} {
  const machine = { open: 0 as number | undefined, connections: 0, nowMs: 0, looks: 0 };
  const countOpen = (): number | undefined => {
    machine.looks += 1;
    return machine.open;
  };
  const connections = (): number => machine.connections;
  return { files: new FileBudget({ filesMax, countOpen, connections, nowMs: () => machine.nowMs }), machine };
}

describe('the budget of file descriptors', () => {
  test.each([
    [800, 700],
    [1_000_000, 1_000_000 - RESERVED_FILES_MAX],
  ])('of %i keeps some back: a connection is admitted below %i', (filesMax, usable) => {
    const { files, machine } = budget(filesMax);
    machine.open = usable - 1;
    expect(files.admit()).toBe(true);
    machine.open = usable;
    machine.nowMs = 1_000;
    expect(files.admit()).toBe(false);
  });

  test('counts what all threads have admitted since it looked, for two each, and looks again before it turns anybody away', () => {
    const { files, machine } = budget(80);
    expect(files.admit()).toBe(true);
    machine.connections = 34;
    expect(files.admit()).toBe(true);
    machine.connections = 35;
    expect(files.admit()).toBe(false);
    expect(machine.looks).toBe(1);
    machine.nowMs = 51;
    machine.open = 68;
    expect(files.admit()).toBe(true);
    machine.connections = 36;
    expect(files.admit()).toBe(false);
    expect(machine.looks).toBe(2);
  });

  test('turns nobody away from a burst for which there is room, however many threads share it', () => {
    const { files, machine } = budget(1_024);
    for (let connection = 0; connection < 400; connection += 1) {
      expect(files.admit()).toBe(true);
      machine.connections += 1;
    }
    expect(machine.looks).toBe(1);
  });

  test('has no more room because connections have closed: those to servers may be left', () => {
    const { files, machine } = budget(80);
    machine.connections = 60;
    machine.open = 70;
    expect(files.admit()).toBe(false);
    machine.connections = 0;
    expect(files.admit()).toBe(false);
  });

  test('does not look at each of a flood', () => {
    const { files, machine } = budget(80);
    machine.open = 80;
    for (let connection = 0; connection < 1_000; connection += 1) expect(files.admit()).toBe(false);
    expect(machine.looks).toBe(1);
    machine.open = 10;
    machine.nowMs = 51;
    expect(files.admit()).toBe(true);
  });

  test.each([
    ['there is no limit', undefined, 1_000_000],
    ['nobody can say how many are open', 80, undefined],
  ])('admits everybody where %s', (_, filesMax, open) => {
    const { files, machine } = budget(filesMax);
    machine.open = open;
    expect(files.admit()).toBe(true);
  });
});

describe('connections that are turned away', () => {
  test('are all counted, and logged once a minute with their number', () => {
    let nowMs = 0;
    const lines: (LogFields | undefined)[] = [];
    const counter = new MetricsRegistry().counter('away_total', 'Away.', ['listener', 'cause']);
    const away = new TurnedAwayLog({
      counter,
      clock: { monotonicMs: () => nowMs, wallMs: () => 0 },
      log: { info: () => undefined, warn: () => undefined, error: (_, fields) => void lines.push(fields) },
    });
    for (let connection = 0; connection < 100; connection += 1) away.note('public', { cause: 'files' });
    away.note('public', { cause: 'workers' });
    for (let turn = 0; turn < 50; turn += 1) away.note('public', { cause: 'system', code: 'ENOBUFS' });
    nowMs = 60_000;
    away.note('public', { cause: 'files' });
    away.note('other', { cause: 'system', code: 'ENOMEM' });
    expect(lines).toEqual([
      { listener: 'public', cause: 'files', connections: 1 },
      { listener: 'public', cause: 'workers', connections: 1 },
      { listener: 'public', cause: 'system', code: 'ENOBUFS', connections: 1 },
      { listener: 'public', cause: 'files', connections: 100 },
      { listener: 'other', cause: 'system', code: 'ENOMEM', connections: 50 },
    ]);
    expect(counter.with('public', 'files').value).toBe(101);
  });
});
