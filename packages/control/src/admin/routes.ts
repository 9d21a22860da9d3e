import { type Refusal, refuse } from './problem.ts';
import type { Route } from './route.ts';
import { ACCESS_ROUTES } from './routes/access.ts';
import { AUDIT_ROUTES } from './routes/audit.ts';
import { COMMAND_ROUTES } from './routes/commands.ts';
import { DECISION_ROUTES } from './routes/decisions.ts';
import { EVENT_ROUTES } from './routes/events.ts';
import { NOTIFICATION_ROUTES } from './routes/notifications.ts';
import { OVERVIEW_ROUTES } from './routes/overview.ts';
import { POLICY_ROUTES } from './routes/policies.ts';
import { SERVICE_ROUTES } from './routes/services.ts';

/** Every operation of the API, in the order of its document. */
export const ROUTES: readonly Route[] = [
  ...ACCESS_ROUTES,
  ...OVERVIEW_ROUTES,
  ...POLICY_ROUTES,
  ...DECISION_ROUTES,
  ...COMMAND_ROUTES,
  ...AUDIT_ROUTES,
  ...EVENT_ROUTES,
  ...SERVICE_ROUTES,
  ...NOTIFICATION_ROUTES,
];

/** Problems that a call of a route may have, its own and those of every call like it. */
export function problemsOf(route: Route): readonly Refusal['code'][] {
  const codes = new Set<Refusal['code']>(['BAD_REQUEST', 'FOREIGN_ORIGIN', 'QUERY_INVALID', 'WRONG_HOST']);
  if (route.wants !== 'nothing') codes.add('INTERNAL');
  if (route.wants === 'order') codes.add('TIMEOUT');
  if (route.access === 'session') for (const code of ['UNAUTHENTICATED', 'TOO_MANY_FAILURES'] as const) codes.add(code);
  if (route.access === 'socket') codes.add('SOCKET_ONLY');
  if (route.body !== undefined) {
    for (const code of ['BODY_INVALID', 'BODY_TOO_LARGE', 'BODY_TYPE'] as const) codes.add(code);
  }
  for (const code of route.problems) codes.add(code);
  return [...codes].toSorted();
}

/** The route of a method and a path, with what stands in its `{id}`. */
export function findRoute(method: string, path: string): { readonly route: Route; readonly id: string } | Refusal {
  const allowed: string[] = [];
  for (const route of ROUTES) {
    const id = idIn(route.path, path);
    if (id === undefined) continue;
    if (route.method === method) return { route, id };
    allowed.push(route.method);
  }
  if (allowed.length === 0)
    return refuse('NOT_FOUND', 'there is nothing at this path; see docs/reference/admin-api.json');
  const allow = allowed.join(', ');
  return refuse('METHOD_NOT_ALLOWED', `this path takes ${allow}`, { headers: { allow } });
}

/** '' for a path without a place; undefined when it is another path. */
function idIn(template: string, path: string): string | undefined {
  if (!template.endsWith('/{id}')) return template === path ? '' : undefined;
  const base = template.slice(0, -'{id}'.length);
  const id = path.startsWith(base) ? path.slice(base.length) : '';
  return /^[A-Za-z0-9._:-]{1,64}$/.test(id) ? id : undefined;
}
