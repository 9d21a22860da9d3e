import type { RequestExchange } from '@sallyport/kernel';
import type { TransactionHeader } from '@sallyport/waf';
import type { RawHead } from '../transport/port.ts';

/** A request as rules see it. Byte strings. */
export interface InspectedRequest {
  readonly clientIp: string;
  readonly method: string;
  /** Normalised: what the upstream will see. */
  readonly target: string;
  /** As it came. */
  readonly rawTarget: string;
  readonly protocol: string;
  /** Undefined where it can be put together from the rest. */
  readonly line: string | undefined;
  readonly headers: readonly TransactionHeader[];
  /** A body was announced, so that rules about bodies have to wait for it. */
  readonly hasBody: boolean;
  /** Value of Content-Encoding, '' without. */
  readonly contentEncoding: string;
}

export function requestOf({ client, request, evidence }: RequestExchange): InspectedRequest {
  const { framing } = request;
  return {
    clientIp: client.address.text,
    method: request.method,
    target: request.path + request.query,
    rawTarget: evidence.target,
    protocol: `HTTP/${request.httpVersion}`,
    line: undefined,
    headers: pairsOf(evidence.fields),
    hasBody: framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0),
    contentEncoding: request.headers.getAll('content-encoding').join(', '),
  };
}

/**
 * Header fields as they came, without the one that proves the front door. HTTP/2 says Host and the request line in fields of
 * its own, which no rule knows: the authority is given the name it has in HTTP/1.1 (RFC 9113 §8.3.1).
 */
export function evidenceFields(
  { rawHeaders, httpVersionMajor }: Pick<RawHead, 'rawHeaders' | 'httpVersionMajor'>,
  proofHeader: string | undefined,
): readonly string[] {
  if (proofHeader === undefined && httpVersionMajor < 2) return rawHeaders;
  const fields: string[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (name === ':authority') fields.push('host', rawHeaders[index + 1] ?? '');
    if (name.startsWith(':') || name.toLowerCase() === proofHeader) continue;
    fields.push(name, rawHeaders[index + 1] ?? '');
  }
  return fields;
}

export function pairsOf(fields: readonly string[]): readonly TransactionHeader[] {
  const pairs: TransactionHeader[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) pairs.push([fields[index] ?? '', fields[index + 1] ?? '']);
  return pairs;
}
