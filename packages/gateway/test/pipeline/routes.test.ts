import { Client, HeaderList, IpAddress, type RequestHead, type RouteConfig, type RouteMatch } from '@sallyport/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileRoutes, Router, routing } from '../../src/pipeline/routes.ts';
import { route } from '../harness/config.ts';

function named(name: string, match: Partial<RouteMatch>): RouteConfig {
  return route({
    name,
    match: { hosts: [], path: { kind: 'prefix', value: '/' }, methods: [], headers: [], ...match },
  });
}

function head(change: Partial<RequestHead> = {}): RequestHead {
  return {
    method: 'GET',
    host: 'a.example',
    authority: 'a.example',
    path: '/',
    hasEncodedSlash: false,
    query: '',
    httpVersion: '1.1',
    headers: new HeaderList([], []),
    framing: { kind: 'none' },
    ...change,
  };
}

const ROUTES = [
  named('any', {}),
  named('host', { hosts: ['a.example'] }),
  named('wildcard', { hosts: ['*.example'] }),
  named('deep-wildcard', { hosts: ['*.b.example'] }),
  named('api', { hosts: ['a.example'], path: { kind: 'prefix', value: '/api' } }),
  named('api-exact', { hosts: ['a.example'], path: { kind: 'exact', value: '/api/status' } }),
  named('api-post', { hosts: ['a.example'], path: { kind: 'prefix', value: '/api' }, methods: ['POST'] }),
  named('api-beta', {
    hosts: ['a.example'],
    path: { kind: 'prefix', value: '/api' },
    methods: ['POST'],
    headers: [{ name: 'x-beta', value: 'on' }],
  }),
  named('two-hosts', { hosts: ['c.test', 'd.test'], path: { kind: 'prefix', value: '/' } }),
];

describe('routing', () => {
  const router = new Router(compileRoutes(ROUTES));

  it.each<[string, Partial<RequestHead>, string]>([
    ['a host of its own before any host', {}, 'host'],
    ['any host for an unknown one', { host: 'z.test' }, 'any'],
    ['any host for none', { host: '' }, 'any'],
    ['a wildcard for one label', { host: 'x.example' }, 'wildcard'],
    ['a wildcard for several labels', { host: 'x.y.example' }, 'wildcard'],
    ['the longer wildcard', { host: 'x.b.example' }, 'deep-wildcard'],
    ['no wildcard for the name above it', { host: 'example' }, 'any'],
    ['no wildcard for a name that merely ends alike', { host: 'badexample' }, 'any'],
    ['a longer prefix before a shorter', { path: '/api/x' }, 'api'],
    ['a prefix without anything behind it', { path: '/api' }, 'api'],
    ['whole segments only', { path: '/apix' }, 'host'],
    ['case as it is', { path: '/API' }, 'host'],
    ['an exact path before a prefix', { path: '/api/status' }, 'api-exact'],
    ['an exact path exactly', { path: '/api/status/' }, 'api'],
    ['a route with methods before one without', { path: '/api/x', method: 'POST' }, 'api-post'],
    [
      'a route with headers before one without',
      { path: '/api/x', method: 'POST', headers: new HeaderList(['x-beta'], ['on']) },
      'api-beta',
    ],
    [
      'another value of the header',
      { path: '/api/x', method: 'POST', headers: new HeaderList(['x-beta'], ['off']) },
      'api-post',
    ],
    ['each of several hosts', { host: 'd.test' }, 'two-hosts'],
  ])('chooses %s', (_, request, expected) => {
    expect(router.find(head(request))?.name).toBe(expected);
  });

  it('finds nothing where nothing matches', () => {
    const small = new Router(compileRoutes([named('a', { hosts: ['a.example'] })]));
    expect(small.find(head({ host: 'b.example' }))).toBeUndefined();
  });

  it('does not depend on the order of the file', () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(ROUTES, { minLength: ROUTES.length, maxLength: ROUTES.length }),
        fc.constantFrom('a.example', 'x.example', 'x.b.example', 'z.test', ''),
        fc.constantFrom('/', '/api', '/api/status', '/api/x', '/apix'),
        fc.constantFrom('GET', 'POST'),
        (routes, host, path, method) => {
          const request = head({ host, path, method });
          expect(new Router(compileRoutes(routes)).find(request)?.name).toBe(router.find(request)?.name);
        },
      ),
    );
  });
});

describe('a listener that leads to https', () => {
  const address = IpAddress.fromBytes(Uint8Array.of(192, 0, 2, 1));
  const judge = (request: Partial<RequestHead>, found: RouteConfig | undefined): unknown =>
    routing.instantiate({ routes: [] }).inspect({
      kind: 'request',
      id: 'r',
      traceId: 't',
      listener: { name: 'l', scheme: 'http', isRedirectedToHttps: true },
      client: Client.fromPeer(address, '192.0.2.1'),
      request: head(request),
      headerBytes: 10,
      route: found,
      isWebSocket: false,
      evidence: { target: '/', fields: [] },
      inspection: undefined,
    });

  it('redirects to the same place on a host that has a route', () => {
    expect(judge({ path: '/x', query: '?a=1' }, route())).toEqual({
      kind: 'redirect',
      status: 308,
      location: 'https://a.example/x?a=1',
      reason: { code: 'HTTPS_REQUIRED' },
    });
  });

  it('sends nobody to a host that it does not serve', () => {
    expect(judge({ host: 'evil.example' }, undefined)).toMatchObject({
      kind: 'deny',
      status: 404,
      reason: { code: 'NO_ROUTE' },
    });
  });
});
