import { BlockList, isIP, SocketAddress } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contains, IpAddress, type Network, parseNetwork } from '../src/ip.ts';

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

function network(text: string): Network {
  const parsed = parseNetwork(text);
  if (parsed === undefined) throw new Error(`${text} is no network`);
  return parsed;
}

const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Bytes in which runs of zeros and ones, where the notations differ, are frequent. */
const v6 = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  fc
    .array(fc.constantFrom(0, 0, 0, 1, 0xab, 0xffff), { minLength: 8, maxLength: 8 })
    .map((groups) => Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]))),
);
/** Near misses: the characters of addresses in any order. */
const addressLike = fc.oneof(
  fc.string({
    unit: fc.constantFrom('0', '1', '2', '5', '9', 'a', 'F', ':', '::', '.', '/', '%', '[', ' '),
    maxLength: 20,
  }),
  fc
    .array(fc.constantFrom('0', '1', 'ffff', '00ab', '12345', '', '1.2.3.4', '256.0.0.1'), { maxLength: 10 })
    .map((parts) => parts.join(':')),
  fc
    .array(fc.constantFrom('0', '00', '1', '255', '256', '', 'a', '+1', ' 1', '1e1'), { maxLength: 6 })
    .map((parts) => parts.join('.')),
  fc.ipV4(),
  fc.ipV6(),
);

describe('an address', () => {
  const same: readonly [text: string, canonical: string][] = [
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
    ['2001:0db8::0001', '2001:db8::1'],
    // RFC 5952 §4.2.2: one group of zeros is not shortened.
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    // RFC 5952 §4.2.3: the longest run, and the first of equals.
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:0:0', '1:2:3:4:5:6::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
    // A client must not have two names: mapped addresses are IPv4.
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0000:0000:0000:0000:0000:ffff:255.255.255.255', '255.255.255.255'],
    // The compatible addresses of old (RFC 4291 §2.5.5.1) are not.
    ['::192.0.2.1', '::c000:201'],
    ['::ffff:0:192.0.2.1', '::ffff:0:c000:201'],
  ];
  test.each(same)('%s is written %s', (text, canonical) => {
    expect(address(text).text).toBe(canonical);
    expect(String(address(text))).toBe(canonical);
  });

  test.each([
    '',
    ' ',
    '1',
    '127.1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.04',
    '0x7f.0.0.1',
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '1.2.3.-4',
    '1..3.4',
    '2130706433',
    '1.2.3.4/32',
    '1.2.3.4:80',
    ':',
    ':::',
    '1:::2',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    '::1.2.3',
    '::1.2.3.256',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::01.2.3.4',
    'fe80::1%eth0',
    '[::1]',
    '::1/128',
    'localhost',
    '١.٢.٣.٤',
    '0000:0000:0000:0000:0000:0000:255.255.255.2555',
  ])('is not %j', (text) => {
    expect(IpAddress.parse(text)).toBeUndefined();
  });

  test('is what node:net takes for one, zones apart', () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        expect(IpAddress.parse(text) !== undefined).toBe(isIP(text) !== 0 && !text.includes('%'));
      }),
      { numRuns: 20_000 },
    );
  });

  test('is written as node:net writes it, mapped and compatible ones apart', () => {
    fc.assert(
      fc.property(v6, (bytes) => {
        fc.pre(bytes.subarray(0, 10).some((byte) => byte !== 0));
        const { text } = IpAddress.fromBytes(bytes);
        expect(new SocketAddress({ address: text, family: 'ipv6' }).address).toBe(text);
      }),
      { numRuns: 5_000 },
    );
  });

  test('keeps its bytes through its text, and has one text only', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), (bytes) => {
        const made = IpAddress.fromBytes(bytes);
        const parsed = address(made.text);
        expect(parsed.bytes).toEqual(made.bytes);
        expect(parsed.text).toBe(made.text);
        expect(parsed.version).toBe(parsed.bytes.length === 4 ? 4 : 6);
        expect(made.bytes).toEqual(made.version === 4 && bytes.length === 16 ? bytes.slice(12) : bytes);
      }),
      { numRuns: 5_000 },
    );
  });

  test('has the same name in any notation of the same bytes', () => {
    fc.assert(
      fc.property(v6, (bytes) => {
        const long = Buffer.from(bytes).toString('hex').match(/.{4}/g)?.join(':') ?? '';
        const dotted = `${long.slice(0, 30)}${bytes.subarray(12).join('.')}`;
        const { text } = IpAddress.fromBytes(bytes);
        expect([long, long.toUpperCase(), dotted].map((notation) => address(notation).text)).toEqual([
          text,
          text,
          text,
        ]);
      }),
    );
  });

  test('does not change when the bytes it was made from do', () => {
    const bytes = Uint8Array.of(192, 0, 2, 1);
    const made = IpAddress.fromBytes(bytes);
    bytes[0] = 10;
    expect([...made.bytes]).toEqual([192, 0, 2, 1]);
  });

  test.each([0, 3, 5, 15, 17])('has not %d bytes', (length) => {
    expect(() => IpAddress.fromBytes(new Uint8Array(length))).toThrow(RangeError);
  });

  const loopbacks: readonly [text: string, expected: boolean][] = [
    ['127.0.0.1', true],
    ['127.255.255.255', true],
    ['::1', true],
    ['::ffff:127.0.0.1', true],
    ['126.255.255.255', false],
    ['128.0.0.0', false],
    ['::2', false],
    ['::', false],
    ['::127.0.0.1', false],
  ];
  test.each(loopbacks)('%s: loopback is %s', (text, expected) => {
    expect(address(text).isLoopback).toBe(expected);
  });

  const names: readonly [text: string, expected: string][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['::1', '::/64'],
  ];
  test.each(names)('%s is counted as %s', (text, expected) => {
    expect(address(text).network).toBe(expected);
  });

  test('is counted together with its whole /64 and nothing else', () => {
    fc.assert(
      fc.property(v6, v6, (one, other) => {
        const [left, right] = [IpAddress.fromBytes(one), IpAddress.fromBytes(other)];
        fc.pre(left.version === 6 && right.version === 6);
        const isSame = Buffer.compare(one.subarray(0, 8), other.subarray(0, 8)) === 0;
        expect(left.network === right.network).toBe(isSame);
        expect(contains(network(left.network), right)).toBe(isSame);
      }),
    );
  });
});

describe('a network', () => {
  const good: readonly [text: string, address: string, prefixLength: number][] = [
    ['10.0.0.0/8', '10.0.0.0', 8],
    ['0.0.0.0/0', '0.0.0.0', 0],
    ['192.0.2.1', '192.0.2.1', 32],
    ['192.0.2.1/32', '192.0.2.1', 32],
    ['2001:db8::/32', '2001:db8::', 32],
    ['::/0', '::', 0],
    ['::1', '::1', 128],
    ['::ffff:10.0.0.0/104', '10.0.0.0', 8],
    ['::ffff:0:0/96', '0.0.0.0', 0],
    ['::ffff:192.0.2.1', '192.0.2.1', 32],
    ['::ffff:192.0.2.1/128', '192.0.2.1', 32],
  ];
  test.each(good)('%s is %s with %d bits', (text, base, prefixLength) => {
    const parsed = network(text);
    expect([parsed.address.text, parsed.prefixLength]).toEqual([base, prefixLength]);
  });

  test.each([
    '',
    '/',
    '/8',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.5/8',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '10.0.0.0/8.0',
    '10.0.0.0/8 ',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10/8',
    '2001:db8::1/64',
    '::/129',
    '::/1000',
    '::ffff:10.0.0.0/95',
    '::ffff:0:0/8',
    '*',
  ])('is not %j', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  const members: readonly [network: string, address: string, expected: boolean][] = [
    ['10.0.0.0/8', '10.255.255.255', true],
    ['10.0.0.0/8', '11.0.0.0', false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['10.128.0.0/9', '10.127.255.255', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.0', false],
    ['0.0.0.0/0', '255.255.255.255', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', 'ffff::', true],
    ['::/0', '192.0.2.1', false],
    ['::/0', '::ffff:192.0.2.1', false],
    ['fc00::/7', 'fdff::1', true],
    ['fc00::/7', 'fe00::', false],
  ];
  test.each(members)('%s with %s: %s', (range, text, expected) => {
    expect(contains(network(range), address(text))).toBe(expected);
  });

  /** The first `prefixLength` bits of `bytes`, the rest zero. */
  function masked(bytes: Uint8Array, prefixLength: number): Uint8Array {
    return bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - index * 8))) & 0xff);
  }

  test('has the members that a BlockList of node:net has, within one family', () => {
    const pairs = fc.oneof(fc.tuple(v4, v4, fc.nat(32), fc.boolean()), fc.tuple(v6, v6, fc.nat(128), fc.boolean()));
    fc.assert(
      fc.property(pairs, ([base, other, prefixLength, isNear]) => {
        const start = IpAddress.fromBytes(masked(base, prefixLength));
        // A far address is nearly never inside: half of the time the other one shares the first bits.
        const near = masked(base, prefixLength).map(
          (byte, index) =>
            byte | ((other[index] ?? 0) & ~(masked(new Uint8Array(base.length).fill(0xff), prefixLength)[index] ?? 0)),
        );
        const candidate = IpAddress.fromBytes(isNear ? near : other);
        fc.pre(start.version === candidate.version && start.bytes.length === base.length);
        const family = start.version === 4 ? 'ipv4' : 'ipv6';
        const list = new BlockList();
        list.addSubnet(start.text, prefixLength, family);
        const isInside = contains(network(`${start.text}/${prefixLength}`), candidate);
        expect(isInside).toBe(list.check(candidate.text, family));
        if (isNear) expect(isInside).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });

  test('is refused exactly when bits beyond its prefix are set', () => {
    fc.assert(
      fc.property(fc.oneof(v4, v6), fc.nat(128), (bytes, length) => {
        const made = IpAddress.fromBytes(bytes);
        const prefixLength = length % (made.bytes.length * 8 + 1);
        const isClean =
          Buffer.compare(masked(Uint8Array.from(made.bytes), prefixLength), Uint8Array.from(made.bytes)) === 0;
        expect(parseNetwork(`${made.text}/${prefixLength}`) !== undefined).toBe(isClean);
      }),
    );
  });
});
