import { createWaf, selfTest, starterPack, type Waf } from '@sallyport/waf';
import { otherParameters, readCorpora } from './injection/corpora.ts';
import type { SuiteResult } from './main.ts';

/**
 * The starter pack: the examples that stand in its rules, and what it makes of values that others have collected, each as an
 * argument of a request of its own. An example that comes out otherwise and a refused parameter of the shop fail. What is
 * found of attacks is printed by kind and not judged: the pack is small on purpose.
 */
export async function run(dataFolder: string): Promise<SuiteResult> {
  const { rules, files } = starterPack();
  const tested = selfTest({ rules, files });
  const failed = tested.failures.map(({ file, line, message }) => ({ name: `${file}:${line}`, why: message }));
  const created = createWaf({ rules, files });
  if (created.kind === 'invalid') return { passed: 0, failed, excluded: [] };
  const corpora = readCorpora(dataFolder);
  const values = (name: RegExp): readonly string[] =>
    corpora.filter((one) => name.test(one.name)).flatMap((one) => one.values);
  const kinds: readonly (readonly [kind: string, values: readonly string[]])[] = [
    ['sqli (parameters)', values(/^http-params sqli$/)],
    ['sqli (lists)', values(/^sqli-/)],
    ['xss (parameters)', values(/^http-params xss$/)],
    ['xss (lists)', values(/^xss-/)],
    ['commands', otherParameters(dataFolder, 'cmdi')],
    ['traversal', otherParameters(dataFolder, 'path-traversal')],
    ['harmless, hard', values(/^false_positives/)],
  ];
  for (const [kind, attacks] of kinds) {
    const count = attacks.filter((value) => isRefused(created.waf, value)).length;
    console.log(`refused ${count} of ${attacks.length} (${((count / attacks.length) * 100).toFixed(1)} %): ${kind}`);
  }
  const harmless = values(/^http-params norm$/);
  const refused = harmless.filter((value) => isRefused(created.waf, value));
  console.log(`refused ${refused.length} of ${harmless.length}: harmless parameters`);
  failed.push(...refused.map((value) => ({ name: JSON.stringify(value), why: 'harmless, and refused' })));
  return { passed: tested.exampleCount + harmless.length - failed.length, failed, excluded: [] };
}

function isRefused(waf: Waf, value: string): boolean {
  const encoded = value.replaceAll(/[^A-Za-z0-9]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  const transaction = waf.transaction('starter');
  transaction.processUri({ method: 'GET', target: `/?v=${encoded}`, protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders([['Host', 'www.example.com']]);
  transaction.processRequestBody();
  return transaction.interruption !== undefined;
}
