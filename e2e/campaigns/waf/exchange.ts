import { Buffer } from 'node:buffer';
import type { Transaction, Waf } from '@sallyport/waf';

/** One exchange: byte strings. */
export interface Exchange {
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly response: {
    readonly status: number;
    readonly headers: readonly (readonly [string, string])[];
    readonly body: string;
  };
  /** Phases are left out when somebody else refused the exchange before they began. */
  readonly phases: 'all' | 'requestHeaders' | 'request';
}

/** Drives an exchange through its phases. `between`: phase 2 is run in slices, and this in every pause. */
export function play(waf: Waf, exchange: Exchange, between?: () => unknown, clientIp = '192.0.2.10'): Transaction {
  const transaction = waf.transaction('unique');
  transaction.processConnection({ clientIp, clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 80 });
  transaction.processUri(exchange);
  transaction.processRequestHeaders(exchange.headers);
  const body = Buffer.from(exchange.body, 'latin1');
  if (exchange.phases !== 'requestHeaders') {
    if (between === undefined) transaction.processRequestBody(body);
    else for (const _ of transaction.requestBodyInSlices(body, 1)) between();
  }
  if (exchange.phases === 'all') {
    transaction.processResponseHeaders({ ...exchange.response, protocol: 'HTTP/1.1' });
    transaction.processResponseBody(Buffer.from(exchange.response.body, 'latin1'));
  }
  transaction.processLogging();
  return transaction;
}
