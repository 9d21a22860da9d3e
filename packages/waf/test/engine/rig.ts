import { Buffer } from 'node:buffer';
import { ManualClock } from '@sallyport/kernel';
import {
  createWaf,
  type PersistentCollections,
  type Transaction,
  type TransactionHeader,
  type Waf,
} from '../../src/index.ts';

/** Files that rules of a test may name. */
export type Files = Readonly<Record<string, string>>;

/** An engine with these rules. Throws when they are not usable: the test says what it did not mean to say. */
export function engineOf(
  rules: string,
  options: {
    files?: Files;
    clock?: ManualClock;
    persistence?: PersistentCollections;
    stepsMax?: number;
    evaluator?: 'compiled' | 'ruleByRule';
  } = {},
): Waf {
  const { files = {}, clock = new ManualClock(), ...rest } = options;
  const readFile = (path: string): { name: string; text: string } | undefined => {
    const text = files[path];
    return text === undefined ? undefined : { name: path, text };
  };
  const result = createWaf({ rules: [{ name: 'test.conf', text: rules }], files: { readFile }, clock, ...rest });
  if (result.kind === 'ready') return result.waf;
  throw new Error(result.diagnostics.map(({ line, message }) => `${line}: ${message}`).join('\n'));
}

export interface Play {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: readonly TransactionHeader[];
  readonly body?: string;
  readonly response?: { status?: number; headers?: readonly TransactionHeader[]; body?: string };
}

/** Drives one exchange through all phases, whatever the rules say about it. */
export function play(
  waf: Waf,
  { method = 'GET', target = '/', headers = [], body, response = {} }: Play = {},
): Transaction {
  const transaction = waf.transaction('unique');
  transaction.processConnection({ clientIp: '192.0.2.7', clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 443 });
  transaction.processUri({ method, target, protocol: 'HTTP/1.1' });
  transaction.processRequestHeaders(headers);
  transaction.processRequestBody(body === undefined ? undefined : Buffer.from(body, 'latin1'));
  const { status = 200, headers: fields = [['Content-Type', 'text/html']], body: text } = response;
  transaction.processResponseHeaders({ status, protocol: 'HTTP/1.1', headers: fields });
  transaction.processResponseBody(text === undefined ? undefined : Buffer.from(text, 'latin1'));
  transaction.processLogging();
  return transaction;
}

/** The ids of the rules that matched, in order. */
export function idsOf(transaction: Transaction): readonly number[] {
  return transaction.matchedRules.map(({ id }) => id);
}
