import {
  PASS,
  type RequestExchange,
  type RequestHead,
  type RouteConfig,
  reason,
  type Stage,
  type StageDefinition,
} from '@sallyport/kernel';

/** Routes in the order they are tried: most specific first. Plain data. */
export interface RouteTable {
  readonly routes: readonly RouteConfig[];
}

/**
 * Orders routes by specificity (see `RouteMatch`), so that the order in the file never matters. Equals keep their order;
 * configuration refuses two routes that match exactly the same.
 */
export function compileRoutes(routes: readonly RouteConfig[]): RouteTable {
  return { routes: routes.flatMap(perHost).toSorted((a, b) => compareRank(rank(a), rank(b))) };
}

/** Finds the route of a request. Built once per policy; a lookup touches only routes whose host can match. */
export class Router {
  readonly #exact = new Map<string, RouteConfig[]>();
  readonly #wildcard: { readonly suffix: string; readonly route: RouteConfig }[] = [];
  readonly #any: RouteConfig[] = [];

  constructor(table: RouteTable) {
    for (const route of table.routes) {
      const host = route.match.hosts[0];
      if (host === undefined) this.#any.push(route);
      else if (host.startsWith('*.')) this.#wildcard.push({ suffix: host.slice(1), route });
      else this.#exact.set(host, [...(this.#exact.get(host) ?? []), route]);
    }
  }

  find(head: RequestHead): RouteConfig | undefined {
    const exact = this.#exact.get(head.host);
    const found = exact?.find((route) => matches(route, head));
    if (found !== undefined) return found;
    for (const { suffix, route } of this.#wildcard)
      if (head.host.endsWith(suffix) && matches(route, head)) return route;
    return this.#any.find((route) => matches(route, head));
  }
}

/** The stage that refuses what no route wants, and sends plaintext clients to https where the listener says so. */
export const routing: StageDefinition<RouteTable, RouteTable> = {
  name: 'routing',
  onFailure: 'deny',
  compile: (table) => table,
  instantiate: () => ROUTING,
};

const ROUTING: Stage = {
  inspect(exchange: RequestExchange) {
    const { listener, request } = exchange;
    // First: a redirect repeats the Host that the client wrote, so it has to be one of ours.
    if (exchange.route === undefined) return { kind: 'deny', status: 404, reason: reason('NO_ROUTE') };
    if (listener.isRedirectedToHttps && listener.scheme === 'http') {
      const host = request.host === '' ? undefined : request.host;
      if (host === undefined)
        return { kind: 'deny', status: 404, reason: reason('NO_ROUTE', 'no host to redirect to') };
      const path = request.path === '*' ? '/' : request.path;
      return {
        kind: 'redirect',
        status: 308,
        location: `https://${host}${path}${request.query}`,
        reason: reason('HTTPS_REQUIRED'),
      };
    }
    return PASS;
  },
};

/** A route with several hosts is several routes, because each host has a rank of its own. */
function perHost(route: RouteConfig): RouteConfig[] {
  if (route.match.hosts.length <= 1) return [route];
  return route.match.hosts.map((host) => ({ ...route, match: { ...route.match, hosts: [host] } }));
}

function matches(route: RouteConfig, head: RequestHead): boolean {
  const { path, methods, headers } = route.match;
  if (!matchesPath(path, head.path)) return false;
  if (methods.length > 0 && !methods.includes(head.method)) return false;
  return headers.every(({ name, value }) =>
    value === undefined ? head.headers.has(name) : head.headers.getAll(name).includes(value),
  );
}

function matchesPath(match: RouteConfig['match']['path'], path: string): boolean {
  if (match.kind === 'exact') return path === match.value;
  if (match.value === '/') return true;
  if (!path.startsWith(match.value)) return false;
  return (
    match.value.endsWith('/') || path.length === match.value.length || path.charCodeAt(match.value.length) === 0x2f
  );
}

/** Bigger is more specific, compared from left to right. */
function rank(route: RouteConfig): readonly number[] {
  const { hosts, path, methods, headers } = route.match;
  const host = hosts[0];
  const hostRank = host === undefined ? 0 : host.startsWith('*.') ? host.length : 1_000;
  return [hostRank, path.kind === 'exact' ? 1 : 0, path.value.length, methods.length > 0 ? 1 : 0, headers.length];
}

function compareRank(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) {
    const difference = (b[index] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}
