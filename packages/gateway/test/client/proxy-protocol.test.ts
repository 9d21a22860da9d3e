import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PROXY_HEADER_BYTES_MAX, type ProxyFeed, ProxyHeaderParser } from '../../src/client/proxy-protocol.ts';

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const REST = Buffer.from('GET / HTTP/1.1\r\n');

/** A version 2 header; `length` overrules the true length of the payload. */
function v2(command: number, family: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.from([command, family, length >> 8, length & 0xff]);
  return Buffer.concat([SIGNATURE, head, payload]);
}

const TCP4 = Buffer.from([192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb]);
const TCP6 = Buffer.concat([
  Buffer.from('20010db8000000000000000000000001', 'hex'),
  Buffer.from('20010db8000000000000000000000002', 'hex'),
  Buffer.from([0xdc, 0x04, 0x01, 0xbb]),
]);
const TCP6_MAPPED = Buffer.concat([Buffer.from('00000000000000000000ffffc0000201', 'hex'), TCP6.subarray(16)]);
const UNIX = Buffer.alloc(216, 'x');
const TLV = Buffer.from([0x04, 0x00, 0x03, 1, 2, 3]);

function noop(bytes: number): Buffer {
  const tlv = Buffer.alloc(bytes);
  tlv[0] = 0x04;
  tlv.writeUInt16BE(bytes - 3, 1);
  return tlv;
}

/** What came out, in plain words: the source, `peer`, `more`, or the refusal's detail. */
function outcome(result: ProxyFeed): string {
  if (result === 'more') return 'more';
  if ('refusal' in result) return `${result.refusal.code}: ${result.refusal.detail ?? ''}`;
  return result.header.kind === 'peer' ? 'peer' : result.header.source.text;
}

function feedAll(bytes: Buffer, cuts: readonly number[]): { readonly outcome: string; readonly rest: Buffer } {
  const parser = new ProxyHeaderParser();
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted(
    (a, b) => a - b,
  );
  for (const [index, start] of edges.entries()) {
    const end = edges[index + 1] ?? bytes.length;
    const result = parser.feed(bytes.subarray(start, end));
    if (result === 'more') continue;
    const rest = 'rest' in result ? Buffer.concat([result.rest, bytes.subarray(end)]) : Buffer.alloc(0);
    return { outcome: outcome(result), rest };
  }
  return { outcome: 'more', rest: Buffer.alloc(0) };
}

const long6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';

const good: readonly [name: string, bytes: Buffer, expected: string][] = [
  ['v1 TCP4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n'), '192.0.2.1'],
  ['v1 TCP6', Buffer.from('PROXY TCP6 2001:DB8::1 2001:db8::2 0 65535\r\n'), '2001:db8::1'],
  ['v1 TCP6, mapped', Buffer.from('PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n'), '192.0.2.1'],
  ['v1 longest TCP6', Buffer.from(`PROXY TCP6 ${long6} ${long6} 65535 65535\r\n`), long6],
  ['v1 UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), 'peer'],
  ['v1 UNKNOWN with 107 bytes', Buffer.from(`PROXY UNKNOWN ${long6} ${long6} 65535 65535\r\n`), 'peer'],
  ['v1 UNKNOWN with anything', Buffer.from('PROXY UNKNOWN 1.2.3.4 whatever it is\r\n'), 'peer'],
  ['v2 TCP4', v2(0x21, 0x11, TCP4), '192.0.2.1'],
  ['v2 TCP6', v2(0x21, 0x21, TCP6), '2001:db8::1'],
  ['v2 TCP6, mapped', v2(0x21, 0x21, TCP6_MAPPED), '192.0.2.1'],
  ['v2 TCP4 with TLVs', v2(0x21, 0x11, Buffer.concat([TCP4, TLV, TLV])), '192.0.2.1'],
  ['v2 TCP4 with the largest payload', v2(0x21, 0x11, Buffer.concat([TCP4, noop(4096 - 12)])), '192.0.2.1'],
  ['v2 UNIX', v2(0x21, 0x31, UNIX), 'peer'],
  ['v2 UNSPEC', v2(0x21, 0x00, Buffer.alloc(0)), 'peer'],
  ['v2 UNSPEC with bytes', v2(0x21, 0x00, Buffer.from('any')), 'peer'],
  ['v2 LOCAL', v2(0x20, 0x00, Buffer.alloc(0)), 'peer'],
  ['v2 LOCAL with addresses', v2(0x20, 0x11, TCP4), 'peer'],
  ['v2 LOCAL with an unknown family', v2(0x20, 0xff, Buffer.from('any')), 'peer'],
];

const bad: readonly [name: string, bytes: Buffer, detail: string][] = [
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n'), 'no PROXY protocol signature'],
  ['a POST request', Buffer.from('POST / HTTP/1.1\r\n'), 'no PROXY protocol signature'],
  ['a TLS hello', Buffer.from('160301', 'hex'), 'no PROXY protocol signature'],
  ['an empty line', Buffer.from('\r\nGET /'), 'no PROXY protocol signature'],
  ['v1 in lower case', Buffer.from('proxy TCP4 '), 'no PROXY protocol signature'],
  ['v1 with a tab', Buffer.from('PROXY\tTCP4'), 'no PROXY protocol signature'],
  ['v1 ended by LF', Buffer.from('PROXY UNKNOWN\n'), 'v1: a byte that is not printable ASCII'],
  ['v1 with a lone CR', Buffer.from('PROXY UNKNOWN\rX'), 'v1: a line may only end in CR LF'],
  ['v1 with NUL', Buffer.from('PROXY UNKNOWN \0\r\n'), 'v1: a byte that is not printable ASCII'],
  ['v1 with 108 bytes', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(92)}\r\n`), 'v1: no end of line within 107 bytes'],
  ['v1 without family', Buffer.from('PROXY \r\n'), 'v1: unknown protocol'],
  ['v1 UNKNOWNX', Buffer.from('PROXY UNKNOWNX\r\n'), 'v1: unknown protocol'],
  ['v1 UDP4', Buffer.from('PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'), 'v1: unknown protocol'],
  ['v1 with two spaces', Buffer.from('PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n'), 'v1: ports missing or not valid'],
  [
    'v1 with a trailing space',
    Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n'),
    'v1: ports missing or not valid',
  ],
  ['v1 without ports', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2\r\n'), 'v1: ports missing or not valid'],
  ['v1 with port 65536', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'), 'v1: ports missing or not valid'],
  ['v1 with port 01', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'), 'v1: ports missing or not valid'],
  ['v1 with port -1', Buffer.from('PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n'), 'v1: ports missing or not valid'],
  ['v1 TCP4 with IPv6', Buffer.from('PROXY TCP4 ::1 192.0.2.2 1 2\r\n'), 'v1: source address not valid'],
  ['v1 TCP6 with IPv4', Buffer.from('PROXY TCP6 192.0.2.1 ::1 1 2\r\n'), 'v1: source address not valid'],
  ['v1 with octal digits', Buffer.from('PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n'), 'v1: source address not valid'],
  ['v1 with mixed families', Buffer.from('PROXY TCP4 192.0.2.1 ::1 1 2\r\n'), 'v1: destination address not valid'],
  ['v2 with a broken signature', Buffer.from('0d0a0d0a000d0a515549540b21', 'hex'), 'no PROXY protocol signature'],
  ['v2 of version 3', v2(0x31, 0x11, TCP4), 'v2: unknown version or command'],
  ['v2 of command 2', v2(0x22, 0x11, TCP4), 'v2: unknown version or command'],
  ['v2 over UDP', v2(0x21, 0x12, TCP4), 'v2: unknown address family or not a stream'],
  ['v2 of family 4', v2(0x21, 0x41, TCP4), 'v2: unknown address family or not a stream'],
  ['v2 too long', v2(0x21, 0x11, Buffer.alloc(0), 4097), 'v2: more than 4096 bytes of addresses and TLVs'],
  ['v2 LOCAL too long', v2(0x20, 0x00, Buffer.alloc(0), 65_535), 'v2: more than 4096 bytes of addresses and TLVs'],
  ['v2 TCP4 cut short', v2(0x21, 0x11, TCP4.subarray(0, 11)), 'v2: the addresses are cut short'],
  ['v2 TCP6 cut short', v2(0x21, 0x21, TCP4), 'v2: the addresses are cut short'],
  ['v2 UNIX cut short', v2(0x21, 0x31, TCP6), 'v2: the addresses are cut short'],
  ['v2 with a TLV of two bytes', v2(0x21, 0x11, Buffer.concat([TCP4, TLV.subarray(0, 2)])), 'v2: a TLV is cut short'],
  ['v2 with a TLV cut short', v2(0x21, 0x11, Buffer.concat([TCP4, TLV.subarray(0, 5)])), 'v2: a TLV is cut short'],
];

describe('the PROXY protocol parser', () => {
  test.each(good)('reads %s and returns the bytes behind it', (_, bytes, expected) => {
    expect(feedAll(Buffer.concat([bytes, REST]), [])).toEqual({ outcome: expected, rest: REST });
    expect(feedAll(bytes, [])).toEqual({ outcome: expected, rest: Buffer.alloc(0) });
  });

  test.each(bad)('refuses %s', (_, bytes, detail) => {
    expect(feedAll(bytes, []).outcome).toBe(`PROXY_PROTOCOL_INVALID: ${detail}`);
  });

  test.each(good)('wants more after every proper prefix of %s', (_, bytes) => {
    const parser = new ProxyHeaderParser();
    for (let index = 0; index < bytes.length - 1; index += 1) {
      expect(parser.feed(bytes.subarray(index, index + 1))).toBe('more');
    }
  });

  test.each<[string, Buffer, boolean]>([
    ['without the TLV', TLV, false],
    ['that says TLS', tlsFacts(0x01), true],
    ['that says TLS with a client certificate', tlsFacts(0x07), true],
    ['that says something else', tlsFacts(0x02), false],
    ['that is empty', Buffer.from('200000', 'hex'), false],
  ])('knows whether TLS ended at a proxy %s', (_, tlvs, isTls) => {
    const result = new ProxyHeaderParser().feed(v2(0x21, 0x11, Buffer.concat([TCP4, TLV, tlvs])));
    expect(result).toMatchObject({ header: { kind: 'proxied' } });
    expect(typeof result === 'object' && 'header' in result && 'isTls' in result.header).toBe(isTls);
  });

  test('refuses at the first byte that cannot belong to a header', () => {
    const parser = new ProxyHeaderParser();
    expect(outcome(parser.feed(Buffer.from('PR')))).toBe('more');
    expect(outcome(parser.feed(Buffer.from('I')))).toBe('PROXY_PROTOCOL_INVALID: no PROXY protocol signature');
  });

  test('knows its own bound', () => {
    expect(PROXY_HEADER_BYTES_MAX).toBe(16 + 4096);
  });

  test('answers the same however valid and invalid headers are split', () => {
    const samples = [...good, ...bad].map(([, bytes]) => bytes);
    const bytes = fc.oneof(
      fc.constantFrom(...samples),
      fc.tuple(fc.constantFrom(...samples), fc.nat(), fc.nat(255)).map(([sample, at, byte]) => {
        const changed = Buffer.from(sample);
        changed[at % Math.max(1, changed.length)] = byte;
        return changed;
      }),
      fc.uint8Array({ maxLength: 64 }).map((tail) => v2(0x21, 0x11, Buffer.from(tail))),
    );
    fc.assert(
      fc.property(
        bytes,
        fc.uint8Array({ maxLength: 40 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (head, tail, cuts) => {
          const all = Buffer.concat([head, tail]);
          const whole = feedAll(all, []);
          expect(feedAll(all, cuts)).toEqual(whole);
          expect(feedAll(all, Array.from(all.keys()))).toEqual(whole);
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test('answers any bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const { outcome: said } = feedAll(Buffer.from(bytes), []);
        expect(said === 'more' || said === 'peer' || said.startsWith('PROXY_PROTOCOL_INVALID')).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The TLV of §2.2.6: what the client did, whether its certificate was verified, and the version as a part of its own. */
function tlsFacts(client: number): Buffer {
  const version = Buffer.from('TLSv1.3');
  const value = Buffer.concat([Buffer.from([client, 0, 0, 0, 0, 0x21, 0, version.length]), version]);
  return Buffer.concat([Buffer.from([0x20, 0, value.length]), value]);
}
