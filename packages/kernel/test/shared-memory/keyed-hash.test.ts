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

function inputOf(text: string, space: number): Uint8Array {
  const isWide = /[^\0-\xff]/.test(text);
  const prefix = new DataView(new ArrayBuffer(8));
  prefix.setUint32(0, space, true);
  prefix.setUint32(4, isWide ? 1 : 0, true);
  return Buffer.concat([new Uint8Array(prefix.buffer), Buffer.from(text, isWide ? 'utf16le' : 'latin1')]);
}

function hashOf(hash: KeyedHash, text: string, space?: number): string {
  hash.of(text, space);
  return ((BigInt(hash.high >>> 0) << 32n) | BigInt(hash.low >>> 0)).toString(16).padStart(16, '0');
}

describe('the keyed hash', () => {
  it('is compared with a reference that computes the numbers of the paper', () => {
    const key = Uint8Array.from({ length: 16 }, (_, index) => index);
    const input = Uint8Array.from({ length: 15 }, (_, index) => index);
    expect(sipHash(key, input, [2, 4])).toBe(0xa129ca6149be45e5n);
  });

  it.each([
    // CPython 3.11 with PYTHONHASHSEED=0, whose key is zero: hash(bytes(8) + text).
    { text: '', space: 0, expected: 'bd60acb658c79e45' },
    { text: 'A', space: 0, expected: '48c0f2bc7c3ead89' },
    { text: 'ABCDEFG', space: 0, expected: 'ac964b755680a82f' },
    { text: 'ABCDEFGH', space: 0, expected: 'bf4b4321750a1986' },
    { text: 'ABCDEFGHIJKLMNOPQRSTUVW', space: 0, expected: '2785099a27b807f3' },
    { text: 'é', space: 9, expected: 'ab30d418cf587b1b' },
    { text: 'ключ', space: 9, expected: '61732a72d289ccd6' },
  ])('is SipHash-1-3 as others compute it: $text', ({ text, space, expected }) => {
    expect(hashOf(new KeyedHash(new Uint8Array(16)), text, space)).toBe(expected);
  });

  it('is SipHash-1-3 for every key, space and text', () => {
    const key = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const units = fc.oneof(fc.array(fc.nat(0xff), { maxLength: 40 }), fc.array(fc.nat(0xffff), { maxLength: 20 }));
    const text = units.map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(key, fc.array(fc.tuple(text, fc.nat(2 ** 32 - 1)), { maxLength: 5 }), (key, inputs) => {
        const hash = new KeyedHash(key);
        for (const [text, space] of inputs) {
          const expected = sipHash(key, inputOf(text, space), [1, 3]).toString(16).padStart(16, '0');
          expect(hashOf(hash, text, space)).toBe(expected);
        }
      }),
    );
  });

  it('takes texts that are longer than those before', () => {
    const key = new Uint8Array(16).fill(3);
    const hash = new KeyedHash(key);
    for (const text of ['x', 'x'.repeat(500), 'я'.repeat(2000), 'y']) {
      expect(hashOf(hash, text)).toBe(sipHash(key, inputOf(text, 0), [1, 3]).toString(16).padStart(16, '0'));
    }
  });

  it('tells apart what looks alike: spaces, and narrow and wide texts of the same bytes', () => {
    const hash = new KeyedHash(new Uint8Array(16).fill(1));
    const hashes = [hashOf(hash, '\u0100'), hashOf(hash, '\0\u0001'), hashOf(hash, '\u0100', 1), hashOf(hash, '')];
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it('refuses a key of another length', () => {
    expect(() => new KeyedHash(new Uint8Array(8))).toThrow('a hash key has 16 bytes, not 8');
  });
});
