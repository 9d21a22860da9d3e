import type { EventLine } from '@sallyport/kernel';

/** A line that waits, and since when by the monotonic clock. */
export interface WaitingLine extends EventLine {
  readonly sinceMs: number;
}

/**
 * Lines that wait for a sink, in their order and up to a limit. Innocent ones may fill three quarters of it, so that a flood of
 * them leaves room for evidence. What finds no room is counted by its class.
 */
export class WaitingLines {
  readonly dropped: [innocent: number, evidence: number] = [0, 0];
  readonly #unitsMax: number;
  #lines: WaitingLine[] = [];
  #units = 0;

  /** `unitsMax`: in UTF-16 units, which is what memory is taken by. */
  constructor(unitsMax: number) {
    this.#unitsMax = unitsMax;
  }

  get length(): number {
    return this.#lines.length;
  }

  /** How long the oldest has waited; 0 when none waits. */
  lagMs(nowMs: number): number {
    const [oldest] = this.#lines;
    return oldest === undefined ? 0 : nowMs - oldest.sinceMs;
  }

  hasRoom({ line, isInnocent }: EventLine): boolean {
    return this.#units + line.length <= (isInnocent ? this.#unitsMax * INNOCENT_SHARE : this.#unitsMax);
  }

  /** Takes a line that has room, and otherwise counts it. */
  offer(line: EventLine, nowMs: number): void {
    if (!this.hasRoom(line)) return this.drop(line);
    this.#lines.push({ ...line, sinceMs: nowMs });
    this.#units += line.line.length;
  }

  drop({ isInnocent }: EventLine): void {
    this.dropped[isInnocent ? 0 : 1] += 1;
  }

  /** The first lines, at least one where there is any and then as many as fit into `unitsMax`. They stay. */
  first(unitsMax: number): readonly WaitingLine[] {
    let units = 0;
    const beyond = this.#lines.findIndex(({ line }) => {
      units += line.length;
      return units > unitsMax;
    });
    return beyond < 0 ? [...this.#lines] : this.#lines.slice(0, Math.max(beyond, 1));
  }

  /** Takes the first lines out; returns them. */
  remove(count: number): readonly WaitingLine[] {
    const removed = this.#lines.splice(0, count);
    for (const { line } of removed) this.#units -= line.length;
    return removed;
  }
}

/** As in `RING_SHARES`. */
const INNOCENT_SHARE = 0.75;
