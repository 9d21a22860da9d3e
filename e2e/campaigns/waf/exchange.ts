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

/** Drives an exchange through its phases. */
export function play(waf: Waf, exchange: Exchange): Transaction {
  const transaction = waf.transaction('unique');
  transaction.processConnection({ clientIp: '192.0.2.10', clientPort: 40_000, serverIp: '192.0.2.1', serverPort: 80 });
  transaction.processUri(exchange);
  transaction.processRequestHeaders(exchange.headers);
  if (exchange.phases !== 'requestHeaders') transaction.processRequestBody(Buffer.from(exchange.body, 'latin1'));
  if (exchange.phases === 'all') {
    transaction.processResponseHeaders({ ...exchange.response, protocol: 'HTTP/1.1' });
    transaction.processResponseBody(Buffer.from(exchange.response.body, 'latin1'));
  }
  transaction.processLogging();
  return transaction;
}
