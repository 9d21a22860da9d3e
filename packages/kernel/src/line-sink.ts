/**
 * Ports for events on their way out of the gateway: as lines, to a place that may be slow, full or gone.
 */

/** An event as the line of the log, with its line feed. */
export interface EventLine {
  readonly line: string;
  /** An exchange that passed, as against everything that somebody may want to know later. */
  readonly isInnocent: boolean;
}

/** Takes lines for one place. Nothing here blocks or throws: what cannot be taken is dropped and counted by its class. */
export interface LineSink {
  offer(lines: readonly EventLine[]): void;
  counts(): LineSinkCounts;
  /** Writes what waits, for as long as its driver makes progress and a limit of time allows; the rest is dropped and counted. */
  close(): Promise<void>;
}

/** What became of lines since the sink began. */
export interface LineSinkCounts {
  readonly written: number;
  readonly writtenBytes: number;
  /** By class, innocent lines first. */
  readonly dropped: readonly [innocent: number, evidence: number];
  /** Lines that are no events: a bug of ours. */
  readonly malformed: number;
  readonly waiting: number;
  /** How long the oldest of them has waited, in milliseconds; 0 when none waits. */
  readonly lagMs: number;
  /** The last try has failed, and the next one comes after a pause. */
  readonly isFailing: boolean;
}

/**
 * Brings lines to one kind of place: a file, and what else there may be. It is asked for one thing at a time, and need not keep
 * anything: lines that it has not taken are offered again.
 */
export interface SinkDriver {
  /**
   * Writes lines, each with its line feed, in their order; answers how many of them, from the first on, are there now, at least
   * one. @throws Error when not even one is there; the same lines are tried again after a pause.
   */
  write(lines: readonly string[]): Promise<number>;
  /** Gives up what it holds. @throws Error when the place fails even now. */
  close(): Promise<void>;
}
