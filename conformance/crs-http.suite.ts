import { join } from 'node:path';
import { requestBytes } from './crs/request-bytes.ts';
import { readTests, type Test } from './crs/test-file.ts';
import { failureOf } from './crs/verdict.ts';
import { EXCLUDED } from './crs-http/exclusions.ts';
import { SuiteGateway } from './crs-http/gateway.ts';
import { type Logged, splitByMarkers } from './crs-http/log.ts';
import { send, startUpstream } from './crs-http/wire.ts';
import type { SuiteResult } from './main.ts';

/** In a sample every n-th test runs. */
const SAMPLE_STEP = 12;

/**
 * The regression tests of the OWASP CRS over TCP: the bytes that go-ftw would send, through a gateway process in detection
 * mode to a reflecting upstream, judged by the rules in the gateway's log between two markers.
 *
 * Bytes that the gateway refuses as no valid HTTP are shown to the rules all the same, and a test about rules counts by
 * what they said; these cases are listed with the gateway's reason.
 */
export async function run(dataFolder: string, isSample: boolean): Promise<SuiteResult> {
  const folder = join(dataFolder, 'crs-4.29');
  const all = readTests(join(folder, 'tests/regression/tests'));
  const tests = isSample ? all.filter((_, index) => index % SAMPLE_STEP === 0) : all;
  if (isSample) console.log(`a sample: every ${SAMPLE_STEP}th test, ${tests.length} of ${all.length}`);
  const upstream = await startUpstream();
  const gateway = await SuiteGateway.start(folder, upstream.port);
  const statuses: number[] = [];
  const stages = tests.flatMap((test) => test.stages);
  try {
    for (const [index, { input }] of stages.entries()) {
      await send(gateway.port, marker(index));
      statuses.push(await send(gateway.port, requestBytes(input)));
    }
    await send(gateway.port, marker(stages.length));
  } finally {
    upstream.server.close();
    upstream.server.closeAllConnections();
  }
  return judge(tests, statuses, splitByMarkers(await gateway.stop(), stages.length));
}

/** What go-ftw sends before and after a test, so that its lines can be found in the log. */
function marker(index: number): string {
  return `GET /status/200 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: marker\r\nAccept: */*\r\nX-CRS-Test: m${index}\r\nConnection: close\r\n\r\n`;
}

function judge(tests: readonly Test[], statuses: readonly number[], logged: readonly Logged[]): SuiteResult {
  const failed: { name: string; why: string }[] = [];
  const excluded: { name: string; reason: string }[] = [];
  let passed = 0;
  let at = 0;
  for (const test of tests) {
    const first = at;
    at += test.stages.length;
    const reason = EXCLUDED.get(test.name);
    if (reason !== undefined) {
      excluded.push({ name: test.name, reason });
      continue;
    }
    const whys = test.stages.map(({ output }, index) => {
      const { lines, reasons } = logged[first + index] ?? { lines: [], reasons: [] };
      if (reasons.length > 0) console.log(`refused: ${test.name}: ${reasons.join(' ')}`);
      return failureOf(output, { status: statuses[first + index] ?? 0, log: lines });
    });
    const why = whys.find((one) => one !== undefined);
    if (why === undefined) passed += 1;
    else failed.push({ name: test.name, why });
  }
  return { passed, failed, excluded };
}
