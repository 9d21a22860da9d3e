import { spawn } from 'node:child_process';
import type { Environment } from '@sallyport/control';

/**
 * Tells a service manager of systemd's kind what the gateway is about: ready, reloading, stopping, alive.
 *
 * The protocol is a datagram to a Unix socket (sd_notify(3)), and Node.js has no such sockets. So systemd's own program
 * says it for us: `systemd-notify` returns when the manager has read the message, which keeps messages in order, and it is
 * there wherever the manager is. The price is one short process for each message, which are few: start, stop, reload, and
 * two in each watchdog interval. The unit has to say `NotifyAccess=all`, because the message comes from that process.
 *
 * Nothing here ever fails for the caller: what cannot be said is told to `onFailure` once.
 */
export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  readonly #watchdogMs: number | undefined;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #watchdog: NodeJS.Timeout | undefined;
  #isSilent: boolean;
  #hasFailed = false;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    this.#isSilent = (options.environment['NOTIFY_SOCKET'] ?? '') === '';
    this.#watchdogMs = this.#isSilent ? undefined : watchdogInterval(options.environment, options.pid);
  }

  /** The listeners are open and this process is the service, also where another one was before. Starts the watchdog. */
  ready(status: string): Promise<void> {
    if (this.#watchdog === undefined && this.#watchdogMs !== undefined && !this.#isSilent) {
      // A beat that waits for another one says nothing new: a manager that does not read must not grow the queue.
      this.#watchdog = setInterval(() => void (this.#waiting === 0 && this.#say(['WATCHDOG=1'])), this.#watchdogMs / 2);
      this.#watchdog.unref();
    }
    return this.#say(['READY=1', `MAINPID=${this.#options.pid}`, statusLine(status)]);
  }

  /** A new configuration is being looked at; `ready` says that this is over, whatever came of it. */
  reloading(): Promise<void> {
    const monotonicUs = process.hrtime.bigint() / 1_000n;
    return this.#say(['RELOADING=1', `MONOTONIC_USEC=${monotonicUs}`]);
  }

  /** The drain has begun. */
  stopping(): Promise<void> {
    return this.#say(['STOPPING=1', statusLine('draining')]);
  }

  /**
   * Another process is the service now: nothing more is said. What this one said would be taken for the other's, and
   * `STOPPING=1` would make the manager end it.
   */
  release(): void {
    this.#isSilent = true;
    clearInterval(this.#watchdog);
  }

  #say(assignments: readonly string[]): Promise<void> {
    if (this.#isSilent) return this.#last;
    this.#waiting += 1;
    this.#last = this.#sayAfter(this.#last, assignments);
    return this.#last;
  }

  async #sayAfter(earlier: Promise<void>, assignments: readonly string[]): Promise<void> {
    await earlier;
    const problem = this.#isSilent ? undefined : await this.#notify(assignments);
    this.#waiting -= 1;
    if (problem === undefined || this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onFailure(problem);
  }

  /** The answer is what went wrong. */
  #notify(assignments: readonly string[]): Promise<string | undefined> {
    const { PATH, NOTIFY_SOCKET } = this.#options.environment;
    return new Promise((resolve) => {
      const child = spawn(NOTIFY_PROGRAM, assignments, {
        env: { PATH, NOTIFY_SOCKET },
        stdio: 'ignore',
        timeout: NOTIFY_MS_MAX,
        killSignal: 'SIGKILL',
      });
      child.once('error', (error) => resolve(`${NOTIFY_PROGRAM}: ${error.message}`));
      child.once('exit', (code, signal) => {
        resolve(code === 0 ? undefined : `${NOTIFY_PROGRAM} ended with ${code ?? signal}`);
      });
    });
  }
}

export interface ServiceManagerOptions {
  readonly environment: Environment;
  readonly pid: number;
  /** Called once at most, with what went wrong. */
  readonly onFailure: (problem: string) => void;
}

const NOTIFY_PROGRAM = 'systemd-notify';

/** The manager reads at once; without this a stuck one would keep a drain from ending. */
const NOTIFY_MS_MAX = 5_000;

const STATUS_LENGTH_MAX = 200;

/** One line: a line break would begin another assignment. */
function statusLine(text: string): string {
  return `STATUS=${text.replaceAll(/[^ -~]/g, '?').slice(0, STATUS_LENGTH_MAX)}`;
}

/** Milliseconds within which the manager wants to hear from us; undefined when it does not. */
function watchdogInterval(environment: Environment, pid: number): number | undefined {
  const text = environment['WATCHDOG_USEC'] ?? '';
  const meant = environment['WATCHDOG_PID'];
  if (!/^[0-9]{1,15}$/.test(text) || Number(text) === 0) return undefined;
  if (meant !== undefined && meant !== String(pid)) return undefined;
  return Math.max(WATCHDOG_MS_MIN, Number(text) / 1_000);
}

/** Below it most of our time would go into saying that we are alive. */
const WATCHDOG_MS_MIN = 1_000;
