import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signatureProblem } from '../../src/rules/openpgp.ts';
import { armored, packet, ReleaseKey } from './release-server.ts';

const key = new ReleaseKey();
const other = new ReleaseKey();
const data = Buffer.from('a release');
const edwards = new ReleaseKey('ed25519');
const good = { data, signature: armored('SIGNATURE', key.sign(data)), key: key.armored, fingerprint: key.fingerprint };
const notOverThis = `the signature is not one of the key ${key.fingerprint} over this archive`;

describe('a signature', () => {
  test.each([
    ['in armor', {}],
    ['as bytes', { signature: key.sign(data), key: key.packet }],
    ['with SHA-512', { signature: key.sign(data, { hash: 10 }) }],
    ['by a fingerprint in capitals', { fingerprint: key.fingerprint.toUpperCase() }],
    ['of Ed25519', { signature: edwards.sign(data), key: edwards.packet, fingerprint: edwards.fingerprint }],
    ['beside one of somebody else', { signature: Buffer.concat([other.sign(data), key.sign(data)]) }],
  ])('is good %s', (_, part) => {
    expect(signatureProblem({ ...good, ...part })).toBeUndefined();
  });

  test.each([
    ['over something else', { data: Buffer.from('another release') }, notOverThis],
    ['of another key', { signature: other.sign(data) }, notOverThis],
    [
      'by another key that is given instead',
      { key: other.packet, signature: other.sign(data) },
      `the key is not the one with the fingerprint ${key.fingerprint}`,
    ],
    ['over text and not bytes', { signature: key.sign(data, { type: 1 }) }, notOverThis],
    ['with SHA-1', { signature: key.sign(data, { hash: 2 }) }, notOverThis],
    ['that is none', { signature: Buffer.from('hello') }, 'the signature is none'],
    ['that is cut off', { signature: key.sign(data).subarray(0, -9) }, 'the signature is none'],
    ['with a key that is none', { key: Buffer.from('hello') }, 'the key is no OpenPGP public key'],
    [
      'with a key that was revoked',
      { key: Buffer.concat([key.packet, packet(2, Buffer.from([4, 0x20, 1, 8]))]) },
      'the key was revoked',
    ],
  ])('is refused %s', (_, part, message) => {
    expect(signatureProblem({ ...good, ...part })).toBe(message);
  });

  // RFC 9580 §5.2.3: the subpackets outside of the hash are all that a signature leaves to anybody. They are never read.
  test('is good whatever the subpackets say that nothing vouches for', () => {
    const anything = fc.uint8Array({ maxLength: 40 }).map((bytes) => key.sign(data, { unhashed: Buffer.from(bytes) }));
    fc.assert(
      fc.property(anything, (signature) => {
        expect(signatureProblem({ ...good, signature })).toBeUndefined();
      }),
      { numRuns: 20 },
    );
  });

  // The number is as many bytes long with any of eight lengths in bits: one of them is its own.
  test.each([
    ['RSA', key],
    ['Ed25519', edwards],
  ])('of %s is refused when the length in bits of its number is not that from the first bit', (_, signer) => {
    const { signature, at } = numberOf(signer);
    const bits = signature.readUInt16BE(at);
    for (let other = bits - 9; other <= bits + 9; other += 1) {
      const changed = Buffer.from(signature);
      changed.writeUInt16BE(other, at);
      const problem = signatureProblem({
        data,
        signature: changed,
        key: signer.packet,
        fingerprint: signer.fingerprint,
      });
      expect([other, problem === undefined]).toEqual([other, other === bits]);
    }
  });

  test('is refused when a byte stands behind its number', () => {
    const longer = packet(2, Buffer.concat([key.sign(data).subarray(PACKET_HEADER_BYTES), Buffer.from([0])]));
    expect(signatureProblem({ ...good, signature: longer })).toBe(notOverThis);
  });

  test.each([
    ['any bit before the number of RSA', key, numberOf(key).at + 2],
    ['any bit of Ed25519', edwards, edwards.sign(data).length],
  ])('is refused when %s is another', (_, signer, bytes) => {
    const signature = signer.sign(data);
    for (let bit = 0; bit < bytes * 8; bit += 1) {
      const changed = Buffer.from(signature);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parts = { data, signature: changed, key: signer.packet, fingerprint: signer.fingerprint };
      expect([bit, signatureProblem(parts)]).not.toEqual([bit, undefined]);
    }
  });

  test('never throws and is never good when any byte of it, of the key or of the data is another', () => {
    const parts = { data, signature: key.sign(data), key: key.packet };
    fc.assert(
      fc.property(
        fc.constantFrom('data' as const, 'signature' as const, 'key' as const),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (name, at, change) => {
          const bytes = Buffer.from(parts[name]);
          const place = at % bytes.length;
          bytes[place] = (bytes[place] ?? 0) ^ change;
          expect(signatureProblem({ ...good, ...parts, [name]: bytes })).toBeDefined();
        },
      ),
      // A changed length in bits of the number, which was as many bytes.
      { numRuns: 300, examples: [['signature', 23, 1]] },
    );
  });
});

/** Of `packet` in release-server.ts. */
const PACKET_HEADER_BYTES = 6;

/** A signature without subpackets that are not hashed, and where its first number begins. */
function numberOf(signer: ReleaseKey): { signature: Buffer; at: number } {
  return { signature: signer.sign(data), at: PACKET_HEADER_BYTES + 12 + 2 + 2 };
}
