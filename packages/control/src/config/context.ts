import type { GatewayConfig } from '@sallyport/kernel';
import type { FileReader } from './files.ts';

export type Mode = GatewayConfig['mode'];

/** Variables by name; what `process.env` is. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What parsing needs beside the document: the port to files, the time, and what mode to be strict for. */
export interface ParseContext {
  readonly mode: Mode;
  /** Absolute; relative paths in the configuration begin here. */
  readonly directory: string;
  readonly files: FileReader;
  /** Milliseconds since 1970: certificates end. */
  readonly nowMs: number;
  /** Values from the `.env` files of other modes, with the name of their file: production refuses them as secrets. */
  readonly foreignValues: ReadonlyMap<string, string>;
  /** False: a parse after one that already gave the warnings. */
  readonly isWarning: boolean;
}
