import { inspectHtml } from './html/xss.ts';
import type { Detectors } from './port.ts';
import { inspectSql } from './sql/sqli.ts';

export type { Detectors } from './port.ts';

/** The detectors of this package: tokenisers and structural analysis, no list of attacks. */
export const detectors: Detectors = {
  sqli: (value) => {
    const { structure, context } = inspectSql(value);
    return structure === undefined ? undefined : `${structure} (${context})`;
  },
  xss: (value) => inspectHtml(value).structure !== undefined,
};
