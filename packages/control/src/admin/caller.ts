import type { IncomingMessage } from 'node:http';
import { type Door, isUnsafe } from './door.ts';
import { type Refusal, refuse } from './problem.ts';
import { PERSON_NAME } from './schemas.ts';
import type { SessionBook } from './sessions.ts';

/** Who makes a call. */
export interface Caller {
  readonly kind: 'operator' | 'session' | 'nobody';
  /** For the record of what was done: `socket:alice`, `session:alice`; '' for nobody. */
  readonly author: string;
  /** '' unless it is a session. */
  readonly sessionId: string;
}

/** `wrong`: credentials came, and they open nothing. */
export type Recognition = Caller | Refusal | { readonly kind: 'wrong' };

/**
 * Who is calling. Over the socket it is the operator, under the name that the call gives itself: the kernel has already
 * said that it may. On a port it is whoever has a session, by Authorization or by cookie.
 */
export function recognise(
  request: IncomingMessage,
  { door, sessions, owner }: { readonly door: Door; readonly sessions: SessionBook; readonly owner: string },
): Recognition {
  switch (door.kind) {
    case 'socket': {
      const name = request.headers['sallyport-author'];
      const isName = typeof name === 'string' && PERSON_NAME.test(name);
      return { kind: 'operator', author: `socket:${isName ? name : owner}`, sessionId: '' };
    }
    case 'port':
      return recogniseSession(request, door.port, sessions);
  }
}

/** Cookies know no ports: the name keeps the gateways of one machine apart. */
export function cookieName(port: number): string {
  return `__Host-sallyport-${port}`;
}

function recogniseSession(request: IncomingMessage, port: number, sessions: SessionBook): Recognition {
  const { authorization, cookie } = request.headers;
  if (authorization !== undefined) {
    const token = /^Bearer ([!-~]{1,128})$/i.exec(authorization)?.[1];
    const session = token === undefined ? undefined : sessions.find(token);
    // The token of a cookie is worth nothing here: a page of another port could have been sent it.
    return session?.as === 'bearer' ? callerOf(session) : { kind: 'wrong' };
  }
  const token = cookieOf(cookie, cookieName(port));
  if (token === undefined) return { kind: 'nobody', author: '', sessionId: '' };
  const session = sessions.find(token);
  if (session?.as !== 'cookie') return { kind: 'wrong' };
  // Browsers send a cookie to every port of 127.0.0.1, so whoever serves one of them may have it. The second secret is
  // kept by the page, and without it nothing can be changed.
  if (isUnsafe(request.method ?? '') && !sessions.isCsrfOf(session.id, csrfOf(request))) {
    return refuse('FOREIGN_ORIGIN', 'the header sallyport-csrf is missing or is not that of this session');
  }
  return callerOf(session);
}

function callerOf(session: { readonly id: string; readonly name: string }): Caller {
  return { kind: 'session', author: `session:${session.name}`, sessionId: session.id };
}

function csrfOf({ headers }: IncomingMessage): string {
  const value = headers['sallyport-csrf'];
  return typeof value === 'string' ? value : '';
}

/** Undefined also where two cookies have the name: one of them was put there by somebody else. */
function cookieOf(header: string | undefined, name: string): string | undefined {
  const values = (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}
