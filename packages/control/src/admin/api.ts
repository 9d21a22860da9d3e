import type { IncomingMessage } from 'node:http';
import { type Counter, type Family, StoreError } from '@sallyport/kernel';
import type { z } from 'zod';
import { type Caller, recognise } from './caller.ts';
import { type Door, isUnsafe, judgeDoor } from './door.ts';
import { FAILURE_REGAIN_MS, type FailureBudget } from './failure-budget.ts';
import { readJsonBody } from './json-body.ts';
import { type Refusal, refuse } from './problem.ts';
import type { AdminContext, Answer, Route } from './route.ts';
import { findRoute } from './routes.ts';

export interface ApiOptions {
  readonly context: AdminContext;
  readonly failures: FailureBudget;
  /** The name of the operator who gives no name. */
  readonly owner: string;
  /** Longest call, in milliseconds. */
  readonly callMs: number;
  readonly calls: Family<Counter>;
  readonly wrongCredentials: Counter;
}

/** Carries out one request. Never rejects: whatever happens is an answer. */
export async function answerCall(request: IncomingMessage, door: Door, options: ApiOptions): Promise<Answer | Refusal> {
  const found = lookUp(request, door);
  if (found.kind === 'refusal') return found;
  const { route } = found;
  const caller = callerOf(request, { door, route, options });
  const outcome = caller.kind === 'refusal' ? caller : await perform(request, { ...found, door, caller }, options);
  await record(route, { caller, outcome, options });
  return outcome;
}

/** Longest path and query: a filter with everything has half of it. */
const TARGET_LENGTH_MAX = 1_024;

interface Found {
  readonly kind: 'found';
  readonly route: Route;
  readonly id: string;
  readonly query: string;
}

function lookUp(request: IncomingMessage, door: Door): Found | Refusal {
  const refusal = judgeDoor(request, door);
  if (refusal !== undefined) return refusal;
  const target = request.url ?? '';
  if (target.length > TARGET_LENGTH_MAX) return refuse('BAD_REQUEST', 'the target is too long');
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const found = findRoute(request.method ?? '', path);
  if ('kind' in found) return found;
  return { kind: 'found', ...found, query: mark < 0 ? '' : target.slice(mark + 1) };
}

const NOBODY: Caller = { kind: 'nobody', author: '', sessionId: '' };

function callerOf(
  request: IncomingMessage,
  { door, route, options }: { readonly door: Door; readonly route: Route; readonly options: ApiOptions },
): Caller | Refusal {
  if (route.access === 'socket' && door.kind !== 'socket') {
    return refuse('SOCKET_ONLY', 'this is answered over the socket only');
  }
  if (route.access === 'anybody') return NOBODY;
  const caller = recognise(request, { door, sessions: options.context.sessions, owner: options.owner });
  switch (caller.kind) {
    case 'operator':
    case 'session':
    case 'refusal':
      return caller;
    case 'nobody':
      return refuse('UNAUTHENTICATED', 'this needs a session: sallyport admin link', { headers: CHALLENGE });
    case 'wrong':
      return wrongCredentials(
        options,
        refuse('UNAUTHENTICATED', 'the session is unknown or has ended', { headers: CHALLENGE }),
        route,
      );
  }
}

const CHALLENGE = { 'www-authenticate': 'Bearer' };

/** Beyond the budget nobody is told anything, and nothing is written. */
function wrongCredentials(options: ApiOptions, refusal: Refusal, route: Route): Refusal {
  const { failures, context } = options;
  options.wrongCredentials.add();
  if (!failures.take()) {
    const seconds = String(Math.ceil(FAILURE_REGAIN_MS / 1_000));
    return refuse('TOO_MANY_FAILURES', 'there were too many wrong credentials', {
      headers: { 'retry-after': seconds },
    });
  }
  context.log.warn('wrong credentials at the admin API', { code: refusal.code });
  const method = refusal.code === 'LINK_REFUSED' ? 'link' : 'session';
  context.plane.noteSignIn({ method, result: 'failure', subject: '', reasonDetail: refusal.detail });
  void context.plane.audit({
    timeMs: context.clock.wallMs(),
    author: '',
    session: '',
    operation: route.operation,
    result: refusal.code,
    detail: 'wrong credentials',
  });
  return refusal;
}

async function perform(
  request: IncomingMessage,
  call: Found & { readonly door: Door; readonly caller: Caller },
  options: ApiOptions,
): Promise<Answer | Refusal> {
  const { route, caller, door, id } = call;
  const query = queryOf(route, call.query);
  if (query.kind === 'refusal') return query;
  const body = await bodyOf(request, route);
  if (body.kind === 'refusal') return body;
  try {
    const work = route.call(options.context, { caller, door, id, body: body.value, query: query.value });
    const outcome = await inTime(work, options.callMs);
    const isWrongLink = outcome.kind === 'refusal' && outcome.code === 'LINK_REFUSED';
    return isWrongLink ? wrongCredentials(options, outcome, route) : outcome;
  } catch (cause) {
    if (cause instanceof StoreError) return refuse('STATE_UNAVAILABLE', `the state is not there: ${cause.message}`);
    options.context.log.error('a call of the admin API failed', { operation: route.operation, error: cause });
    return refuse('INTERNAL', 'the call failed; the log says why');
  }
}

type Parsed = { readonly kind: 'value'; readonly value: unknown } | Refusal;

function queryOf({ query: schema }: Route, text: string): Parsed {
  const parameters = new URLSearchParams(text);
  const names = [...parameters.keys()];
  if (new Set(names).size !== names.length) return refuse('QUERY_INVALID', 'a parameter stands there twice');
  if (schema === undefined) {
    return names.length === 0 ? { kind: 'value', value: {} } : refuse('QUERY_INVALID', 'this takes no parameters');
  }
  return fit(schema, Object.fromEntries(parameters), 'QUERY_INVALID');
}

async function bodyOf(request: IncomingMessage, { body: schema }: Route): Promise<Parsed> {
  if (schema === undefined) {
    const { headers } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    return hasBody ? refuse('BAD_REQUEST', 'this takes no body') : { kind: 'value', value: undefined };
  }
  const read = await readJsonBody(request);
  return read.kind === 'refusal' ? read : fit(schema, read.value, 'BODY_INVALID');
}

/** What is wrong is said without the values: one of them may be a secret in the wrong place. */
function fit(schema: z.ZodType, value: unknown, code: 'QUERY_INVALID' | 'BODY_INVALID'): Parsed {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: 'value', value: parsed.data };
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.map(String).join('.')}: `;
  return refuse(code, `${place}${issue === undefined ? 'is not valid' : describeIssue(issue)}`);
}

/** Names that a caller made up are not repeated. */
function describeIssue(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? 'has a key that is not known' : issue.message;
}

async function inTime(work: Promise<Answer | Refusal>, callMs: number): Promise<Answer | Refusal> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Refusal>((resolve) => {
    timer = setTimeout(
      () => resolve(refuse('TIMEOUT', 'no answer in time; what was ordered may still happen')),
      callMs,
    );
  });
  // Should it fail after its time nobody waits for it any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Every call that may change something is written down with who made it, before it is answered; secrets are in none of these
 * fields.
 */
async function record(
  route: Route,
  {
    caller,
    outcome,
    options,
  }: { readonly caller: Caller | Refusal; readonly outcome: Answer | Refusal; readonly options: ApiOptions },
): Promise<void> {
  const result = outcome.kind === 'answer' ? 'done' : outcome.code;
  options.calls.with(route.operation, result).add();
  if (!isUnsafe(route.method) || caller.kind === 'refusal') return;
  const what = outcome.kind === 'answer' ? (outcome.summary ?? '') : outcome.detail;
  const { author, sessionId } = caller;
  const { operation } = route;
  options.context.log.info('admin call', { operation, author, session: sessionId, result, what });
  const isAudited = outcome.kind === 'answer' ? outcome.isAudited === true : outcome.code === 'LINK_REFUSED';
  if (isAudited) return;
  const timeMs = options.context.clock.wallMs();
  await options.context.plane.audit({ timeMs, author, session: sessionId, operation, result, detail: what });
}
