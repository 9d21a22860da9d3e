export interface FileBudgetOptions {
  /** Most file descriptors that may be open; undefined: nobody knows of a limit. */
  readonly filesMax: number | undefined;
  /** How many are open; undefined where nobody can say. */
  readonly countOpen: () => number | undefined;
  /** How many of these admit connections. Default: 1. */
  readonly sharers?: number;
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
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: FileBudgetOptions) {
    this.#options = options;
    const { filesMax = Number.POSITIVE_INFINITY } = options;
    this.#usable = filesMax - Math.min(RESERVED_FILES_MAX, Math.ceil(filesMax * RESERVED_SHARE));
  }

  /** One more connection has come: whether it may stay. */
  admit(): boolean {
    const elapsedMs = this.#options.nowMs() - this.#lookedMs;
    if (elapsedMs > LOOK_MS || (this.#open >= this.#usable && elapsedMs > LOOK_AGAIN_MS)) this.#look();
    if (this.#open >= this.#usable) return false;
    // Each of the others may admit as many before the next look.
    this.#open += FILES_PER_CONNECTION * (this.#options.sharers ?? 1);
    return true;
  }

  #look(): void {
    this.#open = this.#options.countOpen() ?? 0;
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
