import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/**
 * Bytes as they lie in the store: short ones as they are, longer ones compressed (Zstandard, RFC 8878) behind their length.
 * A context of the compressor costs more than a short text does. `plain`: it only stays in memory.
 */
export function pack(bytes: Uint8Array, how?: 'plain'): Uint8Array {
  if (how === 'plain' || bytes.length < COMPRESSED_FROM_BYTES) return Buffer.concat([PLAIN, bytes]);
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = COMPRESSED;
  head.writeUInt32LE(bytes.length, 1);
  return Buffer.concat([head, zstdCompressSync(bytes, COMPRESSION)]);
}

/** What was packed. @throws RangeError when it was not, or was damaged since. */
export function unpack(packed: Uint8Array): Buffer {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength);
  if (bytes[0] === 0) return bytes.subarray(1);
  if (bytes[0] !== COMPRESSED || bytes.length < HEAD_BYTES) throw new RangeError('these bytes were not packed');
  const length = bytes.readUInt32LE(1);
  if (length > COLUMN_BYTES_MAX) throw new RangeError(`${length} bytes are more than was ever packed`);
  // With its length known the text is written once, into one piece.
  const plain = zstdDecompressSync(bytes.subarray(HEAD_BYTES), {
    chunkSize: Math.max(length, CHUNK_BYTES_MIN),
    maxOutputLength: Math.max(length, 1),
  });
  if (plain.length !== length) throw new RangeError('packed bytes are damaged');
  return plain;
}

/** Whoever can write into the store must not fill the memory of who reads it. */
const COLUMN_BYTES_MAX = 268_435_456;

const COMPRESSED_FROM_BYTES = 96;
const COMPRESSED = 1;
const PLAIN = Uint8Array.of(0);
const HEAD_BYTES = 5;
const CHUNK_BYTES_MIN = 64;
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
