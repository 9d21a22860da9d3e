import type { StoredEvent } from './flat-fields.ts';
import { timeOf } from './flat-fields.ts';

/** What events are counted by. */
export interface RollupKey {
  readonly kind: string;
  readonly listener: string;
  readonly route: string;
  readonly verdict: string;
  readonly reason: string;
  /** 2 for 200 to 299 and so on; 0 when nothing was answered. */
  readonly statusClass: number;
}

/** How many events there were in one minute or hour, and what they amounted to. */
export interface RollupCell {
  readonly startMs: number;
  readonly key: RollupKey;
  events: number;
  bytesIn: number;
  bytesOut: number;
  /** Events by their duration: up to each of `DURATION_BOUNDS_MS`, and longer. */
  readonly durations: number[];
}

/** Upper bounds, in milliseconds. */
export const DURATION_BOUNDS_MS: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000];

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;

/** Most keys that are told apart in one file. Routes and reasons are ours, so an attacker cannot make any. */
export const ROLLUP_KEYS_MAX = 2_000;

/** Counts a batch of events before they are added to what the store has. */
export class Rollup {
  readonly #cells = new Map<string, RollupCell>();
  readonly #grainMs: number;

  constructor(grainMs: number) {
    this.#grainMs = grainMs;
  }

  add(event: StoredEvent): void {
    const startMs = Math.floor(timeOf(event) / this.#grainMs) * this.#grainMs;
    const key = keyOf(event);
    const name = `${startMs} ${keyText(key)}`;
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = { startMs, key, events: 0, bytesIn: 0, bytesOut: 0, durations: DURATION_CELLS.map(() => 0) };
      this.#cells.set(name, cell);
    }
    cell.events += 1;
    cell.bytesIn += numberOf(event['bytesIn']);
    cell.bytesOut += numberOf(event['bytesOut']);
    if (typeof event['durationMs'] === 'number') {
      const place = durationPlace(event['durationMs']);
      cell.durations[place] = (cell.durations[place] ?? 0) + 1;
    }
  }

  cells(): IterableIterator<RollupCell> {
    return this.#cells.values();
  }
}

/** One text for each key. */
export function keyText(key: RollupKey): string {
  return JSON.stringify([key.kind, key.listener, key.route, key.verdict, key.reason, key.statusClass]);
}

/** The key of a text. */
export function rollupKeyOf(text: string): RollupKey {
  const parts: unknown = JSON.parse(text);
  const [kind = '', listener = '', route = '', verdict = '', reason = '', statusClass = 0] = Array.isArray(parts)
    ? (parts as readonly unknown[])
    : [];
  return {
    kind: String(kind),
    listener: String(listener),
    route: String(route),
    verdict: String(verdict),
    reason: String(reason),
    statusClass: Number(statusClass),
  };
}

/** What stands for all keys beyond `ROLLUP_KEYS_MAX`. */
export const OTHER_KEY: RollupKey = {
  kind: 'other',
  listener: '',
  route: '',
  verdict: '',
  reason: '',
  statusClass: 0,
};

/** The duration, in milliseconds, that a share of all (0 to 1) do not exceed, to the bound above it; undefined without any. */
export function durationAt(durations: readonly number[], share: number): number | undefined {
  const all = durations.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let seen = 0;
  for (const [place, count] of durations.entries()) {
    seen += count;
    if (seen >= all * share) return DURATION_BOUNDS_MS[place] ?? Number.POSITIVE_INFINITY;
  }
  return Number.POSITIVE_INFINITY;
}

const DURATION_CELLS: readonly number[] = [...DURATION_BOUNDS_MS, Number.POSITIVE_INFINITY];

function durationPlace(ms: number): number {
  const place = DURATION_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return place < 0 ? DURATION_BOUNDS_MS.length : place;
}

function keyOf(event: StoredEvent): RollupKey {
  return {
    kind: textOf(event['kind']),
    listener: textOf(event['listener']),
    route: textOf(event['route']),
    verdict: textOf(event['verdict']),
    reason: textOf(event['reason']),
    statusClass: Math.floor(numberOf(event['status']) / 100),
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
