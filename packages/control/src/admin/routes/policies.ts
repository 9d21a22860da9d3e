import { formatProblem, type Problem } from '../../config/problem.ts';
import { diffConfigs } from '../config-diff.ts';
import type { ConfigProblem, PolicyDifferenceAnswer, PublishAnswer } from '../contract.ts';
import type { ReloadOutcome, RollbackOutcome } from '../control-plane.ts';
import { type Refusal, refuse } from '../problem.ts';
import { type Answer, answer, type Route, route } from '../route.ts';
import { differenceQuery, policiesAnswer, policyDifferenceAnswer, publishAnswer, rollbackOrder } from '../schemas.ts';

/** Policies: their history, what differs between two, and publishing another one. */
export const POLICY_ROUTES: readonly Route[] = [
  route({
    operation: 'listPolicies',
    method: 'GET',
    path: '/api/v1/policies',
    access: 'session',
    summary: 'The policy in force and those before it, and what was refused, newest first.',
    answer: policiesAnswer,
    wants: 'answer',
    call: ({ plane }) => answer(plane.policies()),
  }),
  route({
    operation: 'diffPolicies',
    method: 'GET',
    path: '/api/v1/policies/diff',
    access: 'session',
    summary: 'What differs between two versions, key by key. Of a secret is said only that it is another one.',
    query: differenceQuery,
    answer: policyDifferenceAnswer,
    wants: 'answer',
    problems: ['NOT_FOUND'],
    call: ({ plane }, { query }) => {
      const [from, to] = [Number(query.from), Number(query.to)];
      const [before, after] = [plane.policyConfig(from), plane.policyConfig(to)];
      if (before === undefined || after === undefined) {
        const missing = before === undefined ? from : to;
        return refuse('NOT_FOUND', `there is no policy with version ${missing}, or it is no longer kept`);
      }
      return answer({ from, to, ...diffConfigs(before, after) } satisfies PolicyDifferenceAnswer);
    },
  }),
  route({
    operation: 'reload',
    method: 'POST',
    path: '/api/v1/reload',
    access: 'session',
    summary: 'Reads the configuration again and publishes it; if anything is wrong with it, the policy in force stays.',
    answer: publishAnswer,
    wants: 'order',
    problems: ['CONFIG_REFUSED', 'NOT_PUBLISHED'],
    call: async ({ plane }, { caller }) => published(await plane.reload({ author: caller.author })),
  }),
  route({
    operation: 'rollback',
    method: 'POST',
    path: '/api/v1/rollback',
    access: 'session',
    summary: 'Publishes an earlier version again.',
    body: rollbackOrder,
    answer: publishAnswer,
    wants: 'order',
    problems: ['NOT_FOUND', 'NOT_PUBLISHED'],
    call: async ({ plane }, { caller, body }) =>
      published(await plane.rollback(body.version, { author: caller.author })),
  }),
];

function published(outcome: ReloadOutcome | RollbackOutcome): Answer | Refusal {
  switch (outcome.kind) {
    case 'published':
    case 'unchanged': {
      const { kind, version, hash } = outcome;
      const body: PublishAnswer = { result: kind, version, hash, warnings: outcome.warnings.map(configProblem) };
      return answer(body, { summary: `${kind}, version ${version}` });
    }
    case 'refused':
      return refuse('CONFIG_REFUSED', 'the configuration is not published; the policy in force stays', {
        problems: outcome.problems.map(configProblem),
      });
    case 'unknown-version':
      return refuse('NOT_FOUND', 'there is no policy with this version, or it is no longer kept');
    case 'failed':
      return refuse('NOT_PUBLISHED', `the policy in force stays: ${outcome.detail}`);
  }
}

function configProblem(problem: Problem): ConfigProblem {
  const { severity, file, line, column, key } = problem;
  return { severity, file, line, column, key, text: formatProblem(problem) };
}
