import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { compileWaf, type RuleSource, type WafImage } from '@sallyport/waf';
import { readRequest } from '../../../conformance/crs/reader.ts';
import { requestBytes } from '../../../conformance/crs/request-bytes.ts';
import { readTests } from '../../../conformance/crs/test-file.ts';
import { respond } from '../../../conformance/crs/upstream.ts';
import { dataFolder } from '../../../conformance/main.ts';
import type { Exchange } from './exchange.ts';

/** Where the rules are; undefined when the test data was not prepared. */
export function crsFolder(): string | undefined {
  const folder = join(dataFolder(), 'crs-4.29');
  return existsSync(folder) ? folder : undefined;
}

/** CRS at a paranoia level, compiled. `mode` is what SecRuleEngine says. */
export function crsImage(folder: string, level: number, mode: 'On' | 'DetectionOnly'): WafImage {
  const source = (path: string): RuleSource => ({ name: path, text: readFileSync(path, 'latin1') });
  const setup = `
SecRuleEngine ${mode}
SecRequestBodyAccess On
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecAction "id:900005,phase:1,nolog,pass,setvar:tx.blocking_paranoia_level=${level},setvar:tx.arg_length=400,\\
  setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100"`;
  const files = readdirSync(join(folder, 'rules')).filter((file) => file.endsWith('.conf'));
  const result = compileWaf({
    rules: [
      { name: 'setup.conf', text: setup },
      source(join(folder, 'crs-setup.conf.example')),
      ...files.toSorted().map((file) => source(join(folder, 'rules', file))),
    ],
    files: { readFile: (path, from) => source(resolve(dirname(from), path)) },
  });
  if (result.kind === 'compiled') return result.image;
  throw new Error(result.diagnostics.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
}

/** Every request of the regression tests, with what their upstream answers. */
export function crsExchanges(folder: string): readonly (Exchange & { readonly name: string })[] {
  return readTests(join(folder, 'tests/regression/tests')).flatMap(({ name, stages }) =>
    stages.map(({ input }) => {
      const request = readRequest(requestBytes(input));
      return {
        ...request,
        name,
        response: respond(request.method, request.target, request.body),
        phases: 'all' as const,
      };
    }),
  );
}

/** What CRS keeps its scores in. */
export const CRS_VARIABLES: readonly string[] = [
  ...[1, 2, 3, 4].flatMap((level) => [`inbound_anomaly_score_pl${level}`, `outbound_anomaly_score_pl${level}`]),
  ...['inbound', 'outbound'].flatMap((side) => [`blocking_${side}_anomaly_score`, `detection_${side}_anomaly_score`]),
  ...['sql_injection', 'xss', 'rfi', 'lfi', 'rce', 'php_injection', 'http_violation', 'session_fixation'].map(
    (kind) => `${kind}_score`,
  ),
  'anomaly_score',
  'detection_paranoia_level',
  '0',
  '1',
  '2',
  '3',
];
