/** One thing the loader has to say about a rule file. With an `error` the rules are not usable. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** The first line of the directive, from 1. */
  readonly line: number;
  /** One sentence. */
  readonly message: string;
}

/** Where a directive stands. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** Collects what a loader finds; never throws, so that every problem of a file is reported at once. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];

  error(place: Place, message: string): void {
    this.list.push({ severity: 'error', ...place, message });
  }

  warning(place: Place, message: string): void {
    this.list.push({ severity: 'warning', ...place, message });
  }
}
