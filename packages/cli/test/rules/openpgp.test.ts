import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signatureProblem } from '../../src/rules/openpgp.ts';
import { armored, packet, ReleaseKey } from './release-server.ts';

const key = new ReleaseKey();
const other = new ReleaseKey();
const data = Buffer.from('a release');
const good = { data, signature: armored('SIGNATURE', key.sign(data)), key: key.armored, fingerprint: key.fingerprint };
const notOverThis = `the signature is not one of the key ${key.fingerprint} over this archive`;

describe('a signature', () => {
  test.each([
    ['in armor', {}],
    ['as bytes', { signature: key.sign(data), key: key.packet }],
    ['with SHA-512', { signature: key.sign(data, { hash: 10 }) }],
    ['by a fingerprint in capitals', { fingerprint: key.fingerprint.toUpperCase() }],
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
          // What is not hashed may say anything: the length of a packet in another spelling, the hint of two bytes.
          const isHint = name === 'signature' && place >= 6 + 12 && place < 6 + 12 + 4;
          const found = signatureProblem({ ...good, ...parts, [name]: bytes });
          if (!isHint) expect(found).toBeDefined();
        },
      ),
      { numRuns: 300 },
    );
  });
});
