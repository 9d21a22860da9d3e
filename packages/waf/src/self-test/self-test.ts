import { Buffer } from 'node:buffer';
import type { TransactionHeader } from '../engine/transaction.ts';
import { createWaf, type Waf, type WafOptions } from '../engine/waf.ts';
import type { Diagnostic } from '../seclang/diagnostic.ts';
import { examplesOf, type RuleExample } from './examples.ts';

/** What became of the examples of a rule set. */
export interface SelfTest {
  /** Examples that were run. */
  readonly exampleCount: number;
  /** Rules that have examples. */
  readonly ruleCount: number;
  /** Why rules could not be used, and which examples came out otherwise than they say. Empty when all is well. */
  readonly failures: readonly Diagnostic[];
}

/**
 * Runs the examples that stand in rule files, each as a request of its own that nothing interrupts. Throws for nothing that
 * rules or examples say.
 */
export function selfTest(options: WafOptions): SelfTest {
  const observing = { name: 'self-test', text: 'SecRuleEngine DetectionOnly' };
  const created = createWaf({ ...options, rules: [...options.rules, observing] });
  if (created.kind === 'invalid') return { exampleCount: 0, ruleCount: 0, failures: created.diagnostics };
  const read = options.rules.map(examplesOf);
  const examples = read.flatMap((one) => one.examples);
  const failures: Diagnostic[] = read.flatMap(({ problems }) =>
    problems.map((problem) => ({ severity: 'error' as const, ...problem })),
  );
  for (const example of examples) {
    if (doesMatch(example, created.waf) === example.isMatch) continue;
    const { file, line, ruleId, isMatch } = example;
    const message = `rule ${ruleId} ${isMatch ? 'does not match' : 'matches'} this example and ${isMatch ? 'should' : 'must not'}`;
    failures.push({ severity: 'error', file, line, message });
  }
  return { exampleCount: examples.length, ruleCount: new Set(examples.map(({ ruleId }) => ruleId)).size, failures };
}

function doesMatch(example: RuleExample, waf: Waf): boolean {
  const { method, target, headers, body } = requestOf(example);
  const transaction = waf.transaction('self-test');
  transaction.processConnection({ clientIp: '192.0.2.7', clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 443 });
  transaction.processUri({ method, target, protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders([['Host', 'www.example.com'], ...headers]);
  transaction.processRequestBody(body === undefined ? undefined : Buffer.from(body, 'latin1'));
  transaction.processLogging();
  return transaction.matchedRules.some(({ id }) => id === example.ruleId);
}

interface ExampleRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly TransactionHeader[];
  readonly body: string | undefined;
}

function requestOf({ part, name, text }: RuleExample): ExampleRequest {
  const get = (target: string, headers: readonly TransactionHeader[] = []): ExampleRequest => ({
    method: 'GET',
    target,
    headers,
    body: undefined,
  });
  const post = (type: string, body: string): ExampleRequest => ({
    method: 'POST',
    target: '/',
    headers: [
      ['Content-Type', type],
      ['Content-Length', String(body.length)],
    ],
    body,
  });
  switch (part) {
    case 'value':
      return get(`/?example=${percentEncoded(text)}`);
    case 'name':
      return get(`/?${percentEncoded(text)}=1`);
    case 'query':
      return get(`/?${text}`);
    case 'path':
      return get(text);
    case 'header':
      return get('/', [[name, text]]);
    case 'cookie':
      return get('/', [['Cookie', `example=${text}`]]);
    case 'json':
      return post('application/json', JSON.stringify({ example: Buffer.from(text, 'latin1').toString('utf8') }));
    case 'json-name':
      return post('application/json', text);
    case 'body':
      return post(name.replace(';', '; '), text);
    case 'file':
      return post('multipart/form-data; boundary=example', filePart(text));
  }
}

function filePart(name: string): string {
  const quoted = name.replaceAll(/["\\]/g, '\\$&');
  const head = `Content-Disposition: form-data; name="file"; filename="${quoted}"\r\nContent-Type: application/octet-stream`;
  return `--example\r\n${head}\r\n\r\nx\r\n--example--\r\n`;
}

function percentEncoded(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
