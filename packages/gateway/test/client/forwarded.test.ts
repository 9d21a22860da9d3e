import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientFromChain, schemeFromProxy } from '../../src/client/forwarded.ts';
import { TrustedNetworks } from '../../src/client/trusted-networks.ts';

const trusted = new TrustedNetworks(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);

/** The chain's client in text, its refusal as `CODE: detail`, or `none`. */
function read(lines: readonly string[]): string {
  const rawHeaders = lines.flatMap((line) => ['X-Forwarded-For', line]);
  const found = clientFromChain(rawHeaders, trusted);
  if (found === undefined) return 'none';
  return 'code' in found ? `${found.code}: ${found.detail ?? ''}` : found.text;
}

const hop = (index: number): string => `CLIENT_ADDRESS_INVALID: x-forwarded-for: hop ${index} from the right`;

const rows: readonly [why: string, lines: readonly string[], expected: string][] = [
  ['no chain', [], 'none'],
  ['one hop', ['192.0.2.1'], '192.0.2.1'],
  ['the hop before a trusted one', ['192.0.2.1, 10.0.0.1'], '192.0.2.1'],
  ['what the client wrote itself is not believed', ['8.8.8.8, 192.0.2.1'], '192.0.2.1'],
  ['garbage left of the client does not matter', ['unknown, <script>, 192.0.2.1, 10.0.0.1'], '192.0.2.1'],
  ['several lines are one chain', ['8.8.8.8, 192.0.2.1', '10.0.0.1'], '192.0.2.1'],
  ['all trusted: the leftmost', ['10.0.0.3, 10.0.0.2', 'fd00::1'], '10.0.0.3'],
  ['with a port', ['192.0.2.1:567'], '192.0.2.1'],
  ['IPv6', ['2001:DB8::1'], '2001:db8::1'],
  ['IPv6 in brackets', ['[2001:db8::1]'], '2001:db8::1'],
  ['IPv6 in brackets with a port', ['[2001:db8::1]:65535, [fd00::1]:1'], '2001:db8::1'],
  ['a mapped address is IPv4', ['192.0.2.1, ::ffff:10.0.0.1'], '192.0.2.1'],
  ['a mapped address in brackets is IPv4', ['[::ffff:192.0.2.1]:80'], '192.0.2.1'],
  ['spaces and tabs around', ['\t 192.0.2.1 \t,\t10.0.0.1 '], '192.0.2.1'],
  ['no spaces', ['192.0.2.1,10.0.0.1'], '192.0.2.1'],
  ['an empty line', [''], hop(1)],
  ['an empty hop', ['192.0.2.1,'], hop(1)],
  ['an empty hop behind a trusted one', [', 10.0.0.1'], hop(2)],
  ['commas only', [',,,'], hop(1)],
  ['unknown (RFC 7239 §6.2)', ['unknown'], hop(1)],
  ['an obfuscated name', ['_hidden, 10.0.0.1'], hop(2)],
  ['a host name', ['example.com'], hop(1)],
  ['an octal part', ['010.0.0.1'], hop(1)],
  ['a short form', ['127.1'], hop(1)],
  ['a zone', ['fe80::1%eth0'], hop(1)],
  ['an empty port', ['192.0.2.1:'], hop(1)],
  ['a port that is too great', ['192.0.2.1:65536'], hop(1)],
  ['a port that is a name', ['192.0.2.1:http'], hop(1)],
  ['brackets around IPv4', ['[192.0.2.1]'], hop(1)],
  ['an open bracket', ['[2001:db8::1'], hop(1)],
  ['text behind the bracket', ['[2001:db8::1]x'], hop(1)],
  ['quotes', ['"192.0.2.1"'], hop(1)],
  ['a no-break space', ['\u00a0192.0.2.1'], hop(1)],
  ['sixteen trusted hops', [Array.from({ length: 16 }, () => '10.0.0.1').join(',')], '10.0.0.1'],
  [
    'seventeen trusted hops',
    [Array.from({ length: 17 }, () => '10.0.0.1').join(',')],
    'CLIENT_ADDRESS_INVALID: x-forwarded-for: more than 16 trusted hops',
  ],
  ['a thousand invented hops left of the client', [`${'1.1.1.1,'.repeat(1_000)}192.0.2.1`], '192.0.2.1'],
];

describe('X-Forwarded-For', () => {
  test.each(rows)('is read from right to left: %s', (_, lines, expected) => {
    expect(read(lines)).toBe(expected);
  });

  test('gives the client that the first trusted proxy saw, whatever stands left of it (R2.3)', () => {
    const client = fc.ipV4().filter((ip) => !ip.startsWith('10.') && ip !== '127.0.0.1');
    const proxies = fc.array(fc.constantFrom('10.0.0.1', '10.9.9.9:80', 'fd00::7', '[fd00::7]:9'), { maxLength: 15 });
    const spoofed = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ unit: 'binary-ascii' })), { maxLength: 8 });
    fc.assert(
      fc.property(spoofed, client, proxies, (left, ip, right) => {
        expect(read([[...left, ip, ...right].join(', ')])).toBe(ip);
        // One line for each hop is the same chain.
        expect(read([...left, ip, ...right])).toBe(ip);
      }),
    );
  });
});

describe('X-Forwarded-Proto', () => {
  const schemes: readonly [lines: readonly string[], expected: 'http' | 'https'][] = [
    [[], 'http'],
    [['https'], 'https'],
    [['HTTPS '], 'https'],
    [['http, https'], 'https'],
    [['https, http'], 'http'],
    [['https', 'http'], 'http'],
    [['wss'], 'http'],
    [[''], 'http'],
    [['https,'], 'http'],
  ];
  test.each(schemes)('%j on a plaintext listener means %s', (lines, expected) => {
    expect(
      schemeFromProxy(
        lines.flatMap((line) => ['x-forwarded-proto', line]),
        'http',
      ),
    ).toBe(expected);
  });

  test('may say that the client spoke plaintext to a proxy that speaks TLS to us', () => {
    expect(schemeFromProxy(['X-Forwarded-Proto', 'http'], 'https')).toBe('http');
  });
});
