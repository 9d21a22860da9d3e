import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskInPlace, newKey, rotateKey } from '../../src/websocket/mask.ts';

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

describe('masking', () => {
  it('gives the bytes of the example in RFC 6455 §5.7', () => {
    const bytes = Buffer.from('7f9f4d5158', 'hex');
    maskInPlace(view(bytes), 0, 5, view(Buffer.from('37fa213d', 'hex')).getInt32(0, true));
    expect(bytes.toString()).toBe('Hello');
  });

  it('is the XOR with the key repeated, wherever the payload is cut', () => {
    const anyCase = fc.tuple(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.nat(),
      fc.nat(3),
    );
    fc.assert(
      fc.property(anyCase, ([payload, keyBytes, cut, offset]) => {
        const expected = payload.map((byte, index) => byte ^ (keyBytes[index % 4] ?? 0));
        const bytes = new Uint8Array(payload.length + offset);
        bytes.set(payload, offset);
        const key = view(keyBytes).getInt32(0, true);
        const at = payload.length === 0 ? 0 : cut % payload.length;
        maskInPlace(view(bytes), offset, offset + at, key);
        maskInPlace(view(bytes), offset + at, bytes.length, rotateKey(key, at));
        expect(bytes.subarray(offset)).toEqual(expected);
      }),
    );
  });

  it('draws keys that differ, beyond the size of its pool', () => {
    const keys = new Set(Array.from({ length: 5_000 }, newKey));
    // 5,000 draws of 32 bits: a repetition has a probability of 0.3 %, ten of them cannot happen.
    expect(keys.size).toBeGreaterThan(4_990);
  });
});
