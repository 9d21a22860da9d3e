import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Launch, sallyport } from '../harness/servers.ts';
import { crsFiles, engineDirectives } from './rules.ts';

export interface GuardedParts {
  readonly dataFolder: string;
  /** Default: 1. */
  readonly workers?: number;
  /** What is started. Default: the sources. */
  readonly release?: string;
  /** Decisions, events and compiled rules are kept from one start to the next. Default: false. */
  readonly keepsState?: boolean;
}

/** Sallyport with the same rules as everybody. */
export function guardedSallyport(name: string, { dataFolder, workers, release, keepsState }: GuardedParts): Launch {
  return (place) => {
    const engine = join(place.directory, `${name}-engine.conf`);
    writeFileSync(engine, engineDirectives(1));
    const rules = [engine, ...crsFiles(dataFolder)].map((file) => JSON.stringify(file));
    return sallyport({
      name,
      place,
      ...(workers === undefined ? {} : { workers }),
      ...(release === undefined ? {} : { release }),
      waf: `{ mode: block, rules: [${rules.join(', ')}] }`,
      top: [
        `admin: { socket: ${place.directory}/${name}.sock }`,
        ...(keepsState === true ? [`state: { folder: ${place.directory}/${name}-state }`] : []),
      ],
    });
  };
}
