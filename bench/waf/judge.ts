import type { Transaction, Waf } from '@sallyport/waf';
import type { TrafficRequest } from './traffic.ts';

/** Drives a request through phases 1, 2 and 5, as a gateway does that does not look at responses. */
export function judge(waf: Waf, { method, target, headers, body }: TrafficRequest): Transaction {
  const transaction = waf.transaction('0123456789abcdef');
  transaction.processConnection({ clientIp: '127.0.0.1', clientPort: 40_000, serverIp: '127.0.0.1', serverPort: 80 });
  transaction.processUri({ method, target, protocol: 'HTTP/1.1' });
  const early = transaction.processRequestHeaders(headers);
  if (early === undefined) transaction.processRequestBody(body);
  transaction.processLogging();
  return transaction;
}
