export interface FileBudgetOptions {
  /** Most file descriptors that may be open; undefined: nobody knows of a limit. */
  readonly filesMax: number | undefined;
  /** How many are open; undefined where nobody can say. */
  readonly countOpen: () => number | undefined;
  /** How many connections are open now, whichever thread has admitted them. */
  readonly connections: () => number;
  /** Monotonic, milliseconds. */
  readonly nowMs: () => number;
}

/**
 * File descriptors for connections of clients. Whoever opens connections until none is left would take the gateway's own
 * files, too: the log, the store, certificates at a reload, connections to upstreams, the scrape that shows it. And the kernel
 * would then close what comes unseen. So some are kept back, and connections beyond are turned away and counted.
 */
export class FileBudget {
  readonly #options: FileBudgetOptions;
  readonly #usable: number;
  #open = 0;
  /** Connections when it looked. */
  #connections = 0;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: FileBudgetOptions) {
    this.#options = options;
    const { filesMax = Number.POSITIVE_INFINITY } = options;
    this.#usable = filesMax - Math.min(RESERVED_FILES_MAX, Math.ceil(filesMax * RESERVED_SHARE));
  }

  /** One more connection has come: whether it may stay. */
  admit(): boolean {
    const elapsedMs = this.#options.nowMs() - this.#lookedMs;
    if (elapsedMs > LOOK_MS || (this.#isUsedUp() && elapsedMs > LOOK_AGAIN_MS)) this.#look();
    return !this.#isUsedUp();
  }

  /**
   * By what was open when it looked and the connections that have come since then, which all threads count together: to multiply one's own
   * by the number of threads would turn a burst away while there is room, and let one through that met each of them at another
   * moment. A connection that has closed may leave the one to its server open, so that fewer than at the look make no room.
   */
  #isUsedUp(): boolean {
    const come = Math.max(0, this.#options.connections() - this.#connections);
    return this.#open + FILES_PER_CONNECTION * come >= this.#usable;
  }

  #look(): void {
    this.#open = this.#options.countOpen() ?? 0;
    this.#connections = this.#options.connections();
    this.#lookedMs = this.#options.nowMs();
  }
}

/** Most of them that clients cannot have: an eighth of all, and no more than this. */
export const RESERVED_FILES_MAX = 1_024;
const RESERVED_SHARE = 1 / 8;

/** Until the next look each one counts for two: its request may need a connection to a server. */
const FILES_PER_CONNECTION = 2;

/** Between two looks, and while there is no room: what has closed is known only then. */
const LOOK_MS = 500;
const LOOK_AGAIN_MS = 50;
