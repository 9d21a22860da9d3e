import { htmlInParts, inspectHtml } from './html/xss.ts';
import type { Detectors } from './port.ts';
import { inspectSql, type SqlFinding, sqlInParts } from './sql/sqli.ts';

export type { Detectors } from './port.ts';

/** The detectors of this package: tokenisers and structural analysis, no list of attacks. */
export const detectors: Detectors = {
  sqli: (value, work) => {
    const finding = inspectSql(value);
    if (work !== undefined) work.steps += finding.steps;
    return described(finding);
  },
  xss: (value, work) => {
    const { structure, steps } = inspectHtml(value);
    if (work !== undefined) work.steps += steps;
    return structure !== undefined;
  },
  *sqliInParts(value, work) {
    return described(yield* sqlInParts(value, work));
  },
  *xssInParts(value, work) {
    return (yield* htmlInParts(value, work)).structure !== undefined;
  },
};

function described({ structure, context }: SqlFinding): string | undefined {
  return structure === undefined ? undefined : `${structure} (${context})`;
}
