/** An event as far as the campaign looks at it. */
export interface SeenEvent {
  readonly path: string;
  readonly boot: string;
  readonly sequence: number;
}

/** What is there of a life, in one place. */
export interface Seen {
  readonly events: readonly SeenEvent[];
  /** What cannot be read, or is no event. */
  readonly faults: readonly string[];
}

/** From one start of the gateway to its kill, as its clients know it. Times are of the monotonic clock. */
export class Life {
  readonly name: string;
  /** By the wall clock. */
  readonly startedWallMs: number = Date.now();
  killedMs: number | undefined;
  readonly #answeredMs = new Map<string, number>();
  /** When our own loop had its turns before the kill: a machine that gives us none gives the gateway none. */
  readonly #turns: number[] = [performance.now()];
  readonly #timer: NodeJS.Timeout;

  constructor(number: number) {
    this.name = `/life-${number}/`;
    this.#timer = setInterval(() => this.#turns.push(performance.now()), TURN_MS);
  }

  path(client: number, number: number): string {
    return `${this.name}${client}-${number}`;
  }

  answered(path: string): void {
    this.#answeredMs.set(path, performance.now());
  }

  kill(kill: () => void): void {
    clearInterval(this.#timer);
    kill();
    this.killedMs = performance.now();
    this.#turns.push(this.killedMs);
  }

  /** Requests that were answered before the kill, with how long before. */
  requests(): readonly { readonly path: string; readonly beforeMs: number }[] {
    const killedMs = this.killedMs ?? 0;
    return [...this.#answeredMs]
      .map(([path, answeredMs]) => ({ path, beforeMs: killedMs - answeredMs }))
      .filter(({ beforeMs }) => beforeMs > 0);
  }

  /** The longest time without a turn in the second before the kill, beyond what is meant. */
  stallMs(): number {
    const late = this.#turns.filter((turnMs) => turnMs > (this.killedMs ?? 0) - 1_000);
    return Math.max(0, ...late.map((turnMs, index) => turnMs - (late[index - 1] ?? turnMs) - TURN_MS));
  }
}

/** Compares what clients know with what is stored, and keeps the figures. */
export class Loss {
  #events = 0;
  #lost = 0;
  #lostMsMax = 0;
  #stallMsMax = 0;

  /** What is wrong with a life that was killed. */
  measure(life: Life, places: Readonly<Record<string, Seen>>): readonly string[] {
    this.#stallMsMax = Math.max(this.#stallMsMax, life.stallMs());
    return Object.entries(places).flatMap(([place, seen]) => {
      this.#events += seen.events.length;
      const faults = [...seen.faults, ...orderFaults(seen.events), ...this.#lossFaults(life, seen.events)];
      return faults.map((fault) => `${life.name} in the ${place}: ${fault}`);
    });
  }

  figures(): Readonly<Record<string, number>> {
    return {
      events: this.#events,
      lost: this.#lost,
      lostMsMax: Math.round(this.#lostMsMax),
      stallMsMax: Math.round(this.#stallMsMax),
    };
  }

  #lossFaults(life: Life, events: readonly SeenEvent[]): readonly string[] {
    const there = new Set(events.map(({ path }) => path));
    const lost = life.requests().filter(({ path }) => !there.has(path));
    this.#lost += lost.length;
    for (const { beforeMs } of lost) this.#lostMsMax = Math.max(this.#lostMsMax, beforeMs);
    const allowedMs = LOST_MS + life.stallMs();
    return lost
      .filter(({ beforeMs }) => beforeMs > allowedMs)
      .map(({ path, beforeMs }) => `${path} was answered ${Math.round(beforeMs)} ms before the kill and is lost`);
  }
}

/** Whatever is lost is the end: none is missing before one that is there, and none is there twice. */
function orderFaults(events: readonly SeenEvent[]): readonly string[] {
  return [...Map.groupBy(events, ({ boot }) => boot)].flatMap(([boot, ofBoot]) => {
    const sequences = ofBoot.map(({ sequence }) => sequence).toSorted((one, other) => one - other);
    const wrong = sequences.find((sequence, index) => sequence !== index + 1);
    return wrong === undefined ? [] : [`of ${boot} number ${wrong} does not follow on the one before`];
  });
}

/** What may be lost: an event is on its way for at most that long. */
const LOST_MS = 250;

/** How often our own loop shows that it has turns. */
const TURN_MS = 10;
