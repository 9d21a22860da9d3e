import { randomFillSync } from 'node:crypto';

/**
 * Masking (RFC 6455 §5.3). A key is kept as the 32-bit little-endian number of its four bytes, so that the byte for
 * payload octet `i` is always the low byte of the key rotated by `i`.
 */

/** XORs `view[start, end)` in place; the first byte of `key` meets `start`. Masking and unmasking are the same. */
export function maskInPlace(view: DataView, start: number, end: number, key: number): void {
  let at = start;
  // Two words a turn: the loop's own work is as dear as the XOR.
  for (; at + 8 <= end; at += 8) {
    view.setInt32(at, view.getInt32(at, true) ^ key, true);
    view.setInt32(at + 4, view.getInt32(at + 4, true) ^ key, true);
  }
  for (let rest = key; at < end; at += 1) {
    view.setUint8(at, view.getUint8(at) ^ (rest & 0xff));
    rest = rotateKey(rest, 1);
  }
}

/** The key as it stands after `bytes` octets: for a payload that arrives in pieces. */
export function rotateKey(key: number, bytes: number): number {
  const bits = (bytes & 3) * 8;
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/**
 * A masking key nobody can predict (RFC 6455 §10.3): a script behind a client must not be able to choose the bytes that
 * reach the wire between us and the upstream.
 */
export function newKey(): number {
  if (poolAt === pool.byteLength) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const key = pool.getInt32(poolAt, true);
  poolAt += 4;
  return key;
}

/** One call for random bytes costs about a microsecond whatever its size, so keys are drawn by the thousand. */
const POOL_BYTES = 8_192;
const pool = new DataView(new ArrayBuffer(POOL_BYTES));
let poolAt = POOL_BYTES;
