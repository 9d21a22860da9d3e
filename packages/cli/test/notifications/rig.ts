import { type Log, ManualClock, MetricsRegistry, type MetricsSnapshot, type Notice } from '@sallyport/kernel';
import { afterEach, beforeEach, vi } from 'vitest';

/** Intervals of the watches are moved by the test, together with its clock. */
export function moveTimers(): { readonly clock: ManualClock; readonly pass: (ms: number) => Promise<void> } {
  const clock = new ManualClock(1_790_000_000_000);
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
  afterEach(() => void vi.useRealTimers());
  return {
    clock,
    pass: async (ms) => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000);
        await vi.advanceTimersByTimeAsync(1_000);
      }
    },
  };
}

/** Keeps what is told. */
export function told(): { readonly notices: Notice[]; readonly sink: { notify: (notice: Notice) => void } } {
  const notices: Notice[] = [];
  return { notices, sink: { notify: (notice) => void notices.push(notice) } };
}

export function logOf(lines: string[]): Log {
  const note = (message: string): void => void lines.push(message);
  return { info: note, warn: note, error: note };
}

/** What workers have counted, which a test makes grow. */
export class Counts {
  readonly #registry = new MetricsRegistry();
  readonly #exchanges = this.#registry.histogram('http_server_request_duration_seconds', 'Exchanges.', {
    labels: ['status'],
    buckets: [1],
  });
  readonly #blocked = this.#registry.counter('proxy_blocked_requests_total', 'Refused.', ['reason']);
  readonly #connections = this.#registry.counter('gateway_connections_refused_total', 'Refused.', ['why']);

  exchanges(passed: number, refused: number): void {
    for (let count = 0; count < passed; count += 1) this.#exchanges.with('200').observe(0.01);
    for (let count = 0; count < refused; count += 1) this.#exchanges.with('403').observe(2);
    this.#blocked.with('ADDRESS_DENIED').add(refused);
  }

  connections(refused: number): void {
    this.#connections.with('limit').add(refused);
  }

  snapshot(): MetricsSnapshot {
    return this.#registry.snapshot();
  }
}
