import type { RollupRow, Span } from './day-reader.ts';
import type { OverviewAnswer, OverviewStep, OverviewSums } from './event-query.ts';
import { DURATION_BOUNDS_MS, HOUR_MS, keyText, MINUTE_MS, type RollupKey } from './rollup.ts';

/** Adds up what was counted when events came in. */
export class Overview {
  /** What is to be read: whole hours as hours, what is left of the first and the last as minutes. */
  readonly pieces: readonly { readonly grainMs: number; readonly span: Span }[];
  readonly #stepMs: number;
  readonly #steps = new Map<number, { -readonly [Name in keyof OverviewStep]: OverviewStep[Name] }>();
  readonly #groups = new Map<string, Sums>();
  readonly #total = new Sums({ kind: '', listener: '', route: '', verdict: '', reason: '', statusClass: 0 });

  constructor({ fromMs, toMs }: Span) {
    const isShort = toMs - fromMs <= MINUTES_SPAN_MS;
    this.#stepMs = isShort ? MINUTE_MS : HOUR_MS;
    const first = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS;
    const hourFrom = Math.ceil(first / HOUR_MS) * HOUR_MS;
    const hourEnd = Math.floor((toMs + 1) / HOUR_MS) * HOUR_MS;
    this.pieces =
      isShort || hourFrom >= hourEnd
        ? [{ grainMs: MINUTE_MS, span: { fromMs: first, toMs } }]
        : [
            { grainMs: MINUTE_MS, span: { fromMs: first, toMs: hourFrom - 1 } },
            { grainMs: HOUR_MS, span: { fromMs: hourFrom, toMs: hourEnd - 1 } },
            { grainMs: MINUTE_MS, span: { fromMs: hourEnd, toMs } },
          ];
  }

  add(row: RollupRow): void {
    const startMs = Math.floor(row.startMs / this.#stepMs) * this.#stepMs;
    const step = this.#steps.get(startMs) ?? { startMs, events: 0, denied: 0, failed: 0, bytesOut: 0 };
    this.#steps.set(startMs, step);
    step.events += row.events;
    if (row.key.verdict === 'deny' || row.key.verdict === 'drop') step.denied += row.events;
    if (row.key.statusClass === 5) step.failed += row.events;
    step.bytesOut += row.bytesOut;
    const name = keyText(row.key);
    const group = this.#groups.get(name) ?? new Sums(row.key);
    this.#groups.set(name, group);
    group.add(row);
    this.#total.add(row);
  }

  answer(): Omit<OverviewAnswer, 'gaps'> {
    return {
      stepMs: this.#stepMs,
      steps: [...this.#steps.values()].toSorted((one, other) => one.startMs - other.startMs),
      groups: [...this.#groups.values()]
        .toSorted((one, other) => other.events - one.events)
        .slice(0, GROUPS_MAX)
        .map((group) => ({ ...group.key, ...group.plain() })),
      total: this.#total.plain(),
    };
  }
}

class Sums implements OverviewSums {
  readonly key: RollupKey;
  events = 0;
  bytesIn = 0;
  bytesOut = 0;
  durations: number[] = [...DURATION_BOUNDS_MS.map(() => 0), 0];

  constructor(key: RollupKey) {
    this.key = key;
  }

  add({ events, bytesIn, bytesOut, durations }: RollupRow): void {
    this.events += events;
    this.bytesIn += bytesIn;
    this.bytesOut += bytesOut;
    for (const [place, count] of durations.entries()) this.durations[place] = (this.durations[place] ?? 0) + count;
  }

  plain(): OverviewSums {
    return { events: this.events, bytesIn: this.bytesIn, bytesOut: this.bytesOut, durations: this.durations };
  }
}

/** Up to that long a picture of minutes has room. */
const MINUTES_SPAN_MS = 3 * HOUR_MS;
/** What a person can look through. */
const GROUPS_MAX = 200;
