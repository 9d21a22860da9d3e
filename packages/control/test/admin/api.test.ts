import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROBLEM_STATUS } from '../../src/admin/problem.ts';
import { findRoute, problemsOf, ROUTES } from '../../src/admin/routes.ts';
import { renderAdminApi } from '../../src/index.ts';
import { access } from './access.ts';
import { events } from './events.ts';
import { everyOperation } from './every-operation.ts';
import { resources } from './resources.ts';
import { SEEN } from './rig.ts';
import { services } from './services.ts';

everyOperation();
events();
services();
access();
resources();

describe('the document', () => {
  const text = readFileSync(new URL('../../../../docs/reference/admin-api.json', import.meta.url), 'utf8');
  const document: {
    paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  } = JSON.parse(text);

  it('is the one that the routes make', () => {
    expect(text).toBe(renderAdminApi());
  });

  it('has every operation with all of its answers', () => {
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, responses }]) => [
        operationId,
        method.toUpperCase(),
        path,
        Object.keys(responses).map(Number),
      ]),
    );
    const expected = ROUTES.map((route) => [
      route.operation,
      route.method,
      route.path,
      [...new Set([200, ...problemsOf(route).map((code) => PROBLEM_STATUS[code])])].toSorted((a, b) => a - b),
    ]);
    const byName = (left: readonly unknown[], right: readonly unknown[]): number =>
      String(left[0]).localeCompare(String(right[0]));
    expect(documented.toSorted(byName)).toEqual(expected.toSorted(byName));
  });

  it('describes every answer that was seen above, and every answer that it describes was seen', () => {
    const seen = new Set<string>();
    for (const { method, path, reply } of SEEN) {
      const found = findRoute(method, path.split('?')[0] ?? '');
      if ('kind' in found) continue;
      const { route } = found;
      seen.add(`${route.operation} ${reply.status}`);
      if (reply.status === 200) expect(route.answer.safeParse(reply.json).error?.issues, path).toBeUndefined();
    }
    const documented = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).flatMap(({ operationId, responses }) =>
        Object.keys(responses).map((status) => `${operationId} ${status}`),
      ),
    );
    expect([...seen].toSorted()).toEqual(documented.toSorted());
  });
});
