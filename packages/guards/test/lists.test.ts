import { Worker } from 'node:worker_threads';
import { contains, IpAddress, type ListsConfig, PASS, parseNetwork, type Verdict } from '@sallyport/kernel';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIST_ENTRIES_MAX, type ListsImage, lists } from '../src/index.ts';
import { exchangeOf, runStageContract } from './contract.ts';

const DOCUMENTATION: ListsConfig = {
  allow: ['192.0.2.7', '198.51.100.0/24', '2001:db8:0:1::/64'],
  deny: ['192.0.2.0/24', '198.51.100.0/24', '198.51.100.128/25', '2001:db8::/32', '::ffff:203.0.113.9'],
};

runStageContract('lists', {
  definition: lists,
  config: DOCUMENTATION,
  passing: [exchangeOf({ address: '192.0.2.7' }), exchangeOf({ address: '2001:db8:0:1::5' })],
  denied: [
    { exchange: exchangeOf({ address: '192.0.2.8' }), status: 403, reason: 'ADDRESS_DENIED' },
    { exchange: exchangeOf({ address: '2001:db8::5' }), status: 403, reason: 'ADDRESS_DENIED' },
  ],
});

describe('lists', () => {
  it.each([
    ['lets an address in neither list pass', '203.0.113.1', undefined],
    ['denies an address of a denied network and names the network', '192.0.2.1', '192.0.2.0/24'],
    ['denies the first address of a denied network', '192.0.2.0', '192.0.2.0/24'],
    ['denies the last address of a denied network', '192.0.2.255', '192.0.2.0/24'],
    ['passes the address before a denied network', '192.0.1.255', undefined],
    ['passes the address behind a denied network', '192.0.3.0', undefined],
    ['lets a longer allowed network win over a denied one', '192.0.2.7', undefined],
    ['lets allow win where both lists name the same network', '198.51.100.1', undefined],
    ['lets a longer denied network win over an allowed one', '198.51.100.200', '198.51.100.128/25'],
    ['denies IPv6 networks', '2001:db8:ffff::1', '2001:db8::/32'],
    ['lets a longer allowed IPv6 network win', '2001:db8:0:1:ffff::', undefined],
    ['knows an IPv4 address by its IPv6 name', '::ffff:192.0.2.1', '192.0.2.0/24'],
    ['knows an IPv4 network that was written as IPv6', '203.0.113.9', '203.0.113.9/32'],
  ])('%s', (_, address, network) => {
    expect(judge(DOCUMENTATION, address)).toEqual(denyOrPass(network));
  });

  it.each([
    ['nothing', { allow: [], deny: [] }, '192.0.2.1', undefined],
    ['every IPv4 address', { allow: [], deny: ['0.0.0.0/0'] }, '255.255.255.255', '0.0.0.0/0'],
    ['IPv6 apart from every IPv4 address', { allow: [], deny: ['0.0.0.0/0'] }, '::1', undefined],
    ['every IPv6 address', { allow: [], deny: ['::/0'] }, 'ffff::', '::/0'],
    ['a network named twice', { allow: [], deny: ['10.0.0.0/8', '10.0.0.0/8'] }, '10.1.2.3', '10.0.0.0/8'],
  ])('denies %s', (_, config, address, network) => {
    expect(judge(config, address)).toEqual(denyOrPass(network));
  });

  it('finds the longest network of a chain that shares its first address', () => {
    const chain = Array.from({ length: 129 }, (_, length) => `::/${length}`);
    const config = { allow: [], deny: chain };
    expect(judge(config, '::')).toEqual(denyOrPass('::/128'));
    expect(judge(config, '::1')).toEqual(denyOrPass('::/127'));
    expect(judge(config, '8000::')).toEqual(denyOrPass('::/0'));
  });

  it('decides as a comparison with every single network does', () => {
    const network = fc.oneof(networkWithin(4, 32), networkWithin(16, 128));
    fc.assert(
      fc.property(fc.array(network, { maxLength: 200 }), fc.array(network, { maxLength: 200 }), (allow, deny) => {
        const stage = lists.instantiate(lists.compile({ allow, deny }));
        for (const text of [...allow, ...deny].flatMap(neighboursOf)) {
          expect(stage.inspect(exchangeOf({ address: text }))).toEqual(expectedOf({ allow, deny }, text));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('names the list and the position of a text that is no network', () => {
    expect(() => lists.compile({ allow: ['192.0.2.1'], deny: ['192.0.2.2', '192.0.2.3/24'] })).toThrow(
      'lists.deny[1] "192.0.2.3/24" is not a network',
    );
  });

  it('takes no more networks than its limit', () => {
    const deny = Array.from({ length: LIST_ENTRIES_MAX }, () => 'not parsed');
    expect(() => lists.compile({ allow: ['192.0.2.1'], deny })).toThrow(RangeError);
    expect(() => lists.compile({ allow: ['192.0.2.1'], deny })).toThrow(`more than ${LIST_ENTRIES_MAX}`);
  });

  it('keeps a network in less than 32 bytes', () => {
    const deny = Array.from({ length: 50_000 }, (_, n) => `2001:db8:${(n % 256).toString(16)}:${n.toString(16)}::/64`);
    expect(bytesOf(lists.compile({ allow: [], deny }))).toBeLessThan(deny.length * 32);
  });

  it('judges in a worker thread from the same memory', async () => {
    const image = lists.compile(DOCUMENTATION);
    const worker = new Worker(new URL('./lists-worker.ts', import.meta.url), { workerData: image });
    const verdicts = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    expect(verdicts).toEqual([denyOrPass('192.0.2.0/24'), PASS, denyOrPass('2001:db8::/32')]);
    // The worker has written there: nothing was copied on the way.
    expect(image.v4.values[0]).toBe(255);
  });
});

function judge(config: ListsConfig, address: string): Verdict | Promise<Verdict> {
  return lists.instantiate(lists.compile(config)).inspect(exchangeOf({ address }));
}

function denyOrPass(network: string | undefined): Verdict {
  if (network === undefined) return PASS;
  return { kind: 'deny', status: 403, reason: { code: 'ADDRESS_DENIED', detail: network } };
}

/** A network in a corner of the address space so small that networks meet, nest and repeat. */
function networkWithin(bytesCount: 4 | 16, bits: number): fc.Arbitrary<string> {
  const bytes = fc.array(fc.constantFrom(0, 0, 1, 128, 255), { minLength: bytesCount, maxLength: bytesCount });
  return fc.tuple(bytes, fc.nat(bits)).map(([values, prefixLength]) => {
    const masked = Uint8Array.from(values, (value, index) => {
      const kept = Math.min(8, Math.max(0, prefixLength - index * 8));
      return value & (0xff00 >> kept) & 0xff;
    });
    return `${IpAddress.fromBytes(masked).text}/${prefixLength}`;
  });
}

/** Addresses at and next to both ends of a network. */
function neighboursOf(text: string): readonly string[] {
  const network = parseNetwork(text);
  if (network === undefined) throw new Error(`${text} is not a network`);
  const first = numberOf(network.address.bytes);
  const bits = BigInt(network.address.bytes.length * 8);
  const last = first + 2n ** (bits - BigInt(network.prefixLength)) - 1n;
  return [first - 1n, first, last, last + 1n]
    .filter((value) => value >= 0n && value < 2n ** bits)
    .map((value) => textOf(value, network.address.bytes.length));
}

function numberOf(bytes: Readonly<Uint8Array>): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function textOf(value: bigint, length: number): string {
  const bytes = Uint8Array.from({ length }, (_, index) => Number((value >> BigInt((length - 1 - index) * 8)) & 255n));
  return IpAddress.fromBytes(bytes).text;
}

function expectedOf(config: ListsConfig, address: string): Verdict {
  const parsed = IpAddress.parse(address);
  if (parsed === undefined) throw new Error(`${address} is not an address`);
  let longest = { prefixLength: -1, verdict: PASS };
  for (const list of ['allow', 'deny'] as const) {
    for (const text of config[list]) {
      const network = parseNetwork(text);
      if (network === undefined || !contains(network, parsed) || network.prefixLength <= longest.prefixLength) continue;
      longest = { prefixLength: network.prefixLength, verdict: list === 'allow' ? PASS : denyOrPass(text) };
    }
  }
  return longest.verdict;
}

function bytesOf(image: ListsImage): number {
  return [image.v4, image.v6]
    .flatMap(({ keys, prefixLengths, values, parents, nodes }) => [keys, prefixLengths, values, parents, nodes])
    .reduce((bytes, array) => bytes + array.byteLength, 0);
}
