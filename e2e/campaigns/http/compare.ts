import { createHash } from 'node:crypto';
import { readRequests, type WireRequest } from '../../../packages/gateway/test/request/request-reader.ts';
import type { Input } from './input.ts';
import type { GatewayObservation, Observation } from './observation.ts';

/**
 * Do the gateway and another proxy agree about where the requests of one input begin and end? `agree`: the same requests
 * with the same bodies reached both upstreams. `refused by ...`: they read the same, and one of them refused something of
 * it and said so; or the other one read what no strict reader would have, and we refused it. `differ`: anything else.
 */
export type Comparison = 'agree' | `refused by us: ${string}` | `refused by them: ${string}` | 'differ';

export function compare({ segments }: Input, ours: GatewayObservation, theirs: Observation): Comparison {
  const mine = ours.requests.map(fingerprint);
  const other = theirs.requests.map(fingerprint);
  if (mine.join() === other.join()) return 'agree';
  const reason = reasonOf(ours);
  const letter = readRequests(Buffer.from(segments.join(''), 'latin1'));
  const strict = letter.requests.map(fingerprint);
  // They forwarded something that is not there by the letter. That ours is, the judge has made sure of.
  if (!isWithin(other, strict)) {
    const isUnfinished = letter.rest !== 'nothing';
    return reason === '' && !isUnfinished ? 'differ' : `refused by us: ${reason === '' ? 'unfinished' : reason}`;
  }
  // From here on both have read the same bytes the same way; what one of them lacks, it must have refused.
  const refusal = refusalOf(theirs);
  if (!isWithin(mine, other) && refusal === '') return 'differ';
  if (isWithin(other, mine)) return `refused by them: ${refusal}`;
  return reason === '' ? 'differ' : `refused by us: ${reason}`;
}

function fingerprint({ method, body }: WireRequest): string {
  return `${method} ${body.length} ${createHash('sha1').update(body).digest('base64')}`;
}

/** Every element of `part` is in `whole`, in this order. */
function isWithin(part: readonly string[], whole: readonly string[]): boolean {
  let position = 0;
  for (const each of part) {
    position = whole.indexOf(each, position) + 1;
    if (position === 0) return false;
  }
  return true;
}

/** The first reason we refused something for; or that we ended the connection with an answer and said so in it. */
function reasonOf({ events, received }: GatewayObservation): string {
  const refused = events.find((event) => event.verdict !== 'pass' && event.reason !== 'CLIENT_CLOSED');
  if (refused !== undefined) return refused.reason;
  return received.includes('\r\nConnection: close\r\n') ? 'last of its connection' : '';
}

/** The first error status another proxy answered with, or how else it gave up; '' when it did not. */
function refusalOf({ received, faults }: Observation): string {
  const status = /HTTP\/1\.[01] ([45][0-9]{2}) /.exec(received.toString('latin1'))?.[1];
  if (status !== undefined) return status;
  if (faults.length > 0) return 'its upstream refused';
  return received.length === 0 ? 'closed' : '';
}
