import type { Client, ClientPolicy, Reason } from '@sallyport/kernel';
import { ManualClock } from '@sallyport/kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { peerAddressOf } from '../../src/client/peer.ts';
import type { ProxyHeader } from '../../src/client/proxy-protocol.ts';
import { type ClientListener, compileClientPolicy } from '../../src/client/resolve.ts';
import type { ClientResolver, RequestAnswer } from '../../src/client/resolver.ts';

const SILENT = { info() {}, warn() {}, error() {} };

const TCP = { kind: 'tcp', host: '127.0.0.1', port: 0 } as const;
const UNIX = { kind: 'unix', path: '/run/gateway.sock', mode: 0o660 } as const;
const TLS = { certificates: [], minVersion: 'TLSv1.2' } as const;

function compile(client: ClientPolicy, door: Partial<ClientListener> = {}): ClientResolver {
  return compileClientPolicy(
    { address: TCP, tls: undefined, ...door, client },
    { clock: new ManualClock(), log: SILENT },
  );
}

interface Connection {
  readonly peer: string | undefined;
  readonly proxyHeader?: ProxyHeader;
  readonly isTlsClientAuthorized?: boolean;
}

function connect(resolver: ClientResolver, connection: Connection): Client | Reason {
  const { peer, proxyHeader, isTlsClientAuthorized = false } = connection;
  const answer = resolver.atConnection({ peerAddress: peerAddressOf(peer), proxyHeader, isTlsClientAuthorized });
  return 'refusal' in answer ? answer.refusal : answer.client;
}

function describeAnswer(answer: RequestAnswer | Promise<RequestAnswer>): string {
  if (answer instanceof Promise) return 'promise';
  if ('code' in answer) return `${answer.code}: ${answer.detail ?? ''}`;
  return `${answer.client.address.text} by ${answer.client.evidence} via ${answer.client.peer}, ${answer.scheme}`;
}

/** What a request with `rawHeaders` on a connection comes to, in words. */
function ask(resolver: ClientResolver, connection: Connection, rawHeaders: readonly string[]): string {
  const client = connect(resolver, connection);
  return 'code' in client ? describeAnswer(client) : describeAnswer(resolver.atRequest(client, rawHeaders));
}

/** Every header a liar would try, with the address of somebody else. */
const FORGED: readonly string[] = [
  ['CF-Connecting-IP', '198.51.100.66'],
  ['X-Forwarded-For', '198.51.100.66'],
  ['X-Forwarded-Proto', 'https'],
  ['X-Real-IP', '198.51.100.66'],
  ['True-Client-IP', '198.51.100.66'],
  ['Forwarded', 'for=198.51.100.66;proto=https'],
  ['Cf-Access-Jwt-Assertion', 'a.b.c'],
  ['CF-Visitor', '{"scheme":"https"}'],
].flat();

const proxied = (source: string): Exclude<ProxyHeader, { kind: 'peer' }> => {
  const address = peerAddressOf(source);
  if (address === undefined) throw new Error(`${source} is no address`);
  return { kind: 'proxied', source: address };
};

const SECRET: ClientPolicy = {
  kind: 'cloudflare-tunnel',
  proof: { kind: 'origin-secret', header: 'X-Origin-Secret', secrets: ['old-sécret', 'new-secret'] },
};
const TUNNEL: ClientPolicy = { kind: 'cloudflare-tunnel', proof: { kind: 'unix-socket' } };
const PROXIES: ClientPolicy = { kind: 'trusted-proxies', from: ['10.0.0.0/8'] };
const PROXY_PROTOCOL: ClientPolicy = { kind: 'proxy-protocol', from: ['10.0.0.0/8'] };
const CLOUDFLARE: ClientPolicy = { kind: 'cloudflare', clientCa: 'PEM' };

describe('a listener', () => {
  const rows: readonly [what: string, resolver: ClientResolver, connection: Connection, expected: string][] = [
    ['direct', compile({ kind: 'direct' }), { peer: '192.0.2.1' }, '192.0.2.1 by peer via 192.0.2.1, http'],
    ['direct with TLS', compile({ kind: 'direct' }, { tls: TLS }), { peer: '::1' }, '::1 by peer via ::1, https'],
    [
      'direct, mapped peer',
      compile({ kind: 'direct' }),
      { peer: '::ffff:192.0.2.1' },
      '192.0.2.1 by peer via 192.0.2.1, http',
    ],
    [
      'direct, link-local peer',
      compile({ kind: 'direct' }),
      { peer: 'fe80::1%eth0' },
      'fe80::1 by peer via fe80::1, http',
    ],
    [
      'direct on a Unix socket',
      compile({ kind: 'direct' }, { address: UNIX }),
      { peer: undefined },
      '127.0.0.1 by peer via unix, http',
    ],
    [
      'direct, peer gone',
      compile({ kind: 'direct' }),
      { peer: undefined },
      'CLIENT_ADDRESS_INVALID: the peer has no address',
    ],
    [
      'proxy-protocol',
      compile(PROXY_PROTOCOL),
      { peer: '10.0.0.1', proxyHeader: proxied('2001:db8::9') },
      '2001:db8::9 by proxy-protocol via 10.0.0.1, http',
    ],
    [
      'proxy-protocol whose proxy ended TLS',
      compile(PROXY_PROTOCOL),
      { peer: '10.0.0.1', proxyHeader: { ...proxied('2001:db8::9'), isTls: true } },
      '2001:db8::9 by proxy-protocol via 10.0.0.1, https',
    ],
    [
      'proxy-protocol with a health check',
      compile(PROXY_PROTOCOL),
      { peer: '10.0.0.1', proxyHeader: { kind: 'peer' } },
      '10.0.0.1 by peer via 10.0.0.1, http',
    ],
    [
      'proxy-protocol without a header',
      compile(PROXY_PROTOCOL),
      { peer: '10.0.0.1' },
      'PROXY_PROTOCOL_INVALID: the header is missing',
    ],
    [
      'proxy-protocol from a stranger',
      compile(PROXY_PROTOCOL),
      { peer: '192.0.2.1', proxyHeader: proxied('2001:db8::9') },
      'CLIENT_UNPROVEN: the peer 192.0.2.1 is not one of the proxies of this listener',
    ],
    [
      'trusted-proxies from a stranger',
      compile(PROXIES),
      { peer: '192.0.2.1' },
      '192.0.2.1 by peer via 192.0.2.1, http',
    ],
    ['trusted-proxies', compile(PROXIES), { peer: '10.0.0.1' }, '198.51.100.66 by trusted-proxies via 10.0.0.1, https'],
    [
      'trusted-proxies, mapped peer',
      compile(PROXIES),
      { peer: '::ffff:10.0.0.1' },
      '198.51.100.66 by trusted-proxies via 10.0.0.1, https',
    ],
    [
      'trusted-proxies on a Unix socket that are not local',
      compile(PROXIES, { address: UNIX }),
      { peer: undefined },
      '127.0.0.1 by peer via unix, http',
    ],
    [
      'trusted-proxies on a Unix socket',
      compile({ kind: 'trusted-proxies', from: ['127.0.0.1'] }, { address: UNIX }),
      { peer: undefined },
      '198.51.100.66 by trusted-proxies via unix, https',
    ],
    [
      'cloudflare without a certificate',
      compile(CLOUDFLARE, { tls: TLS }),
      { peer: '192.0.2.1' },
      'CLIENT_UNPROVEN: no client certificate of the configured authority',
    ],
    [
      'cloudflare',
      compile(CLOUDFLARE, { tls: TLS }),
      { peer: '192.0.2.1', isTlsClientAuthorized: true },
      '198.51.100.66 by cloudflare via 192.0.2.1, https',
    ],
    [
      'cloudflare-tunnel on a Unix socket',
      compile(TUNNEL, { address: UNIX }),
      { peer: undefined },
      '198.51.100.66 by cloudflare-tunnel via unix, https',
    ],
    [
      'cloudflare-tunnel with an origin secret',
      compile(SECRET),
      { peer: '127.0.0.1' },
      'CLIENT_UNPROVEN: x-origin-secret is missing or repeated',
    ],
  ];
  test.each(rows)(
    '%s answers forged headers by its own evidence (R0.9) (R2.3)',
    (_, resolver, connection, expected) => {
      expect(ask(resolver, connection, FORGED)).toBe(expected);
    },
  );

  test.each([
    ['trusted-proxies', compile(PROXIES), '10.0.0.1 by peer via 10.0.0.1, http'],
    [
      'cloudflare-tunnel',
      compile(TUNNEL, { address: UNIX }),
      'CLIENT_ADDRESS_INVALID: cf-connecting-ip occurs 0 times',
    ],
  ] as const)('%s without any header about the client', (kind, resolver, expected) => {
    expect(ask(resolver, { peer: kind === 'trusted-proxies' ? '10.0.0.1' : undefined }, [])).toBe(expected);
  });

  test('refuses a chain it would have to guess at', () => {
    const answer = ask(compile(PROXIES), { peer: '10.0.0.1' }, ['X-Forwarded-For', 'unknown']);
    expect(answer).toBe('CLIENT_ADDRESS_INVALID: x-forwarded-for: hop 1 from the right');
  });

  test('says which connections many clients share, so that they are not counted as one client', () => {
    const shared = (resolver: ClientResolver, connection: Connection): unknown => {
      const { peer, proxyHeader, isTlsClientAuthorized = true } = connection;
      const answer = resolver.atConnection({ peerAddress: peerAddressOf(peer), proxyHeader, isTlsClientAuthorized });
      return 'isShared' in answer ? answer.isShared : answer.refusal;
    };
    expect(shared(compile({ kind: 'direct' }), { peer: '10.0.0.1' })).toBe(false);
    expect(shared(compile(PROXY_PROTOCOL), { peer: '10.0.0.1', proxyHeader: proxied('::9') })).toBe(false);
    expect(shared(compile(PROXIES), { peer: '10.0.0.1' })).toBe(true);
    expect(shared(compile(PROXIES), { peer: '192.0.2.1' })).toBe(false);
    expect(shared(compile(CLOUDFLARE, { tls: TLS }), { peer: '192.0.2.1' })).toBe(true);
    expect(shared(compile(TUNNEL, { address: UNIX }), { peer: undefined })).toBe(true);
  });

  test('tells its owner what to prepare', () => {
    const facts = (resolver: ClientResolver): unknown[] => [
      resolver.isProxyHeaderExpected,
      resolver.clientCa,
      resolver.proofHeader,
    ];
    expect(facts(compile({ kind: 'direct' }))).toEqual([false, undefined, undefined]);
    expect(facts(compile(PROXY_PROTOCOL))).toEqual([true, undefined, undefined]);
    expect(facts(compile(CLOUDFLARE, { tls: TLS }))).toEqual([false, 'PEM', undefined]);
    expect(facts(compile(SECRET))).toEqual([false, undefined, 'x-origin-secret']);
  });

  test('refuses a stranger on a proxy-protocol listener before it has read a byte', () => {
    const resolver = compile(PROXY_PROTOCOL);
    expect(resolver.atAccept(peerAddressOf('192.0.2.1'))).toMatchObject({ code: 'CLIENT_UNPROVEN' });
    expect(resolver.atAccept(undefined)).toMatchObject({ code: 'CLIENT_ADDRESS_INVALID' });
    expect(resolver.atAccept(peerAddressOf('10.0.0.1'))).toBeUndefined();
  });
});

describe('no header', () => {
  const names = fc.constantFrom(
    ...FORGED.filter((_, index) => index % 2 === 0),
    'x_forwarded_for',
    'Host',
    '__proto__',
  );
  const values = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant('10.0.0.1, 10.0.0.2'));
  const rawHeaders = fc.array(fc.tuple(names, values), { maxLength: 12 }).map((fields) => fields.flat());
  const from = ['0.0.0.0/0', '::/0'];
  const connections: readonly [kind: string, resolver: ClientResolver, connection: Connection][] = [
    ['direct', compile({ kind: 'direct' }), { peer: '192.0.2.1' }],
    [
      'proxy-protocol',
      compile({ kind: 'proxy-protocol', from }),
      { peer: '10.0.0.1', proxyHeader: proxied('192.0.2.1') },
    ],
    ['trusted-proxies, for a peer that is none of them', compile(PROXIES), { peer: '192.0.2.1' }],
  ];
  test.each(connections)('changes client or scheme: %s (R0.9)', (_, resolver, connection) => {
    const client = connect(resolver, connection);
    if ('code' in client) throw new Error('refused');
    fc.assert(
      fc.property(rawHeaders, (fields) => {
        const answer = resolver.atRequest(client, fields);
        if (answer instanceof Promise || 'code' in answer) throw new Error('not a client');
        expect(answer.client).toBe(client);
        expect(answer.scheme).toBe('http');
      }),
      { numRuns: 500 },
    );
  });

  test('gets past a tunnel listener without its proof (R2.3)', () => {
    const resolver = compile(SECRET);
    const unproven = rawHeaders.filter((fields) => !fields.includes('x-origin-secret'));
    fc.assert(
      fc.property(unproven, (fields) => {
        expect(ask(resolver, { peer: '127.0.0.1' }, fields)).toMatch(/^CLIENT_UNPROVEN/);
      }),
    );
  });
});

describe('CF-Connecting-IP', () => {
  const resolver = compile(TUNNEL, { address: UNIX });
  const rows: readonly [rawHeaders: readonly string[], expected: string][] = [
    [['cf-connecting-ip', '192.0.2.1'], '192.0.2.1 by cloudflare-tunnel via unix, http'],
    [
      ['CF-CONNECTING-IP', '2001:DB8::1', 'x-forwarded-proto', 'https'],
      '2001:db8::1 by cloudflare-tunnel via unix, https',
    ],
    [['cf-connecting-ip', '192.0.2.1', 'X-Forwarded-For', '9.9.9.9'], '192.0.2.1 by cloudflare-tunnel via unix, http'],
    [['cf_connecting_ip', '192.0.2.1'], 'CLIENT_ADDRESS_INVALID: cf-connecting-ip occurs 0 times'],
    [
      ['cf-connecting-ip', '192.0.2.1', 'Cf-Connecting-Ip', '192.0.2.1'],
      'CLIENT_ADDRESS_INVALID: cf-connecting-ip occurs 2 times',
    ],
    [['cf-connecting-ip', ''], 'CLIENT_ADDRESS_INVALID: cf-connecting-ip is not an IP address'],
    [['cf-connecting-ip', '192.0.2.1, 9.9.9.9'], 'CLIENT_ADDRESS_INVALID: cf-connecting-ip is not an IP address'],
    [['cf-connecting-ip', '192.0.2.1:80'], 'CLIENT_ADDRESS_INVALID: cf-connecting-ip is not an IP address'],
  ];
  test.each(rows)('%j', (rawHeaders, expected) => {
    expect(ask(resolver, { peer: undefined }, rawHeaders)).toBe(expected);
  });
});

describe('a policy that cannot hold is refused at start', () => {
  const rows: readonly [policy: ClientPolicy, door: Partial<ClientListener>, message: RegExp][] = [
    [{ kind: 'trusted-proxies', from: ['10.0.0.5/8'] }, {}, /10\.0\.0\.5\/8/],
    [{ kind: 'proxy-protocol', from: ['proxy.internal'] }, {}, /proxy\.internal/],
    [CLOUDFLARE, { tls: undefined }, /need TLS/],
    [TUNNEL, { address: TCP }, /Unix socket/],
    [{ kind: 'cloudflare-tunnel', proof: { kind: 'origin-secret', header: 'x', secrets: [] } }, {}, /origin secret/],
    [
      { kind: 'cloudflare-tunnel', proof: { kind: 'origin-secret', header: 'x', secrets: ['a', ''] } },
      {},
      /origin secret/,
    ],
  ];
  test.each(rows)('%j (R2.3)', (policy, door, message) => {
    expect(() => compile(policy, door)).toThrow(message);
  });
});
