import { createHash, randomBytes } from 'node:crypto';
import { contains, type Decision, type DecisionScope, IpAddress, type Network, parseNetwork } from '@sallyport/kernel';
import { z } from 'zod';
import { canonicalNetwork } from '../../config/addresses.ts';
import type { Caller } from '../caller.ts';
import type {
  DecisionAnswer,
  DecisionOrder,
  DecisionRecord,
  DecisionsAnswer,
  DecisionsQuery,
  RevocationAnswer,
} from '../contract.ts';
import type { Actor } from '../control-plane.ts';
import { type Refusal, refuse } from '../problem.ts';
import { type AdminContext, type Answer, answer, type Call, type Route, route } from '../route.ts';
import { decisionAnswer, decisionOrder, decisionsAnswer, revocationAnswer } from '../schemas.ts';

/** Decisions on one page, and when the caller does not say. */
const DECISIONS_SHOWN_MAX = 1_000;
const DECISIONS_SHOWN = 100;

/** Shortest prefixes of a ban: what is larger is a mistake more often than a wish, and lists are for it. */
const BAN_PREFIX_MIN: Readonly<Record<4 | 6, number>> = { 4: 8, 6: 16 };

const decisionsQuery: z.ZodType<DecisionsQuery> = z.strictObject({
  kind: z.enum(['ban', 'allowance']).optional(),
  client: z.string().max(64).optional(),
  author: z.string().max(64).optional(),
  after: z
    .string()
    .regex(/^[0-9]{1,16}\.[A-Za-z0-9._:-]{1,64}$/, 'is not what a page before said')
    .optional(),
  limit: z
    .string()
    .regex(/^[1-9][0-9]{0,3}$/, 'is not a number from 1 to 9999')
    .optional(),
});

/** Bans and allowances of clients. */
export const DECISION_ROUTES: readonly Route[] = [
  route({
    operation: 'listDecisions',
    method: 'GET',
    path: '/api/v1/decisions',
    access: 'session',
    summary: 'Decisions in force, newest first, in pages; `client` finds what holds for an address or in a network.',
    query: decisionsQuery,
    answer: decisionsAnswer,
    wants: 'answer',
    call: listDecisions,
  }),
  route({
    operation: 'takeDecision',
    method: 'POST',
    path: '/api/v1/decisions',
    access: 'session',
    summary: 'Bans or allows a client. With a `key`, the same order is carried out once however often it is sent.',
    body: decisionOrder,
    answer: decisionAnswer,
    wants: 'order',
    problems: ['CONFLICT', 'STATE_UNAVAILABLE'],
    call: takeDecision,
  }),
  route({
    operation: 'revokeDecision',
    method: 'DELETE',
    path: '/api/v1/decisions/{id}',
    access: 'session',
    summary: 'Ends a decision.',
    answer: revocationAnswer,
    wants: 'order',
    problems: ['NOT_FOUND', 'STATE_UNAVAILABLE'],
    call: async ({ plane }, { id, caller }) => {
      const confirmed = await plane.revoke(id, actorOf(caller));
      if (confirmed === undefined) return refuse('NOT_FOUND', 'no decision with this id is in force');
      return answer({ id, confirmed } satisfies RevocationAnswer, { summary: `decision ${id}`, isAudited: true });
    },
  }),
];

function listDecisions({ plane }: AdminContext, { query }: Call<unknown, DecisionsQuery>): Answer | Refusal {
  const client = query.client === undefined ? undefined : parseNetwork(query.client);
  if (query.client !== undefined && client === undefined) {
    return refuse('QUERY_INVALID', 'client is not an address or a network');
  }
  const { kind, author, after } = query;
  const matching = plane
    .decisions()
    .decisions.filter(
      (decision) =>
        (kind === undefined || decision.kind === kind) &&
        (author === undefined || decision.author === author) &&
        (client === undefined || isAbout(decision.scope, client)),
    )
    .toSorted(newestFirst);
  const limit = Math.min(DECISIONS_SHOWN_MAX, Number(query.limit ?? DECISIONS_SHOWN));
  const rest = after === undefined ? matching : matching.filter((decision) => isAfter(decision, after));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const body: DecisionsAnswer = {
    total: matching.length,
    decisions: page.map(recordOf),
    next: rest.length > limit && last !== undefined ? `${last.createdMs}.${last.id}` : null,
  };
  return answer(body);
}

async function takeDecision(
  { plane, clock }: AdminContext,
  { body, caller }: Call<DecisionOrder, unknown>,
): Promise<Answer | Refusal> {
  const scope = canonicalScope(body);
  if (scope.kind === 'refusal') return scope;
  const id = `api-${body.key === undefined ? randomBytes(12).toString('hex') : idOfKey(body.key)}`;
  if (plane.isRevoked(id)) return refuse('CONFLICT', 'the decision with this key has been revoked since');
  const known = plane.decisions().decisions.find((decision) => decision.id === id);
  if (known !== undefined && !isSameOrder(known, body, scope)) {
    return refuse('CONFLICT', 'the key belongs to another decision');
  }
  const createdMs = clock.wallMs();
  const decision: Decision = known ?? {
    id,
    kind: body.kind,
    scope,
    reason: body.reason,
    author: caller.author,
    createdMs,
    endsMs: body.seconds === undefined ? undefined : createdMs + body.seconds * 1_000,
  };
  const confirmed = await plane.take(decision, actorOf(caller));
  if (confirmed === 'too-many') return refuse('CONFLICT', 'there are as many decisions as there is room for');
  const taken: DecisionAnswer = { decision: recordOf(decision), isRepeat: known !== undefined, confirmed };
  return answer(taken, { summary: `${decision.kind} ${scope.value}, decision ${id}`, isAudited: known === undefined });
}

function actorOf({ author, sessionId }: Caller): Actor {
  return { author, session: sessionId };
}

/** Equal orders with the same key have the same id, whoever asks, before and after a restart. */
function idOfKey(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 24);
}

function canonicalScope({ kind, scope }: DecisionOrder): DecisionScope | Refusal {
  if (scope.kind === 'address') {
    const address = IpAddress.parse(scope.value);
    if (address === undefined) return refuse('BODY_INVALID', 'scope.value is not an IP address');
    return { kind: 'address', value: address.text };
  }
  const network = parseNetwork(scope.value);
  const value = canonicalNetwork(scope.value);
  if (network === undefined || value === undefined) {
    return refuse('BODY_INVALID', 'scope.value is not a network such as 192.0.2.0/24');
  }
  if (kind === 'ban' && network.prefixLength < BAN_PREFIX_MIN[network.address.version]) {
    return refuse('BODY_INVALID', `a ban of ${value} would be one of half the world; lists.deny is for it`);
  }
  return value.includes('/') ? { kind: 'network', value } : { kind: 'address', value };
}

function isSameOrder(known: Decision, order: DecisionOrder, scope: DecisionScope): boolean {
  const { kind, value } = known.scope;
  const seconds = known.endsMs === undefined ? undefined : Math.round((known.endsMs - known.createdMs) / 1_000);
  const isSameScope = kind === scope.kind && value === scope.value;
  return isSameScope && known.kind === order.kind && known.reason === order.reason && seconds === order.seconds;
}

/** One of them lies in the other. */
function isAbout(scope: DecisionScope, client: Network): boolean {
  const network = parseNetwork(scope.value);
  return network !== undefined && (contains(network, client.address) || contains(client, network.address));
}

function newestFirst(left: Decision, right: Decision): number {
  if (left.createdMs !== right.createdMs) return right.createdMs - left.createdMs;
  return left.id < right.id ? 1 : -1;
}

/** Whether a decision stands behind a place in that order, also when what stood there is gone. */
function isAfter({ createdMs, id }: Decision, after: string): boolean {
  const dot = after.indexOf('.');
  const afterMs = Number(after.slice(0, dot));
  return createdMs < afterMs || (createdMs === afterMs && id < after.slice(dot + 1));
}

function recordOf({ endsMs, ...decision }: Decision): DecisionRecord {
  return { ...decision, endsMs: endsMs ?? null };
}
