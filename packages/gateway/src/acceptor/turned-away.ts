/** Why a connection was ended as it came. */
export interface TurnedAway {
  /**
   * `files`: file descriptors run out. `system`: the kernel does not hand it over, for another reason. `workers`: nobody can take it, and
   * too many wait already.
   */
  readonly cause: 'files' | 'system' | 'workers';
  /** What the system says of it; undefined where it was not asked. */
  readonly code?: string | undefined;
}

/**
 * What an error of a listening socket means. The kernel says so again and again for as long as somebody waits, in each turn of the event
 * loop: it is counted like those who are turned away, and never a line of its own.
 */
export function turnedAwayBy({ code }: NodeJS.ErrnoException): TurnedAway {
  return { cause: code === 'EMFILE' || code === 'ENFILE' ? 'files' : 'system', code };
}
