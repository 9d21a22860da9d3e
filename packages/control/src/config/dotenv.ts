import { join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Environment, Mode } from './context.ts';
import type { FileReader } from './files.ts';
import { modeProblem } from './leaves.ts';

/** The environment with what the `.env` files beside a configuration add to it. */
export interface FullEnvironment {
  readonly environment: Environment;
  readonly faults: readonly DotenvFault[];
  /** Values that belong to other modes, with the name of their file. Only read in production. */
  readonly foreignValues: ReadonlyMap<string, string>;
}

export interface DotenvFault {
  readonly file: string;
  readonly severity: 'error' | 'warning';
  readonly problem: string;
}

/**
 * Adds the variables of `.env.MODE` and `.env` in `directory` (R0.12). What the process has already wins over
 * `.env.MODE`, which wins over `.env`. A missing file is nothing.
 */
export function readDotenv(sources: {
  readonly environment: Environment;
  readonly directory: string;
  readonly mode: Mode;
  readonly files: FileReader;
}): FullEnvironment {
  const faults: DotenvFault[] = [];
  const environment: Record<string, string | undefined> = {};
  for (const name of ['.env', `.env.${sources.mode}`]) {
    const path = join(sources.directory, name);
    const read = sources.files.read(path, DOTENV_BYTES_MAX);
    if (read.kind === 'failure') {
      if (!read.isMissing) faults.push({ file: path, severity: 'error', problem: read.why });
      continue;
    }
    const looseness = modeProblem({ path, mode: read.mode });
    if (looseness !== undefined) {
      const severity = sources.mode === 'production' ? 'error' : 'warning';
      faults.push({ file: path, severity, problem: looseness.replace('refers to a secret', 'is a file of secrets') });
    }
    Object.assign(environment, parseEnv(read.text));
  }
  for (const [name, value] of Object.entries(sources.environment)) if (value !== undefined) environment[name] = value;
  return { environment, faults, foreignValues: readForeignValues(sources) };
}

/** Largest `.env` file, in bytes. */
const DOTENV_BYTES_MAX = 262_144;

/** R0.12: a secret that also stands in the file of another mode was copied, and is known to whoever develops. */
function readForeignValues(sources: { directory: string; mode: Mode; files: FileReader }): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  if (sources.mode !== 'production') return values;
  for (const name of ['.env.development', '.env.staging']) {
    const read = sources.files.read(join(sources.directory, name), DOTENV_BYTES_MAX);
    if (read.kind === 'failure') continue;
    for (const value of Object.values(parseEnv(read.text)))
      if (value !== undefined && value !== '') values.set(value, name);
  }
  return values;
}
