import { Buffer } from 'node:buffer';
import { join } from 'node:path';
import { logLine, type Waf } from '@sallyport/waf';
import { crsEngine } from './crs/engine.ts';
import { EXCLUDED } from './crs/exclusions.ts';
import { readRequest } from './crs/reader.ts';
import { requestBytes } from './crs/request-bytes.ts';
import { readTests, type Stage } from './crs/test-file.ts';
import { respond } from './crs/upstream.ts';
import { failureOf, type Played } from './crs/verdict.ts';
import type { SuiteResult } from './main.ts';

/**
 * The regression tests of the OWASP CRS, in process: the bytes that go-ftw would send, read, driven through all phases
 * with the reflecting upstream imitated, and judged by the log of matched rules.
 */
export async function run(dataFolder: string): Promise<SuiteResult> {
  return runWith(dataFolder, 'compiled');
}

/** The same for one of the two evaluators. */
export function runWith(dataFolder: string, evaluator: 'compiled' | 'ruleByRule'): SuiteResult {
  const folder = join(dataFolder, 'crs-4.29');
  const waf = crsEngine(folder, evaluator);
  const failed: { name: string; why: string }[] = [];
  const excluded: { name: string; reason: string }[] = [];
  let passed = 0;
  for (const test of readTests(join(folder, 'tests/regression/tests'))) {
    const reason = EXCLUDED.get(test.name);
    if (reason !== undefined) {
      excluded.push({ name: test.name, reason });
      continue;
    }
    const why = test.stages.map((stage) => failureOf(stage.output, play(waf, stage))).find((one) => one !== undefined);
    if (why === undefined) passed += 1;
    else failed.push({ name: test.name, why });
  }
  return { passed, failed, excluded };
}

function play(waf: Waf, { input }: Stage): Played {
  const request = readRequest(requestBytes(input));
  const transaction = waf.transaction('stage');
  transaction.processConnection({ clientIp: '192.0.2.10', clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 80 });
  transaction.processUri(request);
  transaction.processRequestHeaders(request.headers);
  transaction.processRequestBody(Buffer.from(request.body, 'latin1'));
  const response = respond(request.method, request.target, request.body);
  if (request.refusal === undefined) {
    transaction.processResponseHeaders({ ...response, protocol: 'HTTP/1.1' });
    transaction.processResponseBody(Buffer.from(response.body, 'latin1'));
  }
  transaction.processLogging();
  const log = transaction.matchedRules
    .filter(({ isLogged }) => isLogged)
    .map((match) => logLine(match, { uri: request.target, uniqueId: 'stage' }));
  return { status: request.refusal === undefined ? response.status : 400, log };
}
