import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Launch, sallyport } from '../harness/servers.ts';
import { crsFiles, engineDirectives } from './rules.ts';

/** Sallyport with the same rules as everybody. */
export function guardedSallyport(name: string, dataFolder: string, workers: number = 1): Launch {
  return (place) => {
    const engine = join(place.directory, `${name}-engine.conf`);
    writeFileSync(engine, engineDirectives(1));
    const rules = [engine, ...crsFiles(dataFolder)].map((file) => JSON.stringify(file));
    return sallyport({
      name,
      place,
      workers,
      waf: `{ mode: block, rules: [${rules.join(', ')}] }`,
      top: [`admin: { socket: ${place.directory}/${name}.sock }`],
    });
  };
}
