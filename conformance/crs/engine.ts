import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createWaf, type RuleSource, type Waf } from '@sallyport/waf';

/** The engine as the suite wants it: everything judged at the highest paranoia level, nothing refused. */
export function crsEngine(folder: string, evaluator: 'compiled' | 'ruleByRule'): Waf {
  const source = (path: string): RuleSource => ({ name: path, text: readFileSync(path, 'latin1') });
  const rules = readdirSync(join(folder, 'rules'))
    .filter((file) => file.endsWith('.conf'))
    .toSorted()
    .map((file) => source(join(folder, 'rules', file)));
  const result = createWaf({
    rules: [{ name: 'test.conf', text: TEST_CONFIGURATION }, source(join(folder, 'crs-setup.conf.example')), ...rules],
    files: {
      readFile: (path, from) => {
        const found = resolve(dirname(from), path);
        return found.startsWith(resolve(folder)) ? source(found) : undefined;
      },
    },
    evaluator,
    // Time stands still: no rule of the suite asks for it.
    clock: { wallMs: () => 1_700_000_000_000, monotonicMs: () => 0 },
  });
  if (result.kind === 'ready') return result.waf;
  throw new Error(result.diagnostics.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
}

const TEST_CONFIGURATION = `
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimitAction ProcessPartial
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecAction "id:900005,phase:1,nolog,pass,\\
  setvar:tx.blocking_paranoia_level=4,\\
  setvar:tx.crs_validate_utf8_encoding=1,\\
  setvar:tx.arg_name_length=100,\\
  setvar:tx.arg_length=400,\\
  setvar:tx.total_arg_length=64000,\\
  setvar:tx.max_num_args=255,\\
  setvar:tx.max_file_size=64100,\\
  setvar:tx.combined_file_sizes=65535"
`;
