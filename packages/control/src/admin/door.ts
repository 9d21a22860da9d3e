import type { IncomingMessage } from 'node:http';
import { type Refusal, refuse } from './problem.ts';

/**
 * What a call came through. Whoever may open the socket file is the operator; on the port anybody on this machine may knock,
 * web pages in somebody's browser included.
 */
export type Door =
  | { readonly kind: 'socket' }
  /** `hosts`: every way to write its address in Host, lower case. */
  | { readonly kind: 'port'; readonly hosts: ReadonlySet<string>; readonly port: number };

/** The ways in which a browser or another client may name a listener on this machine. */
export function hostsOf(host: string, port: number): ReadonlySet<string> {
  const own = host.includes(':') ? `[${host}]` : host;
  const names = [own, 'localhost'];
  return new Set(names.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])));
}

/**
 * Whether a request may be looked at, whoever sent it. Refuses what a web page could make a browser send (DNS rebinding,
 * requests across sites), what somebody forwards here, and what two readers would read differently.
 *
 * Flat: the guards in their order; the first that is not content decides.
 */
export function judgeDoor(request: IncomingMessage, door: Door): Refusal | undefined {
  const { headers, rawHeaders } = request;
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  const repeated = SINGLE.find((name) => names.indexOf(name) !== names.lastIndexOf(name));
  if (repeated !== undefined) return refuse('BAD_REQUEST', `there is more than one ${repeated}`);
  if (FORWARDED.some((name) => names.includes(name))) {
    return refuse('FOREIGN_ORIGIN', 'the request was forwarded; nothing forwards to this API');
  }
  const host = (headers.host ?? '').toLowerCase();
  switch (door.kind) {
    case 'socket':
      // A browser here means that somebody put the socket on a port, where every page could act as the operator.
      if (host !== 'localhost') return refuse('WRONG_HOST', 'over the socket, Host has to be localhost');
      if (names.some((name) => name === 'origin' || name.startsWith('sec-fetch-'))) {
        return refuse('FOREIGN_ORIGIN', 'browsers have no business on the socket');
      }
      return undefined;
    case 'port':
      if (!door.hosts.has(host)) return refuse('WRONG_HOST', 'Host does not name this listener');
      return judgeOrigin(request, host);
  }
}

/** Whether the method may change something. */
export function isUnsafe(method: string): boolean {
  return method !== 'GET';
}

/** Fields of which one reader takes the first and another the last. */
const SINGLE = ['host', 'origin', 'authorization', 'cookie', 'content-type', 'content-length', 'sallyport-csrf'];

/** What proxies add. A request that has one came from further away than this machine. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip', 'cf-connecting-ip'];

/** Browsers say where a request comes from, and pages cannot keep them from it. */
function judgeOrigin({ headers, method }: IncomingMessage, host: string): Refusal | undefined {
  const { origin } = headers;
  if (origin !== undefined && origin !== `http://${host}`) {
    return refuse('FOREIGN_ORIGIN', 'the request comes from another origin');
  }
  const site = headers['sec-fetch-site'];
  // A link in a chat leads here from another site; the page that did so sees nothing of what is answered.
  const isNavigation = !isUnsafe(method ?? '') && (site === 'none' || headers['sec-fetch-mode'] === 'navigate');
  const isOwn = site === undefined || site === 'same-origin' || isNavigation;
  return isOwn ? undefined : refuse('FOREIGN_ORIGIN', 'the request comes from another site');
}
