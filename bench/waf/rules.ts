/** The OWASP CRS as every engine here gets it: the same directives, the same files in the same order. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { createWaf, type RuleSource, type Waf } from '@sallyport/waf';

export type ParanoiaLevel = 1 | 2 | 3 | 4;

/** The most bytes of a request body that are looked at; what is larger is refused. */
export const BODY_BYTES_MAX = 1_048_576;

/**
 * Blocking, audit log off, response bodies not looked at, and limits that benign traffic does not touch. The body
 * processors are chosen as ModSecurity's recommended configuration chooses them.
 */
export function engineDirectives(paranoiaLevel: ParanoiaLevel): string {
  return `SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit ${BODY_BYTES_MAX}
SecRequestBodyNoFilesLimit ${BODY_BYTES_MAX}
SecRequestBodyLimitAction Reject
SecResponseBodyAccess Off
SecAuditEngine Off
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecAction "id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level=${paranoiaLevel}"
`;
}

/** The files after those directives. `dataFolder` is the folder of test data. */
export function crsFiles(dataFolder: string): readonly string[] {
  const folder = join(dataFolder, 'crs-4.29');
  const rules = readdirSync(join(folder, 'rules')).filter((file) => file.endsWith('.conf'));
  return [join(folder, 'crs-setup.conf.example'), ...rules.toSorted().map((file) => join(folder, 'rules', file))];
}

/** Our engine with all of it. @throws Error with what is wrong. */
export function crsWaf(dataFolder: string, paranoiaLevel: ParanoiaLevel): Waf {
  const source = (path: string): RuleSource => ({ name: path, text: readFileSync(path, 'latin1') });
  const result = createWaf({
    rules: [{ name: 'engine.conf', text: engineDirectives(paranoiaLevel) }, ...crsFiles(dataFolder).map(source)],
    files: { readFile: (path, from) => source(resolve(dirname(from), path)) },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  if (result.kind === 'ready') return result.waf;
  throw new Error(result.diagnostics.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
}
