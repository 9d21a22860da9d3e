import { describe, expect, it } from 'vitest';
import { sessionsAnswer } from '../../src/admin/schemas.ts';
import { bodyOf, isProblem, linkOf, sessionOf, startAdmin } from './rig.ts';

const MINUTE_MS = 60_000;

/** Links and sessions. Registers its tests. */
export function access(): void {
  describe('a link', () => {
    it('leads to the port with its token in the fragment, and never comes into the log', async () => {
      const rig = await startAdmin();
      const reply = await rig.callSocket('POST', '/api/v1/links', { body: { name: 'alice' } });
      const { url, expiresMs } = linkOf(reply);
      const [page = '', token = ''] = url.split('#token=');
      expect(page).toBe(`http://127.0.0.1:${rig.port}/.sallyport/admin`);
      expect(token).toMatch(/^splink_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
      expect(expiresMs).toBe(rig.clock.wallMs() + 10 * MINUTE_MS);
      await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } });
      expect(JSON.stringify(rig.lines)).not.toContain(token.slice(-43));
      expect(rig.lines).toContainEqual(
        expect.objectContaining({ operation: 'createLink', result: 'done', what: 'for alice' }),
      );
    });

    it('opens one session', async () => {
      const rig = await startAdmin();
      const token = await rig.link('alice');
      const { session, bearer, csrf } = sessionOf(
        await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } }),
      );
      expect(session).toMatchObject({ name: 'alice', as: 'bearer', isOwn: true });
      expect([typeof bearer, csrf]).toEqual(['string', null]);
      const headers = { authorization: `Bearer ${bearer}` };
      expect((await rig.call('GET', '/api/v1/status', { headers })).status).toBe(200);
      const signIn = { method: 'link', result: 'success', subject: 'alice', reasonDetail: '' };
      expect(rig.plane.signIns).toEqual([signIn]);
    });

    it('that is used twice ends the session it opened, because two people have it', async () => {
      const rig = await startAdmin();
      const token = await rig.link();
      const opened = sessionOf(await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } }));
      isProblem(await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } }), 401, 'LINK_REFUSED');
      const headers = { authorization: `Bearer ${opened.bearer}` };
      isProblem(await rig.call('GET', '/api/v1/status', { headers }), 401, 'UNAUTHENTICATED');
      expect(rig.plane.signIns.slice(1)).toEqual([
        { method: 'link', result: 'failure', subject: '', reasonDetail: expect.stringContaining('used before') },
        { method: 'session', result: 'failure', subject: '', reasonDetail: 'the session is unknown or has ended' },
      ]);
      expect(rig.lines).toContainEqual(
        expect.objectContaining({
          level: 'warn',
          message: 'an admin link was used twice',
          endedSession: opened.session.id,
        }),
      );
    });

    it('opens nothing after ten minutes', async () => {
      const rig = await startAdmin();
      const [late, inTime] = [await rig.link(), await rig.link()];
      rig.clock.advance(10 * MINUTE_MS - 1);
      expect((await rig.call('POST', '/api/v1/session', { body: { token: inTime, as: 'bearer' } })).status).toBe(200);
      rig.clock.advance(1);
      const reply = await rig.call('POST', '/api/v1/session', { body: { token: late, as: 'bearer' } });
      isProblem(reply, 401, 'LINK_REFUSED');
      expect(reply.text).toContain('older than ten minutes');
    });

    it('is void after five wrong secrets', async () => {
      const rig = await startAdmin();
      const token = await rig.link();
      const wrong = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`;
      for (let index = 0; index < 5; index += 1) {
        isProblem(
          await rig.call('POST', '/api/v1/session', { body: { token: wrong, as: 'bearer' } }),
          401,
          'LINK_REFUSED',
        );
      }
      isProblem(await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } }), 401, 'LINK_REFUSED');
    });

    it('makes room for a ninth when eight were not used', async () => {
      const rig = await startAdmin();
      const tokens: string[] = [];
      for (let index = 0; index < 9; index += 1) tokens.push(await rig.link());
      const statuses: number[] = [];
      for (const token of tokens) {
        statuses.push((await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } })).status);
      }
      expect(statuses).toEqual([401, 200, 200, 200, 200, 200, 200, 200, 200]);
    });

    it('is not to be had without a port that it could lead to', async () => {
      const rig = await startAdmin({}, { address: undefined });
      isProblem(await rig.callSocket('POST', '/api/v1/links', { body: {} }), 409, 'CONFLICT');
      expect(rig.server.firstLink()).toBeUndefined();
    });

    it('can be made for the terminal at the start', async () => {
      const rig = await startAdmin();
      const token = rig.server.firstLink()?.split('#token=')[1];
      const reply = await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } });
      expect(sessionOf(reply).session.name).toBe('terminal');
      expect(JSON.stringify(rig.lines)).not.toContain(token?.slice(-43));
    });

    it.each([
      '',
      'splink_',
      'splink_0123456789abcdef_short',
      `spsession_0123456789abcdef_${'A'.repeat(43)}`,
      'x'.repeat(128),
    ])('is not %j', async (token) => {
      const rig = await startAdmin();
      isProblem(await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } }), 401, 'LINK_REFUSED');
    });

    it('is guessed at twenty times and then one time in three seconds, which keeps nobody out who has one', async () => {
      const rig = await startAdmin();
      const guess = (): ReturnType<typeof rig.call> =>
        rig.call('POST', '/api/v1/session', {
          body: { token: `splink_0123456789abcdef_${'A'.repeat(43)}`, as: 'bearer' },
        });
      for (let index = 0; index < 20; index += 1) isProblem(await guess(), 401, 'LINK_REFUSED');
      isProblem(await guess(), 429, 'TOO_MANY_FAILURES');
      const token = await rig.link();
      expect((await rig.call('POST', '/api/v1/session', { body: { token, as: 'bearer' } })).status).toBe(200);
      rig.clock.advance(3_000);
      isProblem(await guess(), 401, 'LINK_REFUSED');
      isProblem(await guess(), 429, 'TOO_MANY_FAILURES');
      expect(rig.lines.filter(({ message }) => message === 'wrong credentials at the admin API')).toHaveLength(21);
      expect(rig.plane.signIns.filter(({ result }) => result === 'failure')).toHaveLength(21);
      // What is not answered with a reason, and not logged, is counted all the same.
      expect(rig.metrics.render()).toContain('sallyport_admin_wrong_credentials_total 23\n');
    });
  });

  describe('a session', () => {
    it('ends when it is not used for half an hour, and after twelve hours however much it is used', async () => {
      const rig = await startAdmin();
      const [idle, busy] = [await rig.signIn(), await rig.signIn()];
      const status = async (headers: Readonly<Record<string, string>>): Promise<number> =>
        (await rig.call('GET', '/api/v1/status', { headers })).status;
      for (let minutes = 0; minutes < 12 * 60; minutes += 20) {
        expect(await status(busy)).toBe(200);
        rig.clock.advance(20 * MINUTE_MS);
      }
      expect(await status(busy)).toBe(401);
      expect(await status(idle)).toBe(401);
    });

    it('of a cookie needs the second secret for what changes something', async () => {
      const rig = await startAdmin();
      const reply = await rig.call('POST', '/api/v1/session', { body: { token: await rig.link(), as: 'cookie' } });
      const { bearer, csrf } = sessionOf(reply);
      expect(bearer).toBeNull();
      const [setCookie = ''] = reply.headers['set-cookie'] ?? [];
      expect(setCookie).toMatch(
        new RegExp(
          `^__Host-sallyport-${rig.port}=spsession_[0-9a-f]{16}_[\\w-]{43}; Max-Age=43200; Path=/; Secure; HttpOnly; SameSite=Strict$`,
        ),
      );
      const cookie = setCookie.split(';')[0] ?? '';
      expect((await rig.call('GET', '/api/v1/status', { headers: { cookie } })).status).toBe(200);
      isProblem(await rig.call('POST', '/api/v1/reload', { headers: { cookie } }), 403, 'FOREIGN_ORIGIN');
      const other = { cookie, 'sallyport-csrf': (csrf ?? '').replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')) };
      isProblem(await rig.call('POST', '/api/v1/reload', { headers: other }), 403, 'FOREIGN_ORIGIN');
      const right = { cookie, 'sallyport-csrf': csrf ?? '' };
      expect((await rig.call('POST', '/api/v1/reload', { headers: right })).status).toBe(200);
      // What another port may have been sent opens nothing by itself.
      const stolen = { authorization: `Bearer ${cookie.split('=')[1]}` };
      isProblem(await rig.call('POST', '/api/v1/reload', { headers: stolen }), 401, 'UNAUTHENTICATED');
      // A cookie that somebody put beside it makes both worthless.
      const tossed = { cookie: `${cookie}; ${cookie.replace(/.$/, 'x')}` };
      isProblem(await rig.call('GET', '/api/v1/status', { headers: tossed }), 401, 'UNAUTHENTICATED');
      const out = await rig.call('DELETE', '/api/v1/session', { headers: right });
      expect(out.headers['set-cookie']).toEqual([
        `__Host-sallyport-${rig.port}=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict`,
      ]);
      isProblem(await rig.call('GET', '/api/v1/status', { headers: { cookie } }), 401, 'UNAUTHENTICATED');
    });

    it('can be listed and ended by another one, and by itself', async () => {
      const rig = await startAdmin();
      const [alice, bob] = [await rig.signIn('alice'), await rig.signIn('bob')];
      const { sessions } = bodyOf(sessionsAnswer, await rig.call('GET', '/api/v1/sessions', { headers: alice }));
      expect(sessions.map(({ name, isOwn }) => `${name} ${isOwn}`).toSorted()).toEqual(['alice true', 'bob false']);
      const bobId = sessions.find(({ name }) => name === 'bob')?.id ?? '';
      expect((await rig.call('DELETE', `/api/v1/sessions/${bobId}`, { headers: alice })).json).toEqual({ id: bobId });
      isProblem(await rig.call('DELETE', `/api/v1/sessions/${bobId}`, { headers: alice }), 404, 'NOT_FOUND');
      isProblem(await rig.call('GET', '/api/v1/status', { headers: bob }), 401, 'UNAUTHENTICATED');
      expect((await rig.call('DELETE', '/api/v1/session', { headers: alice })).status).toBe(200);
      isProblem(await rig.call('GET', '/api/v1/status', { headers: alice }), 401, 'UNAUTHENTICATED');
    });

    it('makes room: the one that was used longest ago ends when there are thirty-two', async () => {
      const rig = await startAdmin();
      const first = await rig.signIn();
      const second = await rig.signIn();
      expect((await rig.call('GET', '/api/v1/status', { headers: first })).status).toBe(200);
      for (let index = 0; index < 31; index += 1) await rig.signIn();
      expect((await rig.call('GET', '/api/v1/status', { headers: first })).status).toBe(200);
      isProblem(await rig.call('GET', '/api/v1/status', { headers: second }), 401, 'UNAUTHENTICATED');
    });

    it('is not needed over the socket, and not to be had there', async () => {
      const rig = await startAdmin();
      expect((await rig.callSocket('GET', '/api/v1/status')).status).toBe(200);
      const body = { token: await rig.link(), as: 'bearer' };
      isProblem(await rig.callSocket('POST', '/api/v1/session', { body }), 409, 'CONFLICT');
      isProblem(await rig.callSocket('DELETE', '/api/v1/session'), 404, 'NOT_FOUND');
    });
  });
}
