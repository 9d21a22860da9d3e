import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ProbeError } from '../probe.ts';

/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding, as PostgreSQL wants it: the name of the user is
 * known from before and left empty here.
 */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  #signature: Buffer | undefined;

  constructor(password: string, nonce: string = randomBytes(18).toString('base64')) {
    // RFC 4013 asks for more, which changes passwords only that hold white space or letters outside ASCII.
    this.#password = password.normalize('NFKC');
    this.#nonce = nonce;
  }

  first(): string {
    return `n,,${this.#bareFirst()}`;
  }

  /** The proof that we know the password. @throws ProbeError for a challenge that is none, or that would keep us busy. */
  async final(challenge: string): Promise<string> {
    const match = /^r=([!-+\--~]{1,256}),s=([A-Za-z0-9+/]{1,256}={0,2}),i=([1-9][0-9]{0,9})$/.exec(challenge);
    if (match === null) throw new ProbeError('PROTOCOL', 'SCRAM');
    const [, nonce = '', salt = '', iterations = ''] = match;
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new ProbeError('PROTOCOL', 'SCRAM');
    if (Number(iterations) > SCRAM_ITERATIONS_MAX) throw new ProbeError('TOO_LARGE', 'SCRAM iterations');
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
    const withoutProof = `c=biws,r=${nonce}`;
    const conversation = `${this.#bareFirst()},${challenge},${withoutProof}`;
    const clientKey = hmac(salted, 'Client Key');
    const clientSignature = hmac(createHash('sha256').update(clientKey).digest(), conversation);
    const proof = clientKey.map((byte, index) => byte ^ (clientSignature[index] ?? 0));
    this.#signature = hmac(hmac(salted, 'Server Key'), conversation);
    return `${withoutProof},p=${Buffer.from(proof).toString('base64')}`;
  }

  /** Whether the server knows the password as well. @throws ProbeError where it does not. */
  verify(end: string): void {
    const signature = Buffer.from(/^v=([A-Za-z0-9+/]{1,64}={0,2})$/.exec(end)?.[1] ?? '', 'base64');
    const expected = this.#signature;
    const isGood =
      expected !== undefined && signature.length === expected.length && timingSafeEqual(signature, expected);
    if (!isGood) throw new ProbeError('AUTHENTICATION', 'the server does not know the password');
  }

  #bareFirst(): string {
    return `n=,r=${this.#nonce}`;
  }
}

const derive = promisify(pbkdf2);

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Iterations a server may ask for: PostgreSQL asks for 4,096; two thousand million would occupy a thread for an hour. */
const SCRAM_ITERATIONS_MAX = 200_000;
