import { runWith } from './crs.suite.ts';
import type { SuiteResult } from './main.ts';

/** As `crs`, with every rule evaluated in its turn: what the compiled evaluator is compared with has to be right. */
export async function run(dataFolder: string): Promise<SuiteResult> {
  return runWith(dataFolder, 'ruleByRule');
}
