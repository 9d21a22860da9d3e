import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedHash } from '../../src/index.ts';

/** SipHash with 64-bit integers, as in the paper: slow, and another way to the same numbers. */
function sipHash(key: Uint8Array, bytes: Uint8Array, [compressions, finalisations]: readonly [number, number]): bigint {
  const keys = new DataView(key.buffer, key.byteOffset);
  const [k0, k1] = [keys.getBigUint64(0, true), keys.getBigUint64(8, true)];
  let v0 = k0 ^ 0x736f6d6570736575n;
  let v1 = k1 ^ 0x646f72616e646f6dn;
  let v2 = k0 ^ 0x6c7967656e657261n;
  let v3 = k1 ^ 0x7465646279746573n;
  const add = (one: bigint, other: bigint): bigint => BigInt.asUintN(64, one + other);
  const turn = (value: bigint, by: bigint): bigint => BigInt.asUintN(64, value << by) | (value >> (64n - by));
  const round = (): void => {
    v0 = add(v0, v1);
    v1 = turn(v1, 13n) ^ v0;
    v0 = turn(v0, 32n);
    v2 = add(v2, v3);
    v3 = turn(v3, 16n) ^ v2;
    v0 = add(v0, v3);
    v3 = turn(v3, 21n) ^ v0;
    v2 = add(v2, v1);
    v1 = turn(v1, 17n) ^ v2;
    v2 = turn(v2, 32n);
  };
  const padded = new Uint8Array((bytes.length + 8) & ~7);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length;
  const blocks = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 8) {
    const block = blocks.getBigUint64(at, true);
    v3 ^= block;
    for (let count = 0; count < compressions; count += 1) round();
    v0 ^= block;
  }
  v2 ^= 0xffn;
  for (let count = 0; count < finalisations; count += 1) round();
  return v0 ^ v1 ^ v2 ^ v3;
}

/** What the hash of a text in a space should be: SipHash-1-3 under a key that is SipHash-1-3 of the space. */
function expected(master: Uint8Array, text: string, space: number): string {
  const isWide = /[^\0-\xff]/.test(text);
  const key = new DataView(new ArrayBuffer(16));
  for (const half of [0, 1]) {
    const input = new DataView(new ArrayBuffer(8));
    input.setUint32(0, space, true);
    input.setUint32(4, (isWide ? 2 : 0) + half, true);
    key.setBigUint64(half * 8, sipHash(master, new Uint8Array(input.buffer), [1, 3]), true);
  }
  return hex(sipHash(new Uint8Array(key.buffer), Buffer.from(text, isWide ? 'utf16le' : 'latin1'), [1, 3]));
}

function hashOf(hash: KeyedHash, text: string): string {
  hash.of(text);
  return hex((BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0));
}

function hex(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

describe('the keyed hash', () => {
  it('is compared with a reference that computes the numbers of the paper', () => {
    const key = Uint8Array.from({ length: 16 }, (_, index) => index);
    const input = Uint8Array.from({ length: 15 }, (_, index) => index);
    expect(sipHash(key, input, [2, 4])).toBe(0xa129ca6149be45e5n);
  });

  it.each([
    // CPython 3.11 with PYTHONHASHSEED=0, whose key is zero: hash(bytes(8) + text).
    { text: 'A', expected: '48c0f2bc7c3ead89' },
    { text: 'ABCDEFG', expected: 'ac964b755680a82f' },
    { text: 'ABCDEFGH', expected: 'bf4b4321750a1986' },
    { text: 'ABCDEFGHIJKLMNOPQRSTUVW', expected: '2785099a27b807f3' },
  ])(
    'is compared with a reference that computes what others do with one round and three: $text',
    ({ text, expected }) => {
      const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(text)]);
      expect(hex(sipHash(new Uint8Array(16), bytes, [1, 3]))).toBe(expected);
    },
  );

  it('is SipHash-1-3 for every key, space and text', () => {
    const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const units = fc.oneof(fc.array(fc.nat(0xff), { maxLength: 40 }), fc.array(fc.nat(0xffff), { maxLength: 20 }));
    const text = units.map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(key, fc.nat(2 ** 32 - 1), fc.array(text, { maxLength: 5 }), (key, space, texts) => {
        const hash = new KeyedHash(key, space);
        for (const text of texts) expect(hashOf(hash, text)).toBe(expected(key, text, space));
      }),
    );
  });

  it('takes texts that are longer than those before', () => {
    const key = new Uint8Array(16).fill(3);
    const hash = new KeyedHash(key);
    for (const text of ['x', 'x'.repeat(500), 'я'.repeat(2000), 'y', '']) {
      expect(hashOf(hash, text)).toBe(expected(key, text, 0));
    }
  });

  it('tells apart what looks alike: spaces, and narrow and wide texts of the same bytes', () => {
    const key = new Uint8Array(16).fill(1);
    const [hash, other] = [new KeyedHash(key), new KeyedHash(key, 1)];
    const hashes = [hashOf(hash, '\u0100'), hashOf(hash, '\0\u0001'), hashOf(other, '\u0100'), hashOf(hash, '')];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('refuses a key of another length', () => {
    expect(() => new KeyedHash(new Uint8Array(8))).toThrow('a hash key has 16 bytes, not 8');
  });
});
