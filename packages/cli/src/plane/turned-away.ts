import type { TurnedAway } from '@sallyport/gateway';
import type { Clock, Counter, Family, Log } from '@sallyport/kernel';

export interface TurnedAwayLogOptions {
  readonly counter: Family<Counter>;
  readonly log: Log;
  readonly clock: Clock;
}

/** Connections that were closed as they came. Each is counted; the log has one line a minute, however many come. */
export class TurnedAwayLog {
  readonly #options: TurnedAwayLogOptions;
  readonly #since = new Map<TurnedAway['cause'], { readonly loggedMs: number; connections: number }>();

  constructor(options: TurnedAwayLogOptions) {
    this.#options = options;
  }

  note(listener: string, { cause, code }: TurnedAway): void {
    const { counter, log, clock } = this.#options;
    counter.with(listener, cause).add();
    const nowMs = clock.monotonicMs();
    const before = this.#since.get(cause);
    if (before !== undefined && nowMs - before.loggedMs < LOG_MS) {
      before.connections += 1;
      return;
    }
    const connections = (before?.connections ?? 0) + 1;
    this.#since.set(cause, { loggedMs: nowMs, connections: 0 });
    log.error(`connections are closed as they come: ${WHY[cause]}`, { listener, cause, code, connections });
  }
}

const WHY: Readonly<Record<TurnedAway['cause'], string>> = {
  files: 'there are too few file descriptors (LimitNOFILE, ulimit -n)',
  system: 'the system does not hand them over',
  workers: 'no worker takes them',
};

const LOG_MS = 60_000;
