import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ProbeError } from '../probe.ts';

/**
 * What binds an exchange to the connection under it (RFC 5802 §6). `impossible`: there is no TLS. `not-offered`: we could, and the
 * server says that it cannot; it will notice when somebody between us has said so. Bytes: of RFC 5929, `tls-server-end-point`.
 */
export type ChannelBinding = 'impossible' | 'not-offered' | Uint8Array;

/**
 * The client's side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), as PostgreSQL wants it: the name of the user is
 * known from before and left empty here.
 */
export class ScramClient {
  readonly #password: string;
  readonly #nonce: string;
  readonly #binding: ChannelBinding;
  #signature: Buffer | undefined;

  constructor(
    password: string,
    binding: ChannelBinding = 'impossible',
    nonce: string = randomBytes(18).toString('base64'),
  ) {
    // RFC 4013 asks for more, which changes passwords only that hold white space or letters outside ASCII.
    this.#password = password.normalize('NFKC');
    this.#nonce = nonce;
    this.#binding = binding;
  }

  first(): string {
    return `${this.#header()}${this.#bareFirst()}`;
  }

  /** The proof that we know the password. @throws ProbeError for a challenge that is none, or that would keep us busy. */
  async final(challenge: string): Promise<string> {
    const match = /^r=([!-+\--~]{1,256}),s=([A-Za-z0-9+/]{1,256}={0,2}),i=([1-9][0-9]{0,9})$/.exec(challenge);
    if (match === null) throw new ProbeError('PROTOCOL', 'SCRAM');
    const [, nonce = '', salt = '', iterations = ''] = match;
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) throw new ProbeError('PROTOCOL', 'SCRAM');
    if (Number(iterations) > SCRAM_ITERATIONS_MAX) throw new ProbeError('TOO_LARGE', 'SCRAM iterations');
    const salted = await derive(this.#password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
    const withoutProof = `c=${this.#bound().toString('base64')},r=${nonce}`;
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

  #header(): string {
    if (typeof this.#binding !== 'string') return 'p=tls-server-end-point,,';
    return this.#binding === 'impossible' ? 'n,,' : 'y,,';
  }

  #bound(): Buffer {
    const header = Buffer.from(this.#header());
    return typeof this.#binding === 'string' ? header : Buffer.concat([header, this.#binding]);
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
