import { cookieName } from '../caller.ts';
import type { LinkAnswer, LinkOrder, RevokedAnswer, SessionAnswer, SessionOrder, SessionsAnswer } from '../contract.ts';
import type { Refusal } from '../problem.ts';
import { refuse } from '../problem.ts';
import { type AdminContext, type Answer, answer, type Call, type Route, route } from '../route.ts';
import { linkAnswer, linkOrder, revokedAnswer, sessionAnswer, sessionOrder, sessionsAnswer } from '../schemas.ts';

/** Where links lead. The token stands in the fragment, which browsers send to nobody. */
export const PAGE_PATH = '/.sallyport/admin';

/** How somebody becomes an administrator, and stops being one. */
export const ACCESS_ROUTES: readonly Route[] = [
  route({
    operation: 'createLink',
    method: 'POST',
    path: '/api/v1/links',
    access: 'socket',
    summary: 'Makes a link that opens one session, within ten minutes.',
    body: linkOrder,
    answer: linkAnswer,
    wants: 'nothing',
    problems: ['CONFLICT'],
    call: createLink,
  }),
  route({
    operation: 'openSession',
    method: 'POST',
    path: '/api/v1/session',
    access: 'anybody',
    summary: 'Uses a link up and opens a session.',
    body: sessionOrder,
    answer: sessionAnswer,
    wants: 'nothing',
    problems: ['LINK_REFUSED', 'TOO_MANY_FAILURES', 'CONFLICT'],
    call: openSession,
  }),
  route({
    operation: 'closeSession',
    method: 'DELETE',
    path: '/api/v1/session',
    access: 'session',
    summary: 'Ends the session that asks.',
    answer: revokedAnswer,
    wants: 'nothing',
    problems: ['NOT_FOUND'],
    call: closeSession,
  }),
  route({
    operation: 'listSessions',
    method: 'GET',
    path: '/api/v1/sessions',
    access: 'session',
    summary: 'Lists the open sessions, the last used first.',
    answer: sessionsAnswer,
    wants: 'nothing',
    call: ({ sessions }, { caller }) => answer({ sessions: sessions.list(caller.sessionId) } satisfies SessionsAnswer),
  }),
  route({
    operation: 'revokeSession',
    method: 'DELETE',
    path: '/api/v1/sessions/{id}',
    access: 'session',
    summary: 'Ends a session.',
    answer: revokedAnswer,
    wants: 'nothing',
    problems: ['NOT_FOUND'],
    call: ({ sessions }, { id }) =>
      sessions.revoke(id)
        ? answer({ id } satisfies RevokedAnswer, { summary: `session ${id}` })
        : refuse('NOT_FOUND', 'there is no such session'),
  }),
];

function createLink({ links, origin }: AdminContext, { body, caller }: Call<LinkOrder, unknown>): Answer | Refusal {
  const base = origin();
  if (base === undefined) {
    return refuse('CONFLICT', 'admin.address is not configured: there is no port that a link could lead to');
  }
  const name = body.name ?? caller.author.slice('socket:'.length);
  const { token, expiresMs } = links.issue(name);
  const link: LinkAnswer = { url: `${base}${PAGE_PATH}#token=${token}`, expiresMs };
  return answer(link, { summary: `for ${name}` });
}

function openSession(
  { links, sessions, log, plane }: AdminContext,
  { body, door }: Call<SessionOrder, unknown>,
): Answer | Refusal {
  if (door.kind === 'socket') return refuse('CONFLICT', 'over the socket no session is needed');
  const redemption = links.redeem(body.token);
  if (redemption.kind === 'refused') {
    if (redemption.why === 'used' && redemption.linkId !== undefined) {
      // Two people have had it. Which of them is the right one nobody can tell, so neither stays.
      const sessionId = sessions.revokeOfLink(redemption.linkId);
      log.warn('an admin link was used twice', { link: redemption.linkId, endedSession: sessionId ?? '' });
    }
    return refuse('LINK_REFUSED', LINK_REFUSALS[redemption.why]);
  }
  const { name, linkId } = redemption;
  const opened = sessions.open({ name, as: body.as, linkId });
  const { session, token, csrf } = opened;
  const record = sessions.record(session.id);
  if (record === undefined) return refuse('INTERNAL', 'the session is gone already');
  plane.noteSignIn({ method: 'link', result: 'success', subject: name, reasonDetail: '' });
  const isCookie = session.as === 'cookie';
  const body200: SessionAnswer = { session: record, bearer: isCookie ? null : token, csrf: isCookie ? csrf : null };
  const seconds = Math.floor((record.expiresMs - record.createdMs) / 1_000);
  const cookie = `${cookieName(door.port)}=${token}; Max-Age=${seconds}; ${COOKIE_ATTRIBUTES}`;
  return answer(body200, {
    summary: `session ${session.id} for ${name}`,
    ...(isCookie ? { headers: { 'set-cookie': cookie } } : {}),
  });
}

function closeSession({ sessions }: AdminContext, { caller, door }: Call<unknown, unknown>): Answer | Refusal {
  if (!sessions.revoke(caller.sessionId)) return refuse('NOT_FOUND', 'the call has no session');
  const name = door.kind === 'port' ? cookieName(door.port) : '';
  return answer({ id: caller.sessionId } satisfies RevokedAnswer, {
    summary: `session ${caller.sessionId}`,
    headers: { 'set-cookie': `${name}=; Max-Age=0; ${COOKIE_ATTRIBUTES}` },
  });
}

/** Browsers take `Secure` cookies from 127.0.0.1 and localhost without TLS; those that do not have bearer sessions. */
const COOKIE_ATTRIBUTES = 'Path=/; Secure; HttpOnly; SameSite=Strict';

const LINK_REFUSALS = {
  unknown: 'the link is not known: ask for a new one with sallyport admin link',
  expired: 'the link is older than ten minutes: ask for a new one with sallyport admin link',
  used: 'the link was used before, and the session it opened has been ended: ask for a new one with sallyport admin link',
} as const;
