import type { Environment } from '@sallyport/control';

/** What a command may touch of the world around it. */
export interface CommandIo {
  /** Writes text as it is, without adding a line break. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Asks on a terminal and gives the answer without its line break; undefined when nobody can answer. */
  readonly readLine?: (question: string) => Promise<string>;
  readonly environment: Environment;
  /** Absolute. Relative paths of the command line begin here. */
  readonly cwd: string;
}

/** Exit codes, as BSD's sysexits.h has them where it has one. */
export const EXIT: {
  readonly ok: 0;
  /** Not done. */
  readonly failed: 1;
  /** The command line is wrong. */
  readonly usage: 64;
  /** There is no running gateway to ask. */
  readonly unavailable: 69;
  /** A file is there already or cannot be written. */
  readonly cannotCreate: 73;
  /** The gateway belongs to somebody else. */
  readonly noPermission: 77;
  /** The configuration is wrong (R0.1). */
  readonly config: 78;
} = { ok: 0, failed: 1, usage: 64, unavailable: 69, cannotCreate: 73, noPermission: 77, config: 78 };
