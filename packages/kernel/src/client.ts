import type { IpAddress } from './ip.ts';

/** By which evidence the gateway knows a client's address. */
export type ClientEvidence = 'peer' | 'proxy-protocol' | 'trusted-proxies' | 'cloudflare' | 'cloudflare-tunnel';

/**
 * The client as the gateway has decided it is.
 *
 * Only the static functions here make one, and only the listener's client policy calls them, once per connection or
 * request: holding a `Client` proves that the listener's trust rules ran, and a header can never be mistaken for an
 * address. The private fields make the class nominal, so an object literal is not accepted in its place.
 */
export class Client {
  readonly #address: IpAddress;
  readonly #peer: string;
  readonly #evidence: ClientEvidence;
  /** Computed once: it is the key of every count of this client. */
  readonly #network: string;

  private constructor(address: IpAddress, peer: string, evidence: ClientEvidence) {
    this.#address = address;
    this.#peer = peer;
    this.#evidence = evidence;
    this.#network = address.network;
  }

  /** The peer of the socket is the client. `address` is 127.0.0.1 for a Unix socket, whose `peer` is `unix`. */
  static fromPeer(address: IpAddress, peer: string): Client {
    return new Client(address, peer, 'peer');
  }

  /** Something we trust vouched for `address`; `peer` is who connected. */
  static vouchedFor(address: IpAddress, peer: string, evidence: Exclude<ClientEvidence, 'peer'>): Client {
    return new Client(address, peer, evidence);
  }

  get address(): IpAddress {
    return this.#address;
  }

  /** Who connected: an address in text, or `unix`. */
  get peer(): string {
    return this.#peer;
  }

  get evidence(): ClientEvidence {
    return this.#evidence;
  }

  /** The key clients are counted by: the IPv4 address, or the IPv6 /64. */
  get network(): string {
    return this.#network;
  }
}
