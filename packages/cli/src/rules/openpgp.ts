import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';

/** What a detached signature is checked with. */
export interface SignedRelease {
  readonly data: Uint8Array;
  /** A detached signature, in ASCII armor or not. */
  readonly signature: Uint8Array;
  /** The public key, in ASCII armor or not. It may come from anywhere: the fingerprint says whether it is the right one. */
  readonly key: Uint8Array;
  /** 40 hexadecimal digits. */
  readonly fingerprint: string;
}

/**
 * Checks a detached OpenPGP signature (RFC 9580, version 4) over a release, made by the primary key with this fingerprint.
 * Gives a sentence about what is wrong; undefined when it is good. RSA and Ed25519 with SHA-256, SHA-384 or SHA-512, which
 * is what projects sign releases with; everything else is refused.
 */
export function signatureProblem({ data, signature, key, fingerprint }: SignedRelease): string | undefined {
  const keyPackets = packetsOf(dearmored(key));
  const primary = keyPackets?.[0];
  if (keyPackets === undefined || primary?.tag !== TAG.publicKey) return 'the key is no OpenPGP public key';
  if (fingerprintOf(primary.body) !== fingerprint.toLowerCase())
    return `the key is not the one with the fingerprint ${fingerprint}`;
  if (keyPackets.some(({ tag, body }) => tag === TAG.signature && body[1] === KEY_REVOCATION))
    return 'the key was revoked';
  const publicKey = publicKeyOf(primary.body);
  if (publicKey === undefined) return 'the key is of a kind that is not known';
  const signatures = packetsOf(dearmored(signature))?.filter(({ tag }) => tag === TAG.signature) ?? [];
  if (signatures.length === 0) return 'the signature is none';
  const isGood = signatures.some(({ body }) => isSignature(body, data, publicKey));
  return isGood ? undefined : `the signature is not one of the key ${fingerprint} over this archive`;
}

const TAG = { signature: 2, publicKey: 6 } as const;
const KEY_REVOCATION = 0x20;

interface Packet {
  readonly tag: number;
  readonly body: Uint8Array;
}

/** Packets of known length; undefined for anything else. */
function packetsOf(bytes: Uint8Array | undefined): readonly Packet[] | undefined {
  if (bytes === undefined) return undefined;
  const packets: Packet[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = headerAt(bytes, at);
    if (header === undefined || header.end > bytes.length) return undefined;
    packets.push({ tag: header.tag, body: bytes.subarray(header.start, header.end) });
    at = header.end;
  }
  return packets;
}

/** Both formats of RFC 9580 §4.2, without partial and indefinite lengths. */
function headerAt(bytes: Uint8Array, at: number): { tag: number; start: number; end: number } | undefined {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  if ((first & 0x40) === 0) {
    const size = [1, 2, 4][first & 3];
    const length = size === undefined ? undefined : numberAt(bytes, at + 1, size);
    if (size === undefined || length === undefined) return undefined;
    return { tag: (first >> 2) & 0x0f, start: at + 1 + size, end: at + 1 + size + length };
  }
  const second = bytes[at + 1] ?? 0;
  const [size, length] =
    second < 192
      ? [1, second]
      : second < 224
        ? [2, ((second - 192) << 8) + (bytes[at + 2] ?? 0) + 192]
        : second === 255
          ? [5, numberAt(bytes, at + 2, 4)]
          : [0, undefined];
  if (length === undefined) return undefined;
  return { tag: first & 0x3f, start: at + 1 + size, end: at + 1 + size + length };
}

function numberAt(bytes: Uint8Array, at: number, size: number): number | undefined {
  if (at + size > bytes.length) return undefined;
  let number = 0;
  for (const byte of bytes.subarray(at, at + size)) number = number * 256 + byte;
  return number;
}

/** What stands between the lines of ASCII armor, or the bytes as they are; undefined for broken armor. */
function dearmored(bytes: Uint8Array): Uint8Array | undefined {
  if (((bytes[0] ?? 0) & 0x80) !== 0) return bytes;
  const text = Buffer.from(bytes).toString('latin1').replaceAll('\r', '');
  const begin = /^-----BEGIN PGP [A-Z ]{1,40}-----\n(?:[A-Za-z]+: [^\n]*\n)*\n/m.exec(text);
  if (begin === null) return undefined;
  const rest = text.slice(begin.index + begin[0].length);
  const end = rest.search(/^(?:=|-----END)/m);
  return end < 0 ? undefined : Buffer.from(rest.slice(0, end), 'base64');
}

/** RFC 9580 §5.5.4.2: SHA-1 over 0x99, the length and the packet. */
function fingerprintOf(body: Uint8Array): string {
  const prefix = Buffer.from([0x99, body.length >> 8, body.length & 0xff]);
  return createHash('sha1').update(prefix).update(body).digest('hex');
}

const RSA: ReadonlySet<number> = new Set([1, 3]);
const EDDSA = 22;
const ED25519_OID = '092b06010401da470f01';

function publicKeyOf(body: Uint8Array): KeyObject | undefined {
  const [version, , , , , algorithm = 0] = body;
  if (version !== 4) return undefined;
  if (RSA.has(algorithm)) {
    const [n, e] = integersOf(body.subarray(6), 2) ?? [];
    return n === undefined || e === undefined || n.length < RSA_BYTES_MIN
      ? undefined
      : jwk({ kty: 'RSA', n: base64url(n), e: base64url(e) });
  }
  const isEd25519 = algorithm === EDDSA && Buffer.from(body.subarray(6, 16)).toString('hex') === ED25519_OID;
  const [point] = (isEd25519 ? integersOf(body.subarray(16), 1) : undefined) ?? [];
  // 0x40 says that the point is in its own format.
  return point?.length === 33 && point[0] === 0x40
    ? jwk({ kty: 'OKP', crv: 'Ed25519', x: base64url(point.subarray(1)) })
    : undefined;
}

/** 2,048 bits. */
const RSA_BYTES_MIN = 256;

function jwk(key: Record<string, string>): KeyObject | undefined {
  try {
    return createPublicKey({ key, format: 'jwk' });
  } catch {
    // Numbers that are no key of that kind.
    return undefined;
  }
}

/**
 * Exactly `count` numbers with their length in bits in front (RFC 9580 §3.2), and nothing behind them. The length is that
 * from the first bit that is set: a signature has one spelling, or bytes of it could be changed that nothing vouches for.
 */
function integersOf(bytes: Uint8Array, count: number): readonly Uint8Array[] | undefined {
  const integers: Uint8Array[] = [];
  let at = 0;
  while (integers.length < count) {
    const bits = numberAt(bytes, at, 2);
    if (bits === undefined) return undefined;
    const start = at + 2;
    at = start + Math.ceil(bits / 8);
    if (at > bytes.length) return undefined;
    const integer = bytes.subarray(start, at);
    if (bits !== bitsOf(integer)) return undefined;
    integers.push(integer);
  }
  return at === bytes.length ? integers : undefined;
}

/** Bits from the first one that is set in the first byte. */
function bitsOf(integer: Uint8Array): number {
  return integer.length * 8 - (Math.clz32(integer[0] ?? 0) - 24);
}

const HASHES: ReadonlyMap<number, string> = new Map([
  [8, 'sha256'],
  [9, 'sha384'],
  [10, 'sha512'],
]);

/**
 * A version 4 signature over a document (RFC 9580 §5.2.3, §5.2.4). The subpackets that are not hashed are skipped unread:
 * nothing vouches for them, so nothing they say may count.
 */
function isSignature(body: Uint8Array, data: Uint8Array, key: KeyObject): boolean {
  const [version, type, algorithm = 0, hashNumber = 0] = body;
  const hash = HASHES.get(hashNumber);
  const hashedLength = numberAt(body, 4, 2);
  if (version !== 4 || type !== 0 || hash === undefined || hashedLength === undefined) return false;
  const hashedEnd = 6 + hashedLength;
  const unhashedLength = numberAt(body, hashedEnd, 2);
  if (unhashedLength === undefined) return false;
  const hintStart = hashedEnd + 2 + unhashedLength;
  const signed = Buffer.concat([data, body.subarray(0, hashedEnd), trailer(hashedEnd)]);
  const digest = createHash(hash).update(signed).digest();
  // The first 16 bits of the digest: another sign that this is over something else, and bytes that could say anything otherwise.
  if (numberAt(body, hintStart, 2) !== digest.readUInt16BE(0)) return false;
  const numbers = body.subarray(hintStart + 2);
  if (RSA.has(algorithm) && key.asymmetricKeyType === 'rsa') {
    const [number] = integersOf(numbers, 1) ?? [];
    const size = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
    return number !== undefined && verify(hash, signed, key, padded(number, size));
  }
  if (algorithm !== EDDSA || key.asymmetricKeyType !== 'ed25519') return false;
  const [r, s] = integersOf(numbers, 2) ?? [];
  if (r === undefined || s === undefined) return false;
  // OpenPGP signs the digest and not the document.
  return verify(null, digest, key, Buffer.concat([padded(r, 32), padded(s, 32)]));
}

/** RFC 9580 §5.2.4: the version, 0xff and how many bytes of the packet were hashed, in four bytes. */
function trailer(hashedBytes: number): Buffer {
  const bytes = Buffer.from([4, 0xff, 0, 0, 0, 0]);
  bytes.writeUInt32BE(hashedBytes, 2);
  return bytes;
}

/** Numbers are written without the zeros in front that signatures have. */
function padded(number: Uint8Array, size: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(size - number.length, 0)), number]);
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
