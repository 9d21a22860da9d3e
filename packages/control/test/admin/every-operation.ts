import { describe, expect, it } from 'vitest';
import type { Route } from '../../src/admin/route.ts';
import { ROUTES } from '../../src/admin/routes.ts';
import { type AdminRig, type CallOptions, isProblem, type Reply, startAdmin } from './rig.ts';

/** What holds for every operation of the API. Registers its tests. */
export function everyOperation(): void {
  describe('every operation', () => {
    it.each(rows)('%s refuses a Host that is not its own', async (_, route) => {
      const rig = await startAdmin();
      isProblem(await callRoute(rig, route, { headers: { host: 'evil.example.com' } }), 421, 'WRONG_HOST');
    });

    it.each(rows)('%s refuses another origin', async (_, route) => {
      const rig = await startAdmin();
      isProblem(await callRoute(rig, route, { headers: { origin: 'http://evil.example.com' } }), 403, 'FOREIGN_ORIGIN');
    });

    it.each(rows)('%s refuses a header field that stands there twice', async (_, route) => {
      const rig = await startAdmin();
      isProblem(await callRoute(rig, route, { headers: { 'sallyport-csrf': ['a', 'b'] } }), 400, 'BAD_REQUEST');
    });

    it.each(rows)('%s refuses a parameter that it does not know', async (_, route) => {
      const rig = await startAdmin();
      const path = `${pathOf(route)}${QUERIES[route.operation] === undefined ? '?' : '&'}debug=1`;
      const call = route.access === 'socket' ? rig.callSocket : rig.call;
      const headers = route.access === 'session' ? await rig.signIn() : {};
      isProblem(await call(route.method, path, { headers, body: BODIES[route.operation] }), 400, 'QUERY_INVALID');
    });

    it.each(rows)('%s has security headers and is not kept by caches', async (_, route) => {
      const { headers } = await callRoute(await startAdmin(), route);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'cross-origin-resource-policy': 'same-origin',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(headers['server']).toBeUndefined();
      expect(headers['access-control-allow-origin']).toBeUndefined();
    });

    it.each(withSession)('%s needs a session on the port', async (_, route) => {
      const rig = await startAdmin();
      const body = BODIES[route.operation];
      const reply = await rig.call(route.method, pathOf(route), body === undefined ? {} : { body });
      isProblem(reply, 401, 'UNAUTHENTICATED');
      expect(reply.headers['www-authenticate']).toBe('Bearer');
    });

    it.each(withSession)('%s stops looking at wrong credentials after twenty of them', async (_, route) => {
      const rig = await startAdmin();
      const wrong = { headers: { authorization: `Bearer spsession_0123456789abcdef_${'A'.repeat(43)}` } };
      for (let index = 0; index < 20; index += 1) isProblem(await callRoute(rig, route, wrong), 401, 'UNAUTHENTICATED');
      const reply = await callRoute(rig, route, wrong);
      isProblem(reply, 429, 'TOO_MANY_FAILURES');
      expect(reply.headers['retry-after']).toBe('3');
    });

    it.each(withBody)('%s takes nothing but JSON', async (_, route) => {
      const rig = await startAdmin();
      const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, raw: 'a=b' };
      isProblem(await callRoute(rig, route, form), 415, 'BODY_TYPE');
    });

    it.each(withBody)('%s takes no large body, announced or not', async (_, route) => {
      const rig = await startAdmin();
      const raw = JSON.stringify({ a: 'x'.repeat(16_384) });
      const json = { 'content-type': 'application/json' };
      isProblem(await callRoute(rig, route, { headers: json, raw }), 413, 'BODY_TOO_LARGE');
      const chunked = { ...json, 'transfer-encoding': 'chunked', 'content-length': [] };
      isProblem(await callRoute(rig, route, { headers: chunked, raw }), 413, 'BODY_TOO_LARGE');
    });

    it.each(withBody)('%s refuses a body with a key that it does not know', async (_, route) => {
      const rig = await startAdmin();
      const raw = JSON.stringify({ ...Object(BODIES[route.operation]), isAdmin: true });
      const reply = await callRoute(rig, route, { headers: { 'content-type': 'application/json' }, raw });
      isProblem(reply, 400, 'BODY_INVALID');
      expect(reply.text).not.toContain('isAdmin');
    });

    it.each(rows.filter(([, { access }]) => access === 'socket'))(
      '%s is not answered on the port',
      async (_, route) => {
        const rig = await startAdmin();
        const reply = await rig.call(route.method, pathOf(route), { headers: await rig.signIn(), body: {} });
        isProblem(reply, 403, 'SOCKET_ONLY');
      },
    );
  });

  describe('an accident', () => {
    it.each(rows.filter(([, { wants }]) => wants !== 'nothing'))(
      'of %s is a 500 that says nothing, and a line in the log',
      async (_, route) => {
        const rig = await startAdmin();
        const headers = await rig.signIn();
        rig.plane.accident = 'throws';
        const reply = await callRoute(rig, route, { headers });
        isProblem(reply, 500, 'INTERNAL');
        expect(reply.text).not.toContain('hunter2');
        expect(rig.lines).toContainEqual(expect.objectContaining({ level: 'error', operation: route.operation }));
        rig.plane.accident = 'none';
        expect((await rig.call('GET', '/api/v1/status', { headers })).status).toBe(200);
      },
    );

    it.each(rows.filter(([, { problems }]) => problems.includes('STATE_UNAVAILABLE')))(
      'of the store is a 503 of %s that says so',
      async (_, route) => {
        const rig = await startAdmin();
        const headers = await rig.signIn();
        rig.plane.accident = 'no-state';
        const reply = await callRoute(rig, route, { headers });
        isProblem(reply, 503, 'STATE_UNAVAILABLE');
        expect(reply.text).toContain('the store thread is not running');
      },
    );

    it.each(rows.filter(([, { wants }]) => wants === 'order'))(
      'of %s that never ends is answered with a 504',
      async (_, route) => {
        const rig = await startAdmin({ callMs: 10 });
        const headers = await rig.signIn();
        rig.plane.accident = 'hangs';
        isProblem(await callRoute(rig, route, { headers }), 504, 'TIMEOUT');
      },
    );
  });
}

const DECISION = { kind: 'ban', scope: { kind: 'address', value: '192.0.2.7' }, reason: 'rude' } as const;

/** A body that each route takes. */
const BODIES: Readonly<Record<string, unknown>> = {
  createLink: {},
  openSession: { token: 'splink_x', as: 'bearer' },
  rollback: { version: 1 },
  takeDecision: DECISION,
  testNotification: { channel: 'ops' },
  giveCommand: { id: 'c1', action: { kind: 'drain' } },
};

const QUERIES: Readonly<Record<string, string>> = {
  diffPolicies: '?from=1&to=1',
  topOfEvents: '?field=client',
};

function pathOf(route: Route): string {
  return `${route.path.replace('{id}', 'some-id')}${QUERIES[route.operation] ?? ''}`;
}

/** Calls a route with what it takes, and with something else beside it. */
async function callRoute(rig: AdminRig, route: Route, options: CallOptions = {}): Promise<Reply> {
  const body = options.raw === undefined ? BODIES[route.operation] : undefined;
  const own = body === undefined ? {} : { body };
  const { method } = route;
  if (route.access === 'socket') return rig.callSocket(method, pathOf(route), { ...own, ...options });
  const session = route.access === 'session' && options.headers?.['authorization'] === undefined;
  const headers = { ...(session ? await rig.signIn() : {}), ...options.headers };
  return rig.call(method, pathOf(route), { ...own, ...options, headers });
}

const rows = ROUTES.map((route) => [route.operation, route] as const);
const withBody = rows.filter(([, route]) => route.body !== undefined);
const withSession = rows.filter(([, route]) => route.access === 'session');
