import type { ExchangeEvent } from '@sallyport/kernel';
import { described } from '../../../packages/gateway/test/request/recorder.ts';
import { readRequests, valuesOf, type WireRequest } from '../../../packages/gateway/test/request/request-reader.ts';
import { fieldOf } from '../../../packages/gateway/test/request/response-reader.ts';
import type { Input } from './input.ts';
import { responsesOf } from './lane.ts';
import type { GatewayObservation } from './observation.ts';
import type { Expected } from './valid-request.ts';

/** Everything about one input that must hold whatever was sent; a sentence for each thing that does not. */
export function judge(input: Input, seen: GatewayObservation): readonly string[] {
  const problems = seen.errors.map((error) => `the gateway logged ${error}`);
  if (!seen.isClosed) problems.push('the connection stayed open');
  problems.push(...seen.faults.map((fault) => `the upstream was sent ${fault}`));
  problems.push(...judgeUpstream(seen), ...judgeFraming(input, seen), ...judgeAnswers(seen));
  problems.push(...seen.requests.flatMap((request) => judgeFields(request, seen.events)));
  if (input.expected !== undefined) problems.push(...judgeExpected(input.expected, seen));
  return problems;
}

/** Every request that the upstream saw has one event, in the same order, that says what it saw. */
function judgeUpstream({ events, requests, cutHeads }: GatewayObservation): readonly string[] {
  const problems: string[] = [];
  let position = 0;
  for (const request of requests) {
    const at = events.findIndex((event, index) => index >= position && isOf(event, request));
    const event = events[at];
    if (event === undefined)
      return [...problems, `the upstream saw ${request.method} ${request.target} without an event`];
    for (const skipped of events.slice(position, at))
      if (skipped.verdict === 'pass') problems.push(`${skipped.method} ${skipped.path} passed and did not arrive`);
    position = at + 1;
    if (event.verdict === 'pass' && event.bytesIn !== request.body.length)
      problems.push(`judged ${event.bytesIn} body bytes, forwarded ${request.body.length}`);
  }
  for (const skipped of events.slice(position))
    if (skipped.verdict === 'pass') problems.push(`${skipped.method} ${skipped.path} passed and did not arrive`);
  const cut = events.filter((event) => event.verdict !== 'pass' && event.upstreamAttempts > 0).length;
  if (cutHeads.length > cut) problems.push(`${cutHeads.length} requests broke off, ${cut} events say so`);
  return problems;
}

function isOf(event: ExchangeEvent, request: WireRequest): boolean {
  const [path = ''] = request.target.split('?');
  return (
    valuesOf(request, 'x-request-id').join() === event.requestId &&
    event.method === request.method &&
    event.path === path &&
    event.upstreamAttempts > 0
  );
}

/** The second opinion: what was forwarded as number N is what a strict reader of the client's bytes has as number N. */
function judgeFraming({ segments }: Input, { events, requests }: GatewayObservation): readonly string[] {
  const strict = readRequests(Buffer.from(segments.join(''), 'latin1')).requests;
  const problems: string[] = [];
  let position = 0;
  for (const request of requests) {
    const at = events.findIndex((event, index) => index >= position && isOf(event, request));
    const original = at === -1 ? undefined : strict[at];
    position = at + 1;
    if (original === undefined) problems.push(`forwarded ${request.method} ${request.target}, which nobody sent`);
    else if (original.method !== request.method) problems.push(`${original.method} became ${request.method}`);
    else if (!original.body.equals(request.body))
      problems.push(`the body of ${request.method} ${request.target} changed`);
  }
  return problems;
}

/** One answer for one event, in order, with its request id and its status. */
function judgeAnswers(seen: GatewayObservation): readonly string[] {
  const { responses, rest } = responsesOf(seen);
  const answered = seen.events.filter((event) => event.status > 0);
  const said = responses.map((response) => `${response.status} ${fieldOf(response, 'x-request-id')}`);
  const noted = answered.map((event) => `${event.status} ${event.requestId}`);
  const problems: string[] = [];
  if (said.join() !== noted.join())
    problems.push(`answered ${said.join(', ') || 'nothing'}; events say ${noted.join(', ') || 'nothing'}`);
  if (rest !== '') problems.push(`an answer broke off: ${JSON.stringify(rest.slice(0, 60))}`);
  const echoes = seen.requests.map(({ method, target, body }) =>
    method === 'HEAD' ? '' : described(method, target, body),
  );
  const bodies = responses.filter(({ status }) => status === 200).map(({ body }) => body);
  if (seen.events.every((event) => event.verdict !== 'drop') && bodies.join() !== echoes.slice(0, bodies.length).join())
    problems.push('an answer belongs to another request');
  return problems;
}

const OURS = [
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-real-ip',
  'forwarded',
  'via',
  'x-request-id',
  'traceparent',
  'host',
] as const;
/** Names the inputs forge, and how they imitate them. A name that a mutation made of one means nothing to anybody. */
const FORGED =
  /^(?:cf-.*|sallyport-.*|proxy|proxy-.*|x-original-url|x-middleware-subrequest|te|trailer|keep-alive|expect|http2-settings|x-forwarded-host|transfer-encoding|content-length)$/;
const NORMAL_TARGET =
  /^(?:\*|(?:\/(?:[A-Za-z0-9\-._~!$&'()*+,;=:@]|%[0-9A-F]{2})+)+\/?|\/)(?:\?[\x21\x22\x24-\x7e]*)?$/;

/** What is forwarded is in normal form, holds what only the gateway may say once and as the gateway says it, and nothing forged. */
function judgeFields(request: WireRequest, events: readonly ExchangeEvent[]): readonly string[] {
  const problems: string[] = [];
  if (!NORMAL_TARGET.test(request.target)) problems.push(`the target ${JSON.stringify(request.target)} is not normal`);
  for (const name of OURS)
    if (valuesOf(request, name).length !== 1) problems.push(`${valuesOf(request, name).length} fields ${name}`);
  if (!request.head.startsWith(`${request.method} ${request.target} HTTP/1.1\r\n`))
    problems.push('a request line is not in order');
  if (valuesOf(request, 'x-forwarded-for').join() !== '127.0.0.1') problems.push('x-forwarded-for is not the client');
  const isHandshake = events.some((event) => event.isWebSocket && isOf(event, request));
  for (const { name, value } of request.fields) {
    const isOurs = name === 'x-forwarded-host' || name === 'content-length' || name === 'transfer-encoding';
    const isHopByHop = name === 'connection' || name === 'upgrade';
    if ((FORGED.test(name.replaceAll('_', '-')) && !isOurs) || (isHopByHop && !isHandshake))
      problems.push(`the field ${name} was forwarded`);
    if (name === 'x-forwarded-host' && value !== valuesOf(request, 'host')[0])
      problems.push(`the field ${name} was forged`);
  }
  return problems;
}

/** An input that was left valid: everything arrives, in order, and is answered. */
function judgeExpected(expected: readonly Expected[], { requests, events }: GatewayObservation): readonly string[] {
  const wanted = expected.map(({ method, target, body, kept }) => [method, target, body, ...kept].join('\n'));
  const got = requests.map(({ method, target, body, fields }) => {
    const own = fields.filter(({ name }) => name.startsWith('x-own-')).map(({ name, value }) => `${name}: ${value}`);
    return [method, target, body.toString('latin1'), ...own].join('\n');
  });
  if (got.join('\0') !== wanted.join('\0'))
    return [`arrived as ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`];
  const refused = events.filter((event) => event.verdict !== 'pass' || event.status !== 200);
  return refused.map((event) => `a valid request was refused: ${event.reason} ${event.reasonDetail}`);
}
