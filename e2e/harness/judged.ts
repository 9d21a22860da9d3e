import type { GatewayProcess, LogLine } from './gateway.ts';
import { type HttpAnswer, type HttpOptions, httpRequest } from './http-client.ts';

/** A request with its answer and its event. */
export interface Judged {
  readonly status: number;
  readonly answer: HttpAnswer;
  readonly event: LogLine;
}

/** Sends a request, and waits for what the log says of it. */
export async function judge(gateway: GatewayProcess, path: string, options: HttpOptions = {}): Promise<Judged> {
  const answer = await httpRequest(gateway.url(path), options);
  const event = await gateway.logged({ kind: 'exchange', requestId: answer.headers['x-request-id'] });
  return { status: answer.status, answer, event };
}

/** A form to be sent. */
export function form(body: string | Buffer, headers: Readonly<Record<string, string>> = {}): HttpOptions {
  return { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers } };
}

/** The ids of the rules that an event names. */
export function rulesIn(event: LogLine): readonly unknown[] {
  const ids = partOf(event, 'inspection', 'ruleIds');
  return Array.isArray(ids) ? ids : [];
}

/** What stands in plain data below names and indexes; undefined when there is nothing. */
export function partOf(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (part, key) => (typeof part === 'object' && part !== null ? Reflect.get(part, key) : undefined),
    value,
  );
}
