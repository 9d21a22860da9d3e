import type { TurnedAwayCause } from '@sallyport/gateway';
import type { Clock, Counter, Family, Log } from '@sallyport/kernel';

export interface TurnedAwayOptions {
  readonly counter: Family<Counter>;
  readonly log: Log;
  readonly clock: Clock;
}

/** Connections that were closed as they came. Each is counted; the log has one line a minute, however many come. */
export class TurnedAway {
  readonly #options: TurnedAwayOptions;
  readonly #since = new Map<TurnedAwayCause, { readonly loggedMs: number; connections: number }>();

  constructor(options: TurnedAwayOptions) {
    this.#options = options;
  }

  note(listener: string, cause: TurnedAwayCause): void {
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
    log.error(`connections are closed as they come: ${WHY[cause]}`, { listener, cause, connections });
  }
}

const WHY: Readonly<Record<TurnedAwayCause, string>> = {
  files: 'there are too few file descriptors (LimitNOFILE, ulimit -n)',
  workers: 'no worker takes them',
};

const LOG_MS = 60_000;
