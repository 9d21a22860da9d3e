import type { IncomingMessage } from 'node:http';

/**
 * Requests after which the parser and others disagree about what follows, so that nothing may follow.
 *
 * With an upgrade that was asked for and not taken, the parser loses what came behind the request in the same packet and
 * goes on with the next: an attacker who cuts the packets would choose what counts as a request. In HTTP/1.0 a connection
 * persists only where `Connection` says so (RFC 9112 §9.3); the parser also listens to `Proxy-Connection`.
 */
export function isLastOfConnection({ headers, httpVersionMinor }: IncomingMessage): boolean {
  const { connection = '', upgrade } = headers;
  if (httpVersionMinor === 0 && !/\bkeep-alive\b/i.test(connection)) return true;
  return upgrade !== undefined && /upgrade/i.test(`${connection},${String(headers['proxy-connection'])}`);
}

/** The client has announced a body, and the end of it has not come. */
export function isBodyMissing({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}
