import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWaf } from '@sallyport/waf';
import type { SuiteResult } from './main.ts';
import { readVectors, type Vector } from './seclang/vector.ts';

/**
 * Input and output of single operators and transformations. Each case becomes a rule, so that what is tested is what rule
 * files get: the parser, the engine and the operator together.
 */
export async function run(dataFolder: string): Promise<SuiteResult> {
  const folder = join(dataFolder, 'secrules-vectors');
  const failed: { name: string; why: string }[] = [];
  const excluded: { name: string; reason: string }[] = [];
  let passed = 0;
  const judge = (vector: Vector, why: string | undefined): void => {
    if (why === undefined) passed += 1;
    else failed.push({ name: vector.name, why });
  };
  for (const vector of readVectors(folder, 'transformations')) judge(vector, transformationFailure(vector));
  for (const vector of readVectors(folder, 'operators')) {
    const reason = EXCLUDED.get(vector.subject);
    if (reason === undefined) judge(vector, operatorFailure(vector, folder));
    else excluded.push({ name: vector.name, reason });
  }
  return { passed, failed, excluded };
}

const EXCLUDED: ReadonlyMap<string, string> = new Map([
  [
    'validateSchema',
    'bodies are checked against schemas by the gateway itself, not by rules; the schema file is not in the data',
  ],
]);

function transformationFailure({ subject, input, output }: Vector): string | undefined {
  const rule = `SecRule ARGS_GET "@unconditionalMatch" "id:1,phase:1,pass,t:none,t:${subject}"`;
  const got = play(rule, input)?.transformed;
  return got === output
    ? undefined
    : `${JSON.stringify(input)}: wants ${JSON.stringify(output)}, got ${JSON.stringify(got)}`;
}

function operatorFailure({ subject, input, parameter, isMatch }: Vector, folder: string): string | undefined {
  // A rule is one line: a line break in a pattern is spelled.
  const argument = parameter.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\x0a');
  const rule = `SecRule ARGS_GET "@${subject} ${argument}" "id:1,phase:1,pass,t:none"`;
  const got = play(rule, input, (path) => readFileSync(join(folder, 'operators/op', path), 'latin1')) !== undefined;
  return got === isMatch ? undefined : `@${subject} ${parameter} on ${JSON.stringify(input)}: wants ${isMatch}`;
}

/** What the rule matched in an argument with this value. */
function play(
  rule: string,
  value: string,
  readFile: (path: string) => string = () => '',
): { readonly transformed: string } | undefined {
  const result = createWaf({
    rules: [{ name: 'vector.conf', text: rule }],
    files: { readFile: (path) => ({ name: path, text: readFile(path) }) },
    clock: { wallMs: () => 0, monotonicMs: () => 0 },
  });
  if (result.kind === 'invalid') {
    const message = result.diagnostics.map((one) => one.message).join('; ');
    // Other engines keep a rule with a network that is none and never match; ours is refused when it is loaded.
    if (message.endsWith('is no address and no network')) return undefined;
    throw new Error(`${rule}: ${message}`);
  }
  const transaction = result.waf.transaction('vector');
  const query = value.replaceAll(/[^A-Za-z0-9]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
  transaction.processUri({ method: 'GET', target: `/?v=${query}`, protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders([]);
  return transaction.matchedRules[0]?.values[0];
}
