import type { Environment } from '@sallyport/control';

/** The environment of this process. The only place that reads it: everything else is given what it needs. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
