import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';

/** One entry of an archive as a test wants it, right or wrong. */
export interface TarEntry {
  readonly path: string;
  readonly text?: string;
  /** `0` (default) a file, `5` a folder, `2` a link, `x` a pax header. */
  readonly kind?: string;
  readonly prefix?: string;
  /** What the header says instead of the length. */
  readonly size?: number;
}

export function tarGz(entries: readonly TarEntry[], { end = Buffer.alloc(1024) }: { end?: Buffer } = {}): Buffer {
  return gzipSync(Buffer.concat([...entries.map(tarEntry), end]));
}

function tarEntry({ path, text = '', kind = '0', prefix = '', size }: TarEntry): Buffer {
  const content = Buffer.from(text, 'latin1');
  const header = Buffer.alloc(512);
  header.write(path, 0, 100, 'latin1');
  header.write('0000644\0', 100);
  header.write(`${(size ?? content.length).toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(kind, 156, 1, 'latin1');
  header.write('ustar\x0000', 257);
  header.write(prefix, 345, 155, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

/** A pax record: its length counts itself. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const digits = [1, 2, 3].find((count) => String(count + rest.length).length === count) ?? 1;
  return `${digits + rest.length}${rest}`;
}

/** What a signature says about itself, right or wrong. */
export interface SignatureParts {
  /** 0 is over bytes. */
  readonly type?: number;
  /** 2 SHA-1, 8 SHA-256, 10 SHA-512. */
  readonly hash?: number;
  /** Subpackets outside of what is signed. */
  readonly unhashed?: Buffer;
}

const HASHES = { 2: 'sha1', 8: 'sha256', 10: 'sha512' } as Readonly<Record<number, string>>;

/** A key that signs like OpenPGP does (RFC 9580, version 4). */
export class ReleaseKey {
  readonly fingerprint: string;
  readonly packet: Buffer;
  readonly #algorithm: number;
  readonly #privateKey: KeyObject;

  constructor(kind: 'rsa' | 'ed25519' = 'rsa') {
    const { publicKey, privateKey } =
      kind === 'rsa' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ed25519');
    const { n = '', e = '', x = '' } = publicKey.export({ format: 'jwk' });
    this.#algorithm = kind === 'rsa' ? 1 : 22;
    const numbers =
      kind === 'rsa'
        ? [integer(Buffer.from(n, 'base64url')), integer(Buffer.from(e, 'base64url'))]
        : [
            Buffer.from('092b06010401da470f01', 'hex'),
            integer(Buffer.concat([Buffer.from([0x40]), Buffer.from(x, 'base64url')])),
          ];
    const body = Buffer.concat([Buffer.from([4, 0, 0, 0, 1, this.#algorithm]), ...numbers]);
    this.packet = packet(6, body);
    this.fingerprint = createHash('sha1')
      .update(Buffer.from([0x99, body.length >> 8, body.length & 0xff]))
      .update(body)
      .digest('hex');
    this.#privateKey = privateKey;
  }

  get armored(): Buffer {
    return armored('PUBLIC KEY BLOCK', this.packet);
  }

  sign(data: Uint8Array, { type = 0, hash = 8, unhashed = Buffer.alloc(0) }: SignatureParts = {}): Buffer {
    const hashed = Buffer.from([4, type, this.#algorithm, hash, 0, 6, 5, 2, 0x60, 0, 0, 0]);
    const trailer = Buffer.from([4, 0xff, 0, 0, 0, hashed.length]);
    const signed = Buffer.concat([data, hashed, trailer]);
    const name = HASHES[hash] ?? '';
    const digest = createHash(name).update(signed).digest();
    const numbers =
      this.#algorithm === 1 ? [sign(name, signed, this.#privateKey)] : halves(sign(null, digest, this.#privateKey));
    const unhashedLength = Buffer.from([unhashed.length >> 8, unhashed.length & 0xff]);
    return packet(2, Buffer.concat([hashed, unhashedLength, unhashed, digest.subarray(0, 2), ...numbers.map(integer)]));
  }
}

function halves(bytes: Buffer): readonly Buffer[] {
  return [bytes.subarray(0, bytes.length / 2), bytes.subarray(bytes.length / 2)];
}

export function armored(kind: string, bytes: Buffer): Buffer {
  const lines = bytes.toString('base64').replaceAll(/.{1,64}/g, '$&\n');
  return Buffer.from(`-----BEGIN PGP ${kind}-----\nComment: for tests\n\n${lines}=AAAA\n-----END PGP ${kind}-----\n`);
}

/** The format of RFC 9580 §4.2.1 with a length of four bytes. */
export function packet(tag: number, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), length, body]);
}

function integer(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => byte !== 0);
  const number = bytes.subarray(Math.max(from, 0));
  const bits = number.length * 8 - Math.clz32(number[0] ?? 0) + 24;
  return Buffer.concat([Buffer.from([bits >> 8, bits & 0xff]), number]);
}

/** Serves files by their path; what it does not have is 404. */
export class ReleaseServer {
  readonly files: Map<string, Buffer> = new Map();
  /** Paths that lead elsewhere. */
  readonly redirects: Map<string, string> = new Map();
  readonly #server: Server = createServer((request, response) => {
    const path = request.url ?? '';
    const location = this.redirects.get(path);
    if (location !== undefined) response.writeHead(302, { Location: location }).end();
    else {
      const file = this.files.get(path);
      response.writeHead(file === undefined ? 404 : 200).end(file);
    }
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it does not listen');
    return `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
