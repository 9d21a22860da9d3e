import { inspectHtml } from './html/xss.ts';
import type { Detectors } from './port.ts';
import { inspectSql } from './sql/sqli.ts';

export type { Detectors } from './port.ts';

/** The detectors of this package: tokenisers and structural analysis, no list of attacks. */
export const detectors: Detectors = {
  sqli: (value, work) => {
    const { structure, context, steps } = inspectSql(value);
    if (work !== undefined) work.steps += steps;
    return structure === undefined ? undefined : `${structure} (${context})`;
  },
  xss: (value, work) => {
    const { structure, steps } = inspectHtml(value);
    if (work !== undefined) work.steps += steps;
    return structure !== undefined;
  },
};
