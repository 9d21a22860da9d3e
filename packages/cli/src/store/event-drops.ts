/** Events that did not get where they should, since the last time. */
export interface EventDrop {
  /** Name of the sink; undefined: the store. */
  readonly sink: string | undefined;
  /** `overflow`: no room, or what it was for failed; `quota`: the store is full; `malformed`: a bug of ours. */
  readonly cause: 'overflow' | 'quota' | 'malformed';
  readonly class: EventClass;
  readonly events: number;
}

/** Exchanges that passed, as against everything that somebody may want to know later; the least important first. */
export const EVENT_CLASSES = ['innocent', 'evidence'] as const;

export type EventClass = (typeof EVENT_CLASSES)[number];

/** Counts dropped events by where they were to go and by class, and tells whoever wants to know of each addition. */
export class EventDrops {
  readonly #sums = new Map<string, EventDrop>();
  readonly #watchers: ((drop: EventDrop) => void)[] = [];

  /** Sums since the start, in the order in which they first came. Bounded by the configuration: sinks, causes and classes are ours. */
  all(): readonly EventDrop[] {
    return [...this.#sums.values()];
  }

  onDrop(watcher: (drop: EventDrop) => void): void {
    this.#watchers.push(watcher);
  }

  add(drop: EventDrop): void {
    if (drop.events === 0) return;
    const key = `${drop.cause} ${drop.class} ${drop.sink ?? ''}`;
    this.#sums.set(key, { ...drop, events: drop.events + (this.#sums.get(key)?.events ?? 0) });
    for (const watcher of this.#watchers) watcher(drop);
  }
}

/** In words, for the log. */
export function dropText({ sink, cause, class: name, events }: EventDrop): string {
  return `${events} events (${name}) for ${sink === undefined ? 'the store' : `the sink ${sink}`}, ${cause}`;
}
