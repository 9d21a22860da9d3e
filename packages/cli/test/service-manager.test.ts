import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServiceManager } from '../src/service-manager.ts';

/** A pid that is not ours, so that nothing passes by chance. */
const PID = 4_711;

let folder = '';
let problems: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-notify-'));
  problems = [];
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** Puts a `systemd-notify` on the path that writes down what it is told, one line for each call, and then does `then`. */
function manager(environment: Readonly<Record<string, string>>, then = ''): ServiceManager {
  const program = join(folder, 'systemd-notify');
  const file = JSON.stringify(join(folder, 'told'));
  writeFileSync(program, `#!/bin/sh\nIFS='|'; echo "$NOTIFY_SOCKET|$*" >>${file}\n${then}\n`);
  chmodSync(program, 0o755);
  return new ServiceManager({
    environment: { PATH: `${folder}:/usr/bin:/bin`, SECRET: 'kept', ...environment },
    pid: PID,
    onFailure: (problem) => problems.push(problem),
  });
}

function told(): readonly string[] {
  const file = join(folder, 'told');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

const UNDER_SYSTEMD = { NOTIFY_SOCKET: '/run/n' };

describe('the service manager', () => {
  it('is told in order that the gateway is ready, reloads, is ready again and stops', async () => {
    const subject = manager(UNDER_SYSTEMD);
    void subject.ready('listening: web');
    void subject.reloading();
    void subject.ready('policy 2');
    await subject.stopping();
    expect(told().map((line) => line.replace(/[0-9]{6,}/, 'N'))).toEqual([
      `/run/n|READY=1|MAINPID=${PID}|STATUS=listening: web`,
      '/run/n|RELOADING=1|MONOTONIC_USEC=N',
      `/run/n|READY=1|MAINPID=${PID}|STATUS=policy 2`,
      '/run/n|STOPPING=1|STATUS=draining',
    ]);
    expect(problems).toEqual([]);
  });

  it('is told nothing where there is none', async () => {
    for (const environment of [{}, { NOTIFY_SOCKET: '' }, { WATCHDOG_USEC: '2000000' }]) {
      await manager(environment).ready('listening: web');
    }
    expect(told()).toEqual([]);
  });

  it('is told nothing more by a process that has handed over, not even what waits', async () => {
    const subject = manager(UNDER_SYSTEMD);
    await subject.ready('listening: web');
    void subject.reloading();
    subject.release();
    await subject.stopping();
    expect(told()).toHaveLength(1);
  });

  it('cannot be told more than one thing by one status', async () => {
    await manager(UNDER_SYSTEMD).ready('web\nMAINPID=1\u0000');
    expect(told()).toEqual([`/run/n|READY=1|MAINPID=${PID}|STATUS=web?MAINPID=1?`]);
  });

  it('gives the helper nothing of the environment but its path and the socket', async () => {
    await manager(UNDER_SYSTEMD, `env >"${folder}/environment"`).ready('');
    const names = readFileSync(join(folder, 'environment'), 'utf8').match(/^[A-Z_]+(?==)/gm);
    expect(names).toEqual(expect.arrayContaining(['NOTIFY_SOCKET', 'PATH']));
    expect(names).not.toContain('SECRET');
  });

  it('hears from us within the watchdog interval, and not after the hand-over', async () => {
    const subject = manager({ ...UNDER_SYSTEMD, WATCHDOG_USEC: '1000000', WATCHDOG_PID: String(PID) });
    await subject.ready('');
    await expect.poll(() => told().includes('/run/n|WATCHDOG=1'), { timeout: 10_000 }).toBe(true);
    subject.release();
  });

  it.each([
    ['another process', { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1' }],
    ['nobody', { WATCHDOG_USEC: '0' }],
    ['something that is no number', { WATCHDOG_USEC: 'soon' }],
  ])('is not told that we live when it watches %s', async (_, environment) => {
    const subject = manager({ NOTIFY_SOCKET: '/run/unwatched', ...environment });
    await subject.ready('');
    const watched = manager({ NOTIFY_SOCKET: '/run/watched', WATCHDOG_USEC: '1000000' });
    await watched.ready('');
    const beats = (socket: string): number => told().filter((line) => line === `${socket}|WATCHDOG=1`).length;
    await expect.poll(() => beats('/run/watched'), { timeout: 10_000 }).toBeGreaterThan(1);
    expect(beats('/run/unwatched')).toBe(0);
    subject.release();
    watched.release();
  });

  it('costs one line of the log, and nothing else, when it cannot be told', async () => {
    const failing = manager(UNDER_SYSTEMD, 'exit 3');
    await failing.ready('');
    await failing.stopping();
    const missing = new ServiceManager({
      environment: { PATH: '/nonexistent', ...UNDER_SYSTEMD },
      pid: PID,
      onFailure: (problem) => problems.push(problem),
    });
    await missing.ready('');
    expect(problems).toEqual(['systemd-notify ended with 3', 'systemd-notify: spawn systemd-notify ENOENT']);
  });
});
