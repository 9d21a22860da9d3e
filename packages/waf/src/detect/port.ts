/**
 * Detectors of payloads in one value. Values are byte strings: one character (U+0000 to U+00FF) for one byte. Neither
 * keeps state, throws, or takes more than a number of steps that is linear in the value's length.
 */
export interface Detectors {
  /** The structure that makes the value an injection into SQL, as `@detectSQLi` captures it; undefined if it has none. */
  sqli(value: string, work?: DetectorWork): string | undefined;
  /** True when a browser would run script from the value, wherever in a page it is written. */
  xss(value: string, work?: DetectorWork): boolean;
  /** As the two above, with pauses in a long value; between two parts others may be asked about. */
  readonly sqliInParts?: (value: string, work: DetectorWork) => Generator<undefined, string | undefined>;
  readonly xssInParts?: (value: string, work: DetectorWork) => Generator<undefined, boolean>;
}

/** What detectors add their work to: bytes looked at, in all readings of the value. */
export interface DetectorWork {
  steps: number;
}
